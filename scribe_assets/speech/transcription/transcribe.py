"""Speech to text with word times, by faster-whisper (https://github.com/SYSTRAN/faster-whisper)."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.errors import PermanentError
from scribe_assets.speech.activity import SpeechBlock, speech_blocks
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Transcription, TranscriptSegment, Word
from scribe_assets.speech.transcription.decoding import BLOCK_SECONDS, decoded, with_margins
from scribe_assets.speech.transcription.inventions import without_inventions
from scribe_assets.speech.transcription.languages import (
    main_language,
    own_language,
    windows_encoded_once,
)
from scribe_assets.speech.words import continues, is_spaced, join_words

if TYPE_CHECKING:
    import faster_whisper.transcribe
    from faster_whisper import WhisperModel


def transcribe(
    model: "WhisperModel",
    waveform: Waveform,
    language: str | None = None,
    hotwords: str | None = None,
    progress: Progress | None = None,
) -> Transcription:
    """Transcribe a recording. Only speech, found by voice activity, is shown to the model.

    Blocks of speech are decoded several at a time, on a CPU one on each core. What Whisper makes up
    is removed and counted: words where nobody speaks, and what it repeats in a loop.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        language: ISO 639-1 code, or None to detect it from speech of all parts of the recording. In
            that case, a block in which another language is clearly spoken is transcribed in that.
        hotwords: words to expect, such as names.
        progress: called with the done fraction.

    Raises:
        PermanentError: the model does not know the language.
    """
    if language and language not in model.supported_languages:
        raise PermanentError(
            f"the model does not know the language {language!r}; it knows "
            f"{', '.join(sorted(model.supported_languages))}"
        )
    blocks = list(speech_blocks(waveform, BLOCK_SECONDS))
    blocks = with_margins(blocks, len(waveform), BLOCK_SECONDS)
    if not blocks:
        return Transcription(language, None, [])
    removed: Counter[str] = Counter()
    segments: list[TranscriptSegment] = []
    with windows_encoded_once(model):
        main, probability = (language, 1.0) if language else main_language(model, waveform, blocks)

        def language_of(speech: np.ndarray) -> str:
            return language or own_language(model, main, speech)

        for block, own, heard in decoded(model, waveform, blocks, language_of, hotwords):
            for segment in without_inventions(block, heard, removed):
                words = words_of(segment.words or [], block, own)
                if words:
                    text = join_words([word.word for word in words], own)
                    segments.append(
                        TranscriptSegment(words[0].start, words[-1].end, text, words, language=own)
                    )
            if progress:
                progress(min(1.0, block.end / len(waveform)))
    return Transcription(main, round(probability, 3), segments, dict(removed))


def words_of(
    raw: "list[faster_whisper.transcribe.Word]", block: SpeechBlock, language: str
) -> list[Word]:
    """Whisper's words, with times from the start of the recording that do not leave their block.

    Whisper splits at some apostrophes and hyphens ("l" + "'homme"); a piece that does not begin
    with a space belongs to the word before it, so that words joined by spaces give the text. In a
    language without spaces, that holds for words in letters of a language that has them.

    Args:
        raw: with times in seconds from the start of the block.
        block: where they were heard.
        language: of the words.
    """
    words: list[Word] = []
    for piece in raw:
        text = piece.word.strip()
        if not text:
            continue
        offset, limit = block.start / SAMPLE_RATE, block.end / SAMPLE_RATE
        start = round(min(offset + piece.start, limit), 3)
        end = round(min(offset + max(piece.start, piece.end), limit), 3)
        probability = round(piece.probability, 3)
        inside = bool(words) and not piece.word.startswith(" ")
        if inside and (is_spaced(language) or continues(words[-1].word, text)):
            before = words.pop()
            start, text = before.start, before.word + text
            probability = min(before.probability, probability)
        words.append(Word(start, end, text, probability))
    return words
