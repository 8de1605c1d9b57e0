"""What is kept of Whisper's segments and words: whole words, with times that can be used."""

from dataclasses import replace
from typing import TYPE_CHECKING

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import TranscriptSegment, Word
from scribe_assets.speech.transcription.word_times import with_lengths
from scribe_assets.speech.words import continues, is_spaced, join_words

if TYPE_CHECKING:
    import faster_whisper.transcribe

CLOSING = set(".,;:!?…»”’›)]}%。，、！？：；」』")
OPENING = set("«“„‘‹([{¿¡「『\"'")
DASHES = set("-–—")
"""Marks that Whisper writes as words of their own where a space is before them: French has one
before a question mark, and inside of its quotation marks."""

NO_BREAK_SPACE = "\u00a0"

ALONE = CLOSING | OPENING | DASHES | {NO_BREAK_SPACE, "♪"}
"""Where there is nothing else, nobody has said anything."""


def segments_of(
    heard: "list[faster_whisper.transcribe.Segment]", block: SpeechBlock, language: str
) -> list[TranscriptSegment]:
    """Segments as they are kept, without those that have no word.

    Args:
        heard: with times in seconds from the start of the block.
        block: where they were heard.
        language: of the words.
    """
    groups = [words_of(segment.words or [], block, language) for segment in heard]
    start, end = block.start / SAMPLE_RATE, block.end / SAMPLE_RATE
    timed = iter(with_lengths([word for group in groups for word in group], start, end))
    segments = []
    for group in groups:
        words = [next(timed) for _ in group]
        if words:
            text = join_words([word.word for word in words], language)
            segments.append(
                TranscriptSegment(words[0].start, words[-1].end, text, words, language=language)
            )
    return segments


def words_of(
    raw: "list[faster_whisper.transcribe.Word]", block: SpeechBlock, language: str
) -> list[Word]:
    """Whisper's words, with times from the start of the recording that do not leave their block.

    Whisper splits at some apostrophes and hyphens ("l" + "'homme"); a piece that does not begin
    with a space belongs to the word before it, so that words joined by spaces give the text. In a
    language without spaces, that holds for words in letters of a language that has them. A mark
    that stands alone belongs to a word: one that opens something to the next, others to the one
    before.

    Args:
        raw: with times in seconds from the start of the block.
        block: where they were heard.
        language: of the words.
    """
    words: list[Word] = []
    opening = ""
    for piece in raw:
        text = piece.word.strip()
        if not text:
            continue
        spaced = piece.word.startswith(" ")
        if _belongs_to_the_next(text, first=not words, spaced=spaced):
            opening += text + (NO_BREAK_SPACE if text in DASHES or text == "«" else "")
            continue
        word = _word(piece, block, opening + text)
        mark = set(text) <= CLOSING | DASHES
        inside = bool(words) and not opening and (not spaced or mark)
        if inside and (mark or is_spaced(language) or continues(words[-1].word, text)):
            before = words.pop()
            between = NO_BREAK_SPACE if mark and spaced else ""
            probability = min(before.probability, word.probability)
            end = before.end if mark and spaced else word.end
            word = Word(before.start, end, before.word + between + text, probability)
        words.append(word)
        opening = ""
    if opening and words:
        words[-1] = replace(words[-1], word=f"{words[-1].word}{NO_BREAK_SPACE}{opening.strip()}")
    return [word for word in words if not set(word.word) <= ALONE]


def _belongs_to_the_next(text: str, *, first: bool, spaced: bool) -> bool:
    """Whether a mark that stands alone belongs to the word after it."""
    marks = set(text)
    return (marks <= OPENING and (spaced or first)) or (
        first and marks <= OPENING | CLOSING | DASHES
    )


def _word(piece: "faster_whisper.transcribe.Word", block: SpeechBlock, text: str) -> Word:
    """A word within its block."""
    offset, limit = block.start / SAMPLE_RATE, block.end / SAMPLE_RATE
    start = round(min(offset + piece.start, limit), 3)
    end = round(min(offset + max(piece.start, piece.end), limit), 3)
    return Word(start, end, text, round(piece.probability, 3))
