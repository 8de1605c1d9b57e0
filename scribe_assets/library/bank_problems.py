"""What is wrong in an identity bank, a sentence each, for the person whose folder it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scribe_assets.artifacts.documents import EnrolledPerson, Voiceprints
from scribe_assets.artifacts.documents.text import looks, one_line
from scribe_assets.speech.voices.enrolment import Judgement, Likeness, likenesses


@dataclass
class BankProblems:
    """Sentences, by person.

    Attributes:
        samples: of the profile and the samples of a person; what is used, and why the rest is not.
        voices: of people whose voices are alike.
        names: of people who are called the same.
        same: the ids of those who are taken for the same person.
    """

    samples: dict[str, list[str]] = field(default_factory=dict)
    voices: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    same: dict[str, list[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        """All sentences, as they are told of the whole bank."""
        for told in (self.samples, self.voices, self.names):
            yield from lines(told)


def lines(told: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences with the people that they are of."""
    return [f"{one_line(who)}: {sentence}" for who, some in told.items() for sentence in some]


def bank_problems(document: Voiceprints | None) -> BankProblems:
    """What is wrong with people, alone and beside the others."""
    if document is None:
        return BankProblems()
    judged = document.judged()
    samples = {
        person.person_id: sample_problems(person, judged[person.person_id])
        for person in document.people
    }
    found = BankProblems(
        samples={who: sentences for who, sentences in samples.items() if sentences},
        names=name_problems({person.person_id: person.name for person in document.people}),
    )
    for pair in likenesses(document.voiceprints()):
        for who, other in ((pair.person_id, pair.other_id), (pair.other_id, pair.person_id)):
            found.voices.setdefault(who, []).append(_likeness_problem(pair, other))
            if pair.same:
                found.same.setdefault(who, []).append(other)
    return found


def sample_problems(person: EnrolledPerson, judged: Judgement) -> list[str]:
    """What is wrong with a person's profile and samples."""
    sentences = [person.problem] if person.problem else []
    sentences += [f"sample {s.key} is not used: {s.problem}" for s in person.samples if s.problem]
    usable = [index for index, sample in enumerate(person.samples) if sample.embedding]
    if not usable:
        return [*sentences, "cannot be recognised: no usable voice sample"]
    for index, (other, score) in judged.foreign.items():
        sentences.append(
            f"sample {person.samples[index].key} is not used: it has the voice of {other} "
            f"({score:.2f} alike)"
        )
    if not judged.used:
        keys = ", ".join(person.samples[index].key for index in usable)
        sentences.append(
            f"cannot be recognised: {keys} are not all of one voice, and whose is right cannot be "
            "told; remove what somebody else speaks, or add samples"
        )
        return sentences
    if judged.doubtful:
        keys = ", ".join(person.samples[index].key for index in judged.used)
        sentences.append(f"{keys} are hardly of one voice; remove what somebody else speaks")
    return sentences + [
        f"sample {person.samples[index].key} is not used: its voice is unlike the other samples; "
        "remove it if somebody else speaks"
        for index in usable
        if index not in judged.used and index not in judged.foreign
    ]


def _likeness_problem(pair: Likeness, other: str) -> str:
    if pair.same:
        return (
            f"has the voice of {other} ({pair.score:.2f} alike) and is taken for the same person; "
            "keep one id with all samples"
        )
    return (
        f"has a voice like {other} ({pair.score:.2f} alike), and who is nearly as near to both is "
        "not named; if they are one person, keep one id with all samples"
    )


def name_problems(names: Mapping[str, str]) -> dict[str, list[str]]:
    """What people should know of others who are called, or whose folders are, as their own.

    Args:
        names: by id.
    """
    called = _alike({person_id: looks(name) for person_id, name in names.items()})
    written = _alike({person_id: one_line(person_id) for person_id in names})
    found: dict[str, list[str]] = {}
    for person_id, others in written.items():
        folders = ", ".join(map(ascii, others))
        found[person_id] = [
            f"the folder {person_id!a} looks like {folders} and is another one in S3; put the "
            "files into one of them"
        ]
    for person_id, others in called.items():
        found.setdefault(person_id, []).append(
            f"is called {names[person_id]} like {', '.join(map(one_line, others))}; results show "
            "the ids, too"
        )
    return found


def _alike(keys: Mapping[str, str]) -> dict[str, list[str]]:
    """For each that has its key in common with others, these others."""
    groups: dict[str, list[str]] = {}
    for person_id, key in keys.items():
        groups.setdefault(key, []).append(person_id)
    return {
        person_id: [other for other in group if other != person_id]
        for group in groups.values()
        if len(group) > 1
        for person_id in group
    }
