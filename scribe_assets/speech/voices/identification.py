"""Whose voice it is: open-set speaker identification against enrolled voiceprints."""

from dataclasses import dataclass, replace

import numpy as np

from scribe_assets.speech.voices.enrolment import one_person_each
from scribe_assets.speech.voices.voice import Identity, Voice, Voiceprint

THRESHOLD = 0.58
"""Cosine similarity of CAM++ embeddings from which two voices are taken for the same
(docs/decisions/0004-identification-threshold.md)."""


MARGIN = 0.05
"""The cosine similarity to the nearest person must be higher than to the next one by so much."""


SAME_VOICE = 0.7
"""Cosine similarity from which two labels of a recording are one voice that was split."""


SAME_VOICE_AS = "; the same voice as "
"""In a reason, before the other ids of the person who is named."""


def identify(
    voices: list[Voice],
    voiceprints: list[Voiceprint],
    threshold: float = THRESHOLD,
    margin: float = MARGIN,
) -> list[Identity]:
    """Decide for each speaker who it is; unknown stays unknown.

    Labels and people are assigned to each other one to one, so that the sum of the similarities
    that reach the threshold is highest (Kuhn 1955, the Hungarian method). The assigned name is
    given if nobody is more similar, and if everybody who is not assigned to another label is less
    similar by the margin. A label without a person of its own takes the name of another label if
    both clearly have the same voice.

    Ids with the same voice are one person (see `one_person_each`), as similar as the most similar
    of them and called by the first; the reason names the others.

    Args:
        voices: the speakers of a recording.
        voiceprints: the people enrolled by its user.
        threshold: cosine similarity, -1 to 1.
        margin: difference of cosine similarities.
    """
    scores, people = similarities(voices, voiceprints), one_person_each(voiceprints)
    others = [[voiceprints[index].person_id for index in ids[1:]] for ids in people]
    scores = np.stack([scores[:, ids].max(axis=1) for ids in people], axis=1) if people else scores
    voiceprints = [voiceprints[ids[0]] for ids in people]
    assigned = assign(scores, threshold)
    decided = []
    for row, voice in enumerate(voices):
        verdict = _judge(row, voices, voiceprints, scores, assigned, threshold, margin)
        if verdict.accepted and verdict.person is not None and others[verdict.person]:
            reason = f"{verdict.reason}{SAME_VOICE_AS}{', '.join(others[verdict.person])}"
            verdict = replace(verdict, reason=reason)
        decided.append(_identity(voice, voiceprints, scores[row], verdict))
    # A label that was taken for the same person as an unnamed one stays unnamed, too.
    named = {identity.label for identity in decided if identity.person_id}
    return [
        _unnamed(identity, f"like {identity.same_as}, who stays unknown")
        if identity.same_as and identity.same_as not in named
        else identity
        for identity in decided
    ]


@dataclass(frozen=True)
class _Verdict:
    """Whether a speaker is the `person` that was looked at (a column of the scores), and why."""

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
    """A verdict as it is kept, with the scores of the person looked at and of the next nearest."""
    first = verdict.person
    order = [] if voice.embedding is None else _nearest_first(scores)
    second = next((column for column in order if column != first), None)
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
    """Row to column, one to one, with the highest sum of the scores that reach the threshold."""
    from scipy.optimize import linear_sum_assignment

    eligible = np.where(scores >= threshold, scores, 0.0)
    rows, columns = linear_sum_assignment(eligible, maximize=True)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if scores[row, column] >= threshold
    }


def is_same_voice(voice: Voice, other: Voice) -> bool:
    """Whether two labels are clearly one person, whom diarization took for two."""
    if voice.embedding is None or other.embedding is None:
        return False
    return float(voice.embedding @ other.embedding) >= SAME_VOICE
