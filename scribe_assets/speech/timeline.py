"""Intervals of time: spans, and what is made of them (turns, words, segments).

`Span` is the one type for an interval in this project. Its unit is seconds from the start of the
recording, unless a name says samples or frames. The types that stand in JSON documents (`Turn`,
`Word`, `TranscriptSegment`, …) are spans in seconds with more fields.

This module imports nothing of the project, so that everybody can import it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Generic, TypeVar

Unit = TypeVar("Unit", int, float)
"""Seconds are floats; samples and frames are ints."""


@dataclass(frozen=True, order=True)
class Span(Generic[Unit]):
    """An interval from `start` up to, not including, `end`.

    >>> start, end = Span(2, 5)
    >>> Span(2, 5).duration
    3
    >>> "scribe"[Span(2, 5).slice]
    'rib'
    """

    start: Unit
    end: Unit

    def __iter__(self) -> Iterator[Unit]:
        return iter((self.start, self.end))

    @property
    def duration(self) -> Unit:
        """How long the span is, in its own unit."""
        return self.end - self.start

    @property
    def slice(self) -> slice:
        """To index an array or a recording with, for spans in samples or frames."""
        return slice(self.start, self.end)

    def shared(self, other: "Span[Unit]") -> Unit:
        """What two spans have in common; negative: how far they are apart.

        >>> Span(0, 3).shared(Span(2, 5)), Span(0, 3).shared(Span(7, 9))
        (1, -4)
        """
        return min(self.end, other.end) - max(self.start, other.start)

    def distance(self, moment: float) -> float:
        """How far a moment is from the span; 0 within it.

        >>> Span(2, 5).distance(1), Span(2, 5).distance(4), Span(2, 5).distance(5.5)
        (1, 0.0, 0.5)
        """
        return max(self.start - moment, moment - self.end, 0.0)

    def clip(self, longest: Unit) -> "Span[Unit]":
        """The beginning of the span, of no more than this duration.

        >>> Span(2, 5).clip(2), Span(2, 5).clip(9)
        (Span(start=2, end=4), Span(start=2, end=5))
        """
        return Span(self.start, min(self.end, self.start + longest))


def subtract(spans: Iterable[Span[Unit]], others: Iterable[Span[Unit]]) -> list[Span[Unit]]:
    """The parts of spans that none of the others covers.

    >>> subtract([Span(0, 10)], [Span(2, 3), Span(1, 4)])
    [Span(start=0, end=1), Span(start=4, end=10)]
    """
    ordered = sorted(others, key=lambda span: (span.start, span.end))
    free: list[Span[Unit]] = []
    for span in spans:
        start = span.start
        for other in ordered:
            if other.end <= start or other.start >= span.end:
                continue
            if other.start > start:
                free.append(Span(start, other.start))
            start = other.end
        if start < span.end:
            free.append(Span(start, span.end))
    return free


def equal_parts(span: Span[int], number: int) -> list[Span[int]]:
    """A span in so many parts, as equal as whole numbers allow; none of a span without duration.

    >>> equal_parts(Span(10, 20), 3)
    [Span(start=10, end=13), Span(start=13, end=17), Span(start=17, end=20)]
    """
    length = span.duration / max(number, 1)
    edges = [*(round(place * length + span.start) for place in range(number)), span.end]
    return [Span(start, end) for start, end in pairwise(edges)]


def longest(spans: Iterable[Span[Unit]], total: Unit) -> list[Span[Unit]]:
    """The longest spans, longest first, up to a total duration; the last one is clipped to it.

    >>> longest([Span(0, 1), Span(2, 5), Span(6, 8)], 4)
    [Span(start=2, end=5), Span(start=6, end=7)]
    """
    taken: list[Span[Unit]] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if total <= 0:
            break
        clipped = span.clip(total)
        taken.append(clipped)
        total -= clipped.duration
    return taken


@dataclass(frozen=True, order=True)
class TimeSpan(Span[float]):
    """A span in seconds, to derive the types of the documents from.

    The fields are declared again because pydantic takes a type variable for "int or float", which
    would show in the JSON and in its schema.
    """

    start: float
    end: float


# The metadata is for pydantic: JSON has the field only where it says something.
_ONLY_WHERE_SET = {"exclude_if": lambda value: value is None}
_ONLY_WHERE_TRUE = {"exclude_if": lambda value: not value}


@dataclass(frozen=True, order=True)
class Gap(TimeSpan):
    """A hole in the time stamps of a file, in seconds.

    `track` is the number of the audio track with the hole, where another one has sound meanwhile.
    """

    track: int | None = field(default=None, metadata=_ONLY_WHERE_SET)


@dataclass(frozen=True, order=True)
class Turn(TimeSpan):
    """One speaker speaks from start to end, in seconds from the start of the recording.

    `track` is the number, from 1, of the group of channels in which he is heard; None where a
    recording is not divided into groups.
    """

    speaker: str
    track: int | None = field(default=None, metadata=_ONLY_WHERE_SET)


@dataclass(frozen=True)
class Timeline:
    """Turns of all speakers, labelled SPEAKER_00, SPEAKER_01, … in order of first speech.

    `turns` may overlap; in `exclusive` one speaker, the dominant one, holds each moment. `number`
    says between which numbers that of the speakers lies, the found one among them; None where the
    diarization does not say so.
    """

    turns: list[Turn]
    exclusive: list[Turn]
    number: tuple[int, int] | None = None

    @property
    def speakers(self) -> list[str]:
        """All labels, in order."""
        return sorted({turn.speaker for turn in self.turns})

    def of_tracks(self, count: int) -> "list[Timeline]":
        """The timeline of each track; itself for a recording that is not divided into tracks.

        >>> one = Timeline([Turn(0, 2, "a", 1), Turn(1, 3, "b", 2)], [])
        >>> [track.speakers for track in one.of_tracks(2)], one.of_tracks(1) == [one]
        ([['a'], ['b']], True)
        """
        if count == 1:
            return [self]
        return [
            Timeline(
                [turn for turn in self.turns if turn.track == number],
                [turn for turn in self.exclusive if turn.track == number],
            )
            for number in range(1, count + 1)
        ]


def in_order_of_speech(timeline: Timeline) -> Timeline:
    """Rename the speakers SPEAKER_00, SPEAKER_01, … in the order in which they first speak.

    >>> named = in_order_of_speech(Timeline([Turn(0, 1, "b"), Turn(1, 2, "a")], []))
    >>> [turn.speaker for turn in named.turns]
    ['SPEAKER_00', 'SPEAKER_01']
    """
    labels: dict[str, str] = {}
    for turn in sorted([*timeline.turns, *timeline.exclusive]):
        labels.setdefault(turn.speaker, f"SPEAKER_{len(labels):02d}")

    def renamed(turns: list[Turn]) -> list[Turn]:
        return [replace(turn, speaker=labels[turn.speaker]) for turn in turns]

    return Timeline(renamed(timeline.turns), renamed(timeline.exclusive), timeline.number)


def clean_spans(timeline: Timeline, label: str) -> list[Span[float]]:
    """The parts of a speaker's turns during which no other speaker speaks, in seconds.

    >>> clean_spans(Timeline([Turn(0, 4, "a"), Turn(3, 6, "b")], []), "a")
    [Span(start=0, end=3)]
    """
    return subtract(
        [turn for turn in timeline.turns if turn.speaker == label],
        [turn for turn in timeline.turns if turn.speaker != label],
    )


@dataclass(frozen=True)
class Word(TimeSpan):
    """One word; times in seconds from the start of the recording, probability in [0, 1]."""

    word: str
    probability: float


@dataclass(frozen=True)
class SpokenWord(Word):
    """A word and its speaker; `overlap` where somebody else speaks at the same time.

    `speaker` is None only in a recording, or a track of it, in which diarization found no speech at
    all. `by_hand` marks a word that a person has corrected; it has probability 1.
    """

    speaker: str | None
    overlap: bool
    by_hand: bool = field(default=False, metadata=_ONLY_WHERE_TRUE)


@dataclass(frozen=True)
class TranscriptSegment(TimeSpan):
    """Words that Whisper decoded together, and the language it took them for.

    `track` is the group of channels in which they are heard, as in `Turn`.
    """

    text: str
    words: list[Word]
    language: str | None = None
    track: int | None = field(default=None, metadata=_ONLY_WHERE_SET)


@dataclass(frozen=True)
class SpokenSegment(TimeSpan):
    """What one speaker says without a long pause, in one language.

    `language` is None where it is the language of the recording.
    """

    speaker: str | None
    text: str
    words: list[SpokenWord]
    language: str | None = field(default=None, metadata=_ONLY_WHERE_SET)


LIKELY_LANGUAGE = 0.5
"""Probability from which a language is more likely than all others together. Below it a recording
is in one that is expected, where that is set, and its result says that it is not sure."""


@dataclass(frozen=True)
class Transcription:
    """What was said; no language and no segments where nobody speaks.

    `removed` counts, by reason, the words that Whisper invented (see `without_inventions`);
    `unheard` is speech in which no word was heard (see `heard_again`); `language_heard` is the
    language that is clearly spoken where a person gave another one.
    """

    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]
    removed: dict[str, int] = field(default_factory=dict)
    unheard: list[TimeSpan] = field(default_factory=list)
    language_heard: str | None = None
