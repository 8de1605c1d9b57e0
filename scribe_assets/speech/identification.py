"""Whose voice it is: open-set speaker identification against enrolled voiceprints."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.audio import SAMPLE_RATE, Waveform, cut, speech_regions, telephone_band
from scribe_assets.speech.diarization import Timeline, Turn
from scribe_assets.speech.embedding import embed

if TYPE_CHECKING:
    from pyannote.audio import Model

THRESHOLD = 0.58
"""Cosine similarity of CAM++ embeddings from which two voices are taken for the same
(docs/decisions/0004-identification-threshold.md)."""

MARGIN = 0.05
"""By how much the nearest person must be nearer than the next one."""

SAME_VOICE = 0.7
"""Cosine similarity from which two labels of a recording are one voice that was split."""

MIN_SPEECH_SECONDS = 1.0
"""Below this an embedding says little about a voice, and nobody is named."""

MAX_SPEECH_SECONDS = 60.0
"""More speech of a label does not change its embedding any more."""

TELEPHONE_WEIGHT = 0.7
"""Of a sample's telephone band, beside the sample as it is."""

PIECE_SECONDS = 2.0
SEVERAL_VOICES = 0.48
"""A sample is cut into pieces of 2 s; where the two groups they make are less alike than this, they
are several voices. Measured: one voice 0.55 and more, two voices 0.44 and less (telephone)."""


@dataclass(frozen=True)
class Identity:
    """The decision about one label, with its reason.

    `score` is the cosine similarity to the person named, else to the nearest one enrolled; None
    where there was nothing to compare. `same_as` is another label that is the same voice.
    """

    label: str
    person_id: str | None
    name: str | None
    score: float | None
    runner_up: str | None
    runner_up_score: float | None
    speech_seconds: float
    decision: str
    reason: str
    same_as: str | None = None


@dataclass(frozen=True)
class Voice:
    """A speaker of a recording.

    `embedding` is (dimension,) of length 1, None for too little speech. `speech_seconds` is all
    the speech, `alone_seconds` the part without overlap.
    """

    label: str
    embedding: np.ndarray | None
    speech_seconds: float
    alone_seconds: float


@dataclass(frozen=True)
class Voiceprint:
    """An enrolled person: (dimension,) embedding of length 1."""

    person_id: str
    name: str
    embedding: np.ndarray


@dataclass(frozen=True)
class VoiceSample:
    """What a sample tells of a voice.

    `embedding` is (dimension,) of length 1, None where `problem` says why it is not used.
    `consistency` is the cosine similarity of the two least similar groups of its pieces, None for
    a sample too short to have any.
    """

    embedding: np.ndarray | None
    speech_seconds: float
    consistency: float | None = None
    problem: str | None = None


def voice_sample(model: "Model", waveform: np.ndarray) -> VoiceSample:
    """Embed a sample of a person's voice, its speech only, and look whether it is one voice.

    The embedding is the weighted mean of two, of the speech as it is and of its telephone band: so
    one sample does for both channels (docs/decisions/0004-identification-threshold.md).

    Args:
        model: a speaker embedding model.
        waveform: (num_samples,) float32 at 16 kHz.
    """
    regions = [waveform[start:end] for start, end in speech_regions(waveform)]
    seconds = sum(map(len, regions)) / SAMPLE_RATE
    if seconds < MIN_SPEECH_SECONDS:
        return VoiceSample(None, seconds, problem=f"too little speech: {seconds:.1f} s")
    similarity = consistency(model, np.concatenate(regions))
    if similarity is not None and similarity < SEVERAL_VOICES:
        return VoiceSample(None, seconds, similarity, f"several voices ({similarity:.2f} alike)")
    wide = embed(model, regions)
    narrow = embed(model, [telephone_band(region) for region in regions])
    if wide is None or narrow is None:
        return VoiceSample(None, seconds, similarity, "it has no voice that could be embedded")
    total = wide + TELEPHONE_WEIGHT * narrow
    return VoiceSample(total / np.linalg.norm(total), seconds, similarity)


