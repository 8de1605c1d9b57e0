"""Subtitle cues: what SRT and WebVTT have in common."""

from collections.abc import Iterator
from dataclasses import dataclass

from scribe_assets.artifacts.documents import Result
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord
from scribe_assets.speech.words import join_words

# Two lines of 42 characters for at most 7 s: what people can read (Netflix and BBC guidelines).
MAX_CHARACTERS = 84
MAX_SECONDS = 7.0


@dataclass(frozen=True)
class Cue:
    """A subtitle: seconds from the start, speaker for people, one line of text."""

    start: float
    end: float
    speaker: str
    text: str


def cues(result: Result) -> Iterator[Cue]:
    """Segments, cut between words where they are too long to read at once."""
    for segment in result.segments:
        language = segment.language or result.language
        for words in _pieces(segment):
            yield Cue(
                start=words[0].start,
                end=max(word.end for word in words),
                speaker=result.display_name(segment.speaker),
                text=join_words([word.word for word in words], language),
            )


def _pieces(segment: SpokenSegment) -> Iterator[list[SpokenWord]]:
    piece: list[SpokenWord] = []
    for word in segment.words:
        length = sum(len(w.word) + 1 for w in piece) + len(word.word)
        if piece and (length > MAX_CHARACTERS or word.end - piece[0].start > MAX_SECONDS):
            yield piece
            piece = []
        piece.append(word)
    if piece:
        yield piece


def timestamp(seconds: float, decimal: str) -> str:
    """Hours, minutes, seconds and milliseconds.

    >>> timestamp(3723.4567, ",")
    '01:02:03,457'
    """
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{decimal}{milliseconds % 1000:03d}"
