"""Who says what, one after the other: what the forms for phoneticians have in common.

Praat and ELAN have tiers, in which nothing overlaps and everything has a length. A speaker has one;
where two segments of the same speaker overlap, there is one more, so that times stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord


@dataclass(frozen=True)
class Interval:
    """Text in one line, from `start` to before `end`, in milliseconds from the beginning."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Utterance(Interval):
    """A segment, with its words inside it."""

    words: tuple[Interval, ...]


@dataclass(frozen=True)
class Track:
    """Utterances of a speaker, none of which overlaps another.

    Args:
        name: of the speaker for people; like `words_name`, that of no other tier.
        words_name: of the tier with the words.
        speaker: the speaker's name for machines.
        utterances: in order of time.
    """

    name: str
    words_name: str
    speaker: str
    utterances: Sequence[Utterance]


def tracks(result: Result) -> list[Track]:
    """The tracks of a result, in the order in which speakers first speak."""
    spoken = [
        (_utterance(segment), result.display_name(segment.speaker), segment.speaker)
        for segment in result.segments
        if segment.words or one_line(segment.text)
    ]
    parted: dict[str, list[list[Utterance]]] = {}
    ids: dict[str, str] = {}
    for utterance, name, label in sorted(spoken, key=lambda each: each[0].start):
        ids.setdefault(name, one_line(result.speaker_id(label)))
        of_speaker = parted.setdefault(name, [])
        free = next((row for row in of_speaker if row[-1].end <= utterance.start), None)
        if free is None:
            of_speaker.append([utterance])
        else:
            free.append(utterance)
    taken: set[str] = set()
    return [
        Track(_unique(name, taken), _unique(f"{name} - words", taken), ids[name], utterances)
        for name, of_speaker in parted.items()
        for utterances in of_speaker
    ]


def _utterance(segment: SpokenSegment) -> Utterance:
    words = _one_after_the_other(segment.words)
    start = min([max(0, _milliseconds(segment.start)), *(word.start for word in words[:1])])
    end = max([start + 1, _milliseconds(segment.end), *(word.end for word in words[-1:])])
    return Utterance(start, end, one_line(segment.text), tuple(words))


def _one_after_the_other(words: Sequence[SpokenWord]) -> list[Interval]:
    """Words in their order: each begins after the one before, and ends before the next one."""
    shown = [(text, word) for word in words if (text := one_line(word.word))]
    starts: list[int] = []
    for _, word in shown:
        starts.append(max(_milliseconds(word.start), starts[-1] + 1 if starts else 0))
    ends = [*starts[1:], None][: len(starts)]
    intervals = []
    for (text, word), start, latest in zip(shown, starts, ends, strict=True):
        end = max(start + 1, _milliseconds(word.end))
        intervals.append(Interval(start, min(end, latest or end), text))
    return intervals


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _unique(name: str, taken: set[str]) -> str:
    """The name, with a number if there is a tier of that name already."""
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name} [{number}]", number + 1
    taken.add(unique)
    return unique
