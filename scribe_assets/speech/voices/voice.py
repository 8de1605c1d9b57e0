"""Plain data about voices, and how a person's samples become one voiceprint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
    """An enrolled person: (dimension,) embedding of length 1, of so much speech, and the embeddings
    of the samples that it was made of."""

    person_id: str
    name: str
    embedding: np.ndarray
    speech_seconds: float = 0.0
    samples: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class VoiceSample:
    """A sample of a person's voice.

    `embedding` is (dimension,) of length 1, None where `problem` says why it is not used.
    `consistency` is the cosine similarity of the two least similar groups of its pieces, None for
    a sample too short to have any.
    """

    embedding: np.ndarray | None
    speech_seconds: float
    consistency: float | None = None
    problem: str | None = None


def voiceprint(person_id: str, name: str, samples: Sequence[VoiceSample]) -> Voiceprint | None:
    """A person's voice: the mean of the samples' embeddings, weighted by their seconds of speech.

    Args:
        person_id: of the identity bank.
        name: for people.
        samples: of the person; those with a problem are left out.

    Returns:
        None where no sample can be used.
    """
    used = [s for s in samples if s.embedding is not None]
    if not used:
        return None
    embeddings = tuple(s.embedding for s in used if s.embedding is not None)
    seconds = [s.speech_seconds for s in used]
    mean = np.sum(
        [point * weight for point, weight in zip(embeddings, seconds, strict=True)], axis=0
    )
    return Voiceprint(person_id, name, mean / np.linalg.norm(mean), sum(seconds), embeddings)
