"""What was said in which recording. The results themselves are read each time, several at once:
there is no index that could be out of date."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import UsageError
from scribe_assets.keys import ANY_USER, RecordingRef
from scribe_assets.library.recordings import UNREADABLE
from scribe_assets.speech.timeline import SpokenSegment
from scribe_assets.speech.words import folded, is_spaced, separators
from scribe_assets.storage.recordings import read_document, recordings_with
from scribe_assets.storage.s3 import S3Storage

READERS = 16


@dataclass(frozen=True)
class Hit:
    """Where something was said.

    Attributes:
        ref: the recording.
        key: of its upload.
        start: seconds from the start of the recording, of the first of the words.
        speaker: for people.
        text: of the segment in which it was said.
    """

    ref: RecordingRef
    key: str
    start: float
    speaker: str
    text: str


def hits(result: Result, ref: RecordingRef, words: str) -> Iterator[Hit]:
    """The segments in which these words stand one after the other, from the beginning of a word on.

    Raises:
        UsageError: there is no letter or digit in the words.
    """
    wanted = folded(words)
    if not wanted:
        raise UsageError(f"there is nothing to search for in {words!r}; give a word or more")
    for segment in result.segments:
        language = segment.language or result.language
        if (start := _start_of(segment, language, wanted)) is not None:
            speaker = result.display_name(segment.speaker)
            yield Hit(ref, result.source.key, start, speaker, segment.text)


def _start_of(segment: SpokenSegment, language: str | None, wanted: str) -> float | None:
    """When the words begin in a segment; None where they are not in it."""
    words = [word for word in segment.words if folded(word.word)]
    text, starts = "", list[tuple[int, float]]()
    for space, word in zip(separators([w.word for w in words], language), words, strict=True):
        text += space
        starts.append((len(text), word.start))
        text += folded(word.word)
    # In a language without spaces, words begin anywhere.
    beginning = r"\b" if is_spaced(language) else ""
    found = re.search(beginning + re.escape(wanted), text)
    return max(start for at, start in starts if at <= found.start()) if found else None


def search(
    storage: S3Storage,
    words: str,
    user_id: str = ANY_USER,
    tell: Callable[[str], None] = lambda _problem: None,
) -> Iterator[Hit]:
    """Find words in all results.

    Args:
        storage: S3.
        words: see `hits`; accents and case do not count.
        user_id: only in this user's recordings.
        tell: of a result that cannot be read, why.

    Raises:
        UsageError: see `hits`.
    """

    def look(ref: RecordingRef) -> list[Hit]:
        try:
            return list(hits(read_document(storage, ref, Result), ref, words))
        except UNREADABLE as error:
            tell(str(error))
            return []

    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(look, recordings_with(storage, user_id, Result)):
            yield from found
