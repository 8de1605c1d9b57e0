"""Whose voice it is: open-set speaker identification against enrolled voiceprints."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.audio import SAMPLE_RATE, speech_regions
from scribe_assets.speech.diarization import Timeline, Turn
from scribe_assets.speech.embedding import embed

if TYPE_CHECKING:
    from pyannote.audio import Model

THRESHOLD = 0.55
"""Cosine similarity of CAM++ embeddings from which two voices are taken for the same
(docs/decisions/0004-identification-threshold.md)."""

MIN_SPEECH_SECONDS = 1.0
"""Below this an embedding says little about a voice, and nobody is named."""

MAX_SPEECH_SECONDS = 60.0
"""More speech of a label does not change its embedding any more."""


@dataclass(frozen=True)
class Identity:
    """The decision about one label, with its reason.

    `score` is the cosine similarity to the nearest enrolled person, whether accepted or not;
    None where there was nothing to compare.
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


def voiceprint(
    model: "Model", person_id: str, name: str, samples: list[np.ndarray]
) -> Voiceprint | None:
    """Enrol a person.

    Args:
        model: a speaker embedding model.
        person_id: of the identity bank.
        name: for people.
        samples: (num_samples,) float32 at 16 kHz each; silence in them is dropped.

    Returns:
        None where all the samples together hold less than 0.25 s of speech.
    """
    speech = [sample[start:end] for sample in samples for start, end in speech_regions(sample)]
    embedding = embed(model, speech)
    return None if embedding is None else Voiceprint(person_id, name, embedding)


def speaker_embeddings(model: "Model", waveform: np.ndarray, timeline: Timeline) -> list[Voice]:
    """Embed every speaker of a recording from the speech nobody else speaks over.

    Args:
        model: a speaker embedding model.
        waveform: (num_samples,) float32 at 16 kHz.
        timeline: of the same recording.
    """
    voices = []
    for label in timeline.speakers:
        spans = clean_spans(timeline, label)
        pieces = longest(spans, MAX_SPEECH_SECONDS)
        speech = [waveform[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)] for a, b in pieces]
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
    voices: list[Voice], voiceprints: list[Voiceprint], threshold: float = THRESHOLD
) -> list[Identity]:
    """Decide for each speaker who it is; unknown stays unknown.

    The nearest enrolled person is taken if the cosine similarity reaches the threshold. A person
    is given to one speaker only, the most similar one.

    Args:
        voices: the speakers of a recording.
        voiceprints: the people enrolled by its user.
        threshold: cosine similarity, -1 to 1.
    """
    ranked = {voice.label: rank(voice, voiceprints) for voice in voices}
    best = [(scores[0], label) for label, scores in ranked.items() if scores]
    nearest_label: dict[str, str] = {}
    for (_, person), label in sorted(best, key=lambda item: -item[0][0]):
        nearest_label.setdefault(person.person_id, label)

    identities = []
    for voice in voices:
        scores = ranked[voice.label]
        nearest = scores[0] if scores else None
        second = scores[1] if len(scores) > 1 else None
        accepted: Voiceprint | None = None
        if voice.embedding is None:
            reason = f"too little speech: {voice.alone_seconds:.1f} s"
        elif nearest is None:
            reason = "nobody is enrolled"
        elif nearest[0] < threshold:
            reason = f"below threshold: {nearest[1].person_id} {nearest[0]:.2f} < {threshold:.2f}"
        elif nearest_label[nearest[1].person_id] != voice.label:
            reason = f"{nearest[1].person_id} is nearer to {nearest_label[nearest[1].person_id]}"
        else:
            accepted = nearest[1]
            reason = f"above threshold: {nearest[0]:.2f} >= {threshold:.2f}"
        identities.append(
            Identity(
                label=voice.label,
                person_id=accepted.person_id if accepted else None,
                name=accepted.name if accepted else None,
                score=round(nearest[0], 3) if nearest else None,
                runner_up=second[1].person_id if second else None,
                runner_up_score=round(second[0], 3) if second else None,
                speech_seconds=round(voice.speech_seconds, 3),
                decision="identified" if accepted else "unknown",
                reason=reason,
            )
        )
    return identities


def rank(voice: Voice, voiceprints: list[Voiceprint]) -> list[tuple[float, Voiceprint]]:
    """(cosine similarity, person), nearest first; empty for a voice without an embedding."""
    if voice.embedding is None:
        return []
    scores = [(float(voice.embedding @ person.embedding), person) for person in voiceprints]
    return sorted(scores, key=lambda pair: -pair[0])