def consistency(model: "Model", speech: np.ndarray) -> float | None:
    """How alike the pieces of a voice are: they are parted into the two groups that are least alike
    on average (agglomerative clustering, average linkage), and their similarity is returned; None
    where there are less than two pieces of 2 s.

    Args:
        model: a speaker embedding model.
        speech: (num_samples,) float32 at 16 kHz, without silence.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    length = int(PIECE_SECONDS * SAMPLE_RATE)
    limited = speech[: int(MAX_SPEECH_SECONDS * SAMPLE_RATE)]
    embedded = [
        embed(model, [limited[start : start + length]])
        for start in range(0, len(limited) - length + 1, length)
    ]
    pieces = [piece for piece in embedded if piece is not None]
    if len(pieces) < 2:
        return None
    merges = linkage(pdist(np.stack(pieces), "cosine"), "average")
    return float(1 - merges[-1, 2])


def voiceprint(person_id: str, name: str, samples: Sequence[VoiceSample]) -> Voiceprint | None:
    """A person's voice: the mean of the samples' embeddings, weighted by their seconds of speech.

    Args:
        person_id: of the identity bank.
        name: for people.
        samples: of the person; those with a problem are left out.

    Returns:
        None where no sample can be used.
    """
    used = [s.embedding * s.speech_seconds for s in samples if s.embedding is not None]
    if not used:
        return None
    mean = np.sum(used, axis=0)
    return Voiceprint(person_id, name, mean / np.linalg.norm(mean))


def embed_speakers(model: "Model", waveform: Waveform, timeline: Timeline) -> list[Voice]:
    """Embed every speaker of a recording from the speech nobody else speaks over.

    Args:
        model: a speaker embedding model.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        timeline: of the same recording.
    """
    voices = []
    for label in timeline.speakers:
        spans = clean_spans(timeline, label)
        speech = cut(waveform, longest(spans, MAX_SPEECH_SECONDS))
        alone = sum(end - start for start, end in spans)
        spoken = sum(turn.duration for turn in timeline.turns if turn.speaker == label)
        enough = alone >= MIN_SPEECH_SECONDS
        voices.append(Voice(label, embed(model, speech) if enough else None, spoken, alone))
    return voices


def clean_spans(timeline: Timeline, label: str) -> list[tuple[float, float]]:
    """(start, end) in seconds of the stretches where one speaker speaks and no other does."""
    own = [turn for turn in timeline.turns if turn.speaker == label]
    return subtract(own, [turn for turn in timeline.turns if turn.speaker != label])


def longest(spans: list[tuple[float, float]], seconds: float) -> list[tuple[float, float]]:
    """The longest spans that together last so many seconds; the last one is cut.

    >>> longest([(0, 1), (2, 5), (6, 8)], 4)
    [(2, 5), (6, 7)]
    """
    taken: list[tuple[float, float]] = []
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
        if seconds <= 0:
            break
        end = min(end, start + seconds)
        taken.append((start, end))
        seconds -= end - start
    return taken


def subtract(turns: list[Turn], others: list[Turn]) -> list[tuple[float, float]]:
    """The parts of turns during which none of the others lasts, in seconds.

    >>> subtract([Turn(0, 10, "a")], [Turn(2, 3, "b"), Turn(2.5, 4, "c")])
    [(0, 2), (4, 10)]
    """
    others = sorted(others)
    free = []
    for turn in turns:
        start = turn.start
        for other in others:
            if other.end <= start or other.start >= turn.end:
                continue
            if other.start > start:
                free.append((start, other.start))
            start = other.end
        if start < turn.end:
            free.append((start, turn.end))
    return free


def identify(
    voices: list[Voice],
    voiceprints: list[Voiceprint],
    threshold: float = THRESHOLD,
    margin: float = MARGIN,
) -> list[Identity]:
    """Decide for each speaker who it is; unknown stays unknown.

    Labels and people are assigned to each other one to one, so that the sum of the similarities
    that reach the threshold is highest (Kuhn 1955, the Hungarian method). An assigned name counts
    if no person who is not assigned elsewhere comes closer than the margin, and none at all is
    nearer. A label that is left over is the same person as another one where its voice clearly is.

    Args:
        voices: the speakers of a recording.
        voiceprints: the people enrolled by its user.
        threshold: cosine similarity, -1 to 1.
        margin: difference of cosine similarities.
    """
    scores = similarities(voices, voiceprints)
    assigned = assign(scores, threshold)
    decided = []
    for row, voice in enumerate(voices):
        verdict = _judge(row, voices, voiceprints, scores, assigned, threshold, margin)
        decided.append(_identity(voice, voiceprints, scores[row], verdict))
    # Who is the same person as somebody unnamed is unnamed, too.
    named = {identity.label for identity in decided if identity.person_id}
    return [
        _unnamed(identity, f"like {identity.same_as}, who stays unknown")
        if identity.same_as and identity.same_as not in named
        else identity
        for identity in decided
    ]


@dataclass(frozen=True)
class _Verdict:
    """Whether a speaker is the person (a column of the scores) who comes first, and why."""

    person: int | None
    accepted: bool
    reason: str
    same_as: str | None = None


def _judge(
    row: int,
    voices: list[Voice],
    voiceprints: list[Voiceprint],
    scores: np.ndarray,
    assigned: dict[int, int],
    threshold: float,
    margin: float,
) -> _Verdict:
    """Decide for one speaker; see `identify`."""
    voice, own = voices[row], assigned.get(row)
    if voice.embedding is None:
        return _Verdict(None, False, f"too little speech: {voice.alone_seconds:.1f} s")
    order = _nearest_first(scores[row])
    if not order:
        return _Verdict(None, False, "nobody is enrolled")
    nearest, score = order[0], scores[row, order[0]]
    who = voiceprints[nearest].person_id
    if score < threshold:
        return _Verdict(nearest, False, f"below threshold: {who} {score:.2f} < {threshold:.2f}")
    taken = {person: label for label, person in assigned.items()}
    if own is None or score > scores[row, own]:
        other = voices[taken[nearest]]
        if is_same_voice(voice, other):
            reason = f"same person as {other.label}: {score:.2f} to {who}"
            return _Verdict(nearest, True, reason, same_as=other.label)
        return _Verdict(nearest, False, f"{who} is nearer to {other.label}")
    who, score = voiceprints[own].person_id, scores[row, own]
    rival = next((column for column in order if column != own and column not in taken), None)
    if rival is not None and score - scores[row, rival] < margin:
        close, near = voiceprints[rival].person_id, scores[row, rival]
        return _Verdict(own, False, f"too close to {close}: {who} {score:.2f}, {close} {near:.2f}")
    return _Verdict(own, True, f"above threshold: {score:.2f} >= {threshold:.2f}")


def _nearest_first(scores: np.ndarray) -> list[int]:
    return [int(column) for column in np.argsort(-scores, kind="stable")]


def _identity(
    voice: Voice, voiceprints: list[Voiceprint], scores: np.ndarray, verdict: _Verdict
) -> Identity:
    """A verdict as it is kept, with the score of who comes first and of who comes next."""
    first = verdict.person
    heard = [] if voice.embedding is None else _nearest_first(scores)
    second = next((column for column in heard if column != first), None)
    named = voiceprints[first] if verdict.accepted and first is not None else None
    return Identity(
        label=voice.label,
        person_id=named.person_id if named else None,
        name=named.name if named else None,
        score=None if first is None else round(float(scores[first]), 3),
        runner_up=None if second is None else voiceprints[second].person_id,
        runner_up_score=None if second is None else round(float(scores[second]), 3),
        speech_seconds=round(voice.speech_seconds, 3),
        decision="identified" if named else "unknown",
        reason=verdict.reason,
        same_as=verdict.same_as,
    )


def _unnamed(identity: Identity, reason: str) -> Identity:
    return replace(identity, person_id=None, name=None, decision="unknown", reason=reason)


def forgotten(identity: Identity) -> Identity:
    """The decision after the person it names was forgotten."""
    return replace(
        _unnamed(identity, "the person is no longer enrolled"),
        score=None,
        runner_up=None,
        runner_up_score=None,
        same_as=None,
    )


def similarities(voices: list[Voice], voiceprints: list[Voiceprint]) -> np.ndarray:
    """(num_voices, num_people) cosine similarities; -1 for a voice without an embedding."""
    scores = np.full((len(voices), len(voiceprints)), -1.0)
    if voiceprints:
        people = np.stack([person.embedding for person in voiceprints])
        for row, voice in enumerate(voices):
            if voice.embedding is not None:
                scores[row] = people @ voice.embedding
    return scores


def assign(scores: np.ndarray, threshold: float) -> dict[int, int]:
    """Row to column, one to one, with the highest sum of what reaches the threshold."""
    from scipy.optimize import linear_sum_assignment

    eligible = np.where(scores >= threshold, scores, 0.0)
    rows, columns = linear_sum_assignment(eligible, maximize=True)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] >= threshold
    }


def is_same_voice(one: Voice, other: Voice) -> bool:
    """Whether two labels are clearly one person, whom diarization took for two."""
    if one.embedding is None or other.embedding is None:
        return False
    return float(one.embedding @ other.embedding) >= SAME_VOICE
