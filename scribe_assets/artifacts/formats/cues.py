"""Subtitle cues that can be read: what SRT and WebVTT have in common.

The rules are those of broadcasters (Netflix, Timed Text Style Guide; BBC, Subtitle Guidelines): at
most two lines of 42 characters, 1 to 7 s, 20 characters a second, cut where a sentence or a clause
ends, lines of about the same length. Words are never left out for that, and cues never overlap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.speech.timeline import SpokenSegment
from scribe_assets.speech.words import separators

LINE_CHARACTERS = 42
LINES = 2
LEAST_SECONDS = 1.0
MOST_SECONDS = 7.0
CHARACTERS_A_SECOND = 20.0

LEAST_STEP = 0.1
"""Seconds between the beginnings of two cues."""

MOST_DELAY = 2.0
"""Seconds by which a cue may be late where people speak at the same time, so that the one before
can be read."""

SENTENCE_ENDS = tuple(".?!…。？！")
CLAUSE_ENDS = tuple(",;:،、，；：")
CLOSING = "\"'”’»)] "

PAUSE_SECONDS = 0.4
"""After a word, from which on a cut is natural."""

PRICE_OF_A_CUE = 1.0
PRICE_AT_A_CLAUSE = 0.5
PRICE_AT_A_PAUSE = 1.0
PRICE_ANYWHERE = 3.0
"""What a cut costs there; after a sentence it costs nothing."""

PRICE_OF_HASTE = 0.2
"""For each character a second beyond what can be read."""


@dataclass(frozen=True)
class Cue:
    """A subtitle: seconds from the start, speaker for people, one or two lines of text."""

    start: float
    end: float
    speaker: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A word in one line, what stands before it (a space, or nothing), and its time."""

    text: str
    before: str
    start: float
    end: float


def cues(result: Result, lead: str = "") -> list[Cue]:
    """A result as cues, in order of time.

    Args:
        result: the result.
        lead: what stands before the first word of each segment, such as `{speaker}: `; it takes
            place in the line.
    """
    found: list[Cue] = []
    for segment in sorted(result.segments, key=lambda each: (each.start, each.end)):
        speaker = result.display_name(segment.speaker)
        pieces = _pieces(segment, result.language, lead.format(speaker=speaker))
        found += [
            Cue(
                pieces[first].start,
                max(piece.end for piece in pieces[first:end]),
                speaker,
                _lines(pieces[first:end]),
            )
            for first, end in _cut(pieces)
        ]
    return list(_in_time(sorted(found, key=lambda cue: (cue.start, cue.end))))


def _pieces(segment: SpokenSegment, language: str | None, lead: str) -> list[Piece]:
    words = [one_line(word.word) for word in segment.words]
    before = separators(words, segment.language or language)
    pieces = [
        Piece(text, space, word.start, word.end)
        for text, space, word in zip(words, before, segment.words, strict=True)
        if text
    ]
    if pieces and lead:
        pieces[0] = replace(pieces[0], text=lead + pieces[0].text)
    return pieces


def _cut(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Where a segment is cut: first and end of each cue, at the least price."""
    widths = _Widths(pieces)
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(pieces) + 1):
        last = end == len(pieces)
        at_end = 0.0 if last else _price_of_cut(pieces[end - 1], pieces[end])
        options = []
        for first in range(end - 1, -1, -1):
            seconds = pieces[end - 1].end - pieces[first].start
            if end - first > 1 and (seconds > MOST_SECONDS or not widths.fit(first, end)):
                break  # nor does what is longer
            haste = widths.of(first, end) / max(LEAST_SECONDS, seconds) - CHARACTERS_A_SECOND
            price = PRICE_OF_A_CUE + at_end + PRICE_OF_HASTE * max(0.0, haste)
            options.append((best[first][0] + price, first))
        best.append(min(options))
    cuts: list[tuple[int, int]] = []
    end = len(pieces)
    while end:
        first = best[end][1]
        cuts.append((first, end))
        end = first
    return cuts[::-1]


class _Widths:
    """How many characters any pieces in a row have, without putting them together each time."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._before = [len(piece.before) for piece in pieces]
        self._until = [0, *accumulate(len(piece.before + piece.text) for piece in pieces)]
        self._line_ends: list[int] = []  # of the fullest line that begins with each piece
        end = 0
        for first in range(len(pieces)):
            end = max(end, first + 1)
            while end < len(pieces) and self.of(first, end + 1) <= LINE_CHARACTERS:
                end += 1
            self._line_ends.append(end)

    def of(self, first: int, end: int) -> int:
        """Characters of the pieces from `first` on to before `end`, in one line."""
        return self._until[end] - self._until[first] - self._before[first]

    def fit(self, first: int, end: int) -> bool:
        """Whether they fit into two lines."""
        middle = min(self._line_ends[first], end)
        fits = self.of(first, middle) <= LINE_CHARACTERS
        return fits and (middle == end or self.of(middle, end) <= LINE_CHARACTERS)


def _price_of_cut(left: Piece, right: Piece) -> float:
    said = left.text.rstrip(CLOSING)
    if said.endswith(SENTENCE_ENDS):
        return 0.0
    if said.endswith(CLAUSE_ENDS):
        return PRICE_AT_A_CLAUSE
    return PRICE_AT_A_PAUSE if right.start - left.end >= PAUSE_SECONDS else PRICE_ANYWHERE


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.before + piece.text for piece in pieces).strip()


def _lines(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The text of a cue in one line, or in two of which the longer one is as short as it can be; of
    those the first one ends with a clause, if there is a choice."""
    whole = _text(pieces)
    if len(whole) <= LINE_CHARACTERS or len(pieces) == 1:
        return (whole,)

    divided = {at: (_text(pieces[:at]), _text(pieces[at:])) for at in range(1, len(pieces))}
    longer = {at: max(map(len, lines)) for at, lines in divided.items()}
    fitting = [at for at in divided if longer[at] <= LINE_CHARACTERS]

    def price(at: int) -> float:
        return longer[at] + 4 * _price_of_cut(pieces[at - 1], pieces[at])

    return divided[min(fitting, key=price)]


def _in_time(found: Sequence[Cue]) -> Iterator[Cue]:
    """Cues one after the other: those that are too short to be read stay for longer where nothing
    follows. Where people speak at the same time, the later cue waits until the earlier one can be
    read, but not for long; then the earlier one goes."""
    starts: list[float] = []
    for number, cue in enumerate(found):
        start = cue.start
        if number:
            before = found[number - 1]
            readable = min(before.end, starts[-1] + _reading_seconds(before))
            start = max(start, min(readable, start + MOST_DELAY), starts[-1] + LEAST_STEP)
        starts.append(round(start, 3))
    for number, cue in enumerate(found):
        start = starts[number]
        end = max(cue.end, start + _reading_seconds(cue))
        if number + 1 < len(found):
            end = min(end, starts[number + 1])
        yield replace(cue, start=start, end=round(end, 3))


def _reading_seconds(cue: Cue) -> float:
    characters = len(" ".join(cue.lines))
    return min(MOST_SECONDS, max(LEAST_SECONDS, characters / CHARACTERS_A_SECOND))


def timestamp(seconds: float, decimal: str) -> str:
    """Hours, minutes, seconds and milliseconds.

    >>> timestamp(3723.4567, ",")
    '01:02:03,457'
    """
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{decimal}{milliseconds % 1000:03d}"
