"""Whether enrolled voices are whose they are said to be: one voice in a person's samples, and
another one for each person (docs/decisions/0012-voices-of-a-bank.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scribe_assets.speech.voices.voice import Voiceprint, VoiceSample

SAME_PERSON = 0.85
"""Cosine similarity from which two enrolled voices are of one person. Measured: two people 0.75 at
most, but 0.88 where both were enrolled over one bad line; one person 0.74 to 0.99."""

ALIKE = 0.7
"""Cosine similarity from which two enrolled voices may be of one person, and that is told."""

UNLIKE = 0.58
"""Samples that are less alike than that are not used beside a majority that is of one voice: by the
others this one would not be recognised (the threshold of `identification`)."""

APART = 0.5
"""Where no majority is of one voice by that measure, samples less alike than this are of two
voices. One person over a bad line and without is so far apart in 3 of 100 pairs, else never."""

VOTING_SECONDS = 3.0
"""A sample with less speech says too little of what the others should be like."""


@dataclass(frozen=True)
class Judgement:
    """What became of a person's samples.

    Attributes:
        used: the indices of those that the voiceprint is made of.
        doubtful: whether those that are used are hardly alike.
        foreign: by index, whose voice a sample has instead, and the cosine similarity.
    """

    used: list[int]
    doubtful: bool = False
    foreign: dict[int, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Likeness:
    """Two people of a bank whose voices are alike; `same` where they are taken for one person.

    `score` is the cosine similarity of their voiceprints.
    """

    person_id: str
    other_id: str
    score: float
    same: bool


def judge(bank: Mapping[str, Sequence[VoiceSample]]) -> dict[str, Judgement]:
    """Which samples of each person are this person's voice.

    A person's samples are compared with each other (see `own_voice`) and with the other people.
    One that has the voice of somebody else, and is not like the rest, is not used. Nor is the rest,
    if it is not the majority: it cannot be told which of them are whose.

    Args:
        bank: the samples, by person.
    """
    own = {person_id: own_voice(samples) for person_id, samples in bank.items()}
    people = [person_id for person_id, (used, _) in own.items() if used]
    centres = [_centre([bank[one][index] for index in own[one][0]]) for one in people]
    points = np.stack(centres) if centres else np.zeros((0, 0))
    found = {}
    for person_id, samples in bank.items():
        used, doubtful = own[person_id]
        foreign = {}
        for index, nearest in _of_others(person_id, samples, people, points).items():
            rest = [samples[other] for other in used if other != index]
            if index not in used or (rest and _likeness(samples[index], _centre(rest)) < ALIKE):
                foreign[index] = nearest
        left = [index for index in used if index not in foreign]
        left = left if 2 * len(left) > len(used) else []
        found[person_id] = Judgement(left, doubtful and left == used, foreign)
    return found


def _of_others(
    person_id: str, samples: Sequence[VoiceSample], people: Sequence[str], points: np.ndarray
) -> dict[int, tuple[str, float]]:
    """By index, the nearest other person, of samples that have the voice of one.

    Args:
        person_id: whose samples.
        samples: of the person; a single one cannot be told from the person's voice.
        people: everybody who has a voice.
        points: (num_people, dimension) their voices.
    """
    found = {}
    for index, sample in enumerate(samples if len(samples) > 1 else []):
        if sample.embedding is None or not people:
            continue
        scores = points @ sample.embedding
        high = [int(column) for column in np.flatnonzero(scores >= SAME_PERSON)]
        near = [column for column in high if people[column] != person_id]
        if near:
            nearest = max(near, key=scores.__getitem__)
            found[index] = (people[nearest], float(scores[nearest]))
    return found


def _centre(samples: Sequence[VoiceSample]) -> np.ndarray:
    """The mean of embeddings by their seconds, of length 1, as in a voiceprint."""
    weighted = [s.embedding * s.speech_seconds for s in samples if s.embedding is not None]
    mean = np.sum(weighted, axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _likeness(sample: VoiceSample, point: np.ndarray) -> float:
    return -1.0 if sample.embedding is None else float(sample.embedding @ point)


def own_voice(samples: Sequence[VoiceSample]) -> tuple[list[int], bool]:
    """Which of a person's samples are of one voice, and so of this person's.

    The samples are put in groups, the most alike first, as long as two groups are alike enough on
    average (agglomerative clustering, average linkage). The voice is that of the group with more
    than half of the samples that are long enough to have a vote; enough is `UNLIKE`, and where
    there is no such group, `APART`.

    Args:
        samples: of a person; those without an embedding belong to no voice.

    Returns:
        Their indices, and whether they are in doubt because only `APART` put them together. No
        indices where the samples are of several voices, and no one has the majority.
    """
    usable = [i for i, sample in enumerate(samples) if sample.embedding is not None]
    if len(usable) < 2:
        return usable, False
    points = np.stack([sample.embedding for sample in samples if sample.embedding is not None])
    voters = {i for i in usable if samples[i].speech_seconds >= VOTING_SECONDS} or {*usable}
    for enough in (UNLIKE, APART):
        for group in _groups(points @ points.T, enough):
            members = sorted(usable[position] for position in group)
            if 2 * len(voters & {*members}) > len(voters):
                return members, enough == APART
    return [], False


def _groups(scores: np.ndarray, enough: float) -> list[list[int]]:
    """Groups of indices, by the (number, number) similarities; see `own_voice`."""
    groups = [[index] for index in range(len(scores))]
    between = scores.copy()
    np.fill_diagonal(between, -np.inf)
    while True:
        one, other = map(int, np.unravel_index(int(between.argmax()), between.shape))
        if between[one, other] < enough:
            return [group for group in groups if group]
        weights = len(groups[one]), len(groups[other])
        merged = np.average(between[[one, other]], axis=0, weights=weights)
        between[one, :] = between[:, one] = merged
        between[other, :] = between[:, other] = between[one, one] = -np.inf
        groups[one] += groups[other]
        groups[other] = []


def likenesses(voiceprints: Sequence[Voiceprint]) -> list[Likeness]:
    """The people of a bank whose voices are alike, the most alike first.

    Two are the same person if their voiceprints are (`SAME_PERSON`), and each sample of one is like
    the voiceprint of the other: what somebody else's sample has spoilt is nobody's voice.
    """
    if len(voiceprints) < 2:
        return []
    points = np.stack([person.embedding for person in voiceprints])
    scores = np.triu(points @ points.T, 1)
    found = []
    for row, column in np.argwhere(scores >= ALIKE):
        one, other, score = voiceprints[row], voiceprints[column], float(scores[row, column])
        same = score >= SAME_PERSON and _all_like(one, other) and _all_like(other, one)
        found.append(Likeness(one.person_id, other.person_id, score, same))
    return sorted(found, key=lambda pair: (-pair.score, pair.person_id, pair.other_id))


def _all_like(one: Voiceprint, other: Voiceprint) -> bool:
    return all(float(sample @ other.embedding) >= ALIKE for sample in one.samples)


def one_person_each(voiceprints: Sequence[Voiceprint]) -> list[list[int]]:
    """The ids of a bank in groups, one a person: all in a group have the same voice.

    Returns:
        Indices. The first in a group is the one with most speech, among equals the first by id: by
        this one the person is called.
    """
    same = {
        frozenset((pair.person_id, pair.other_id)) for pair in likenesses(voiceprints) if pair.same
    }
    shared = {person_id for pair in same for person_id in pair}
    groups: list[list[int]] = []
    for index, person in sorted(
        enumerate(voiceprints), key=lambda found: (-found[1].speech_seconds, found[1].person_id)
    ):
        for group in groups if person.person_id in shared else []:
            ids = [voiceprints[member].person_id for member in group]
            if all(frozenset((person.person_id, other)) in same for other in ids):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups
