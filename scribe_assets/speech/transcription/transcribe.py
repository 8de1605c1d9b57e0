"""Speech to text with word times, by faster-whisper (https://github.com/SYSTRAN/faster-whisper)."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.errors import PermanentError
from scribe_assets.speech.activity import SpeechBlock, in_blocks, speech_blocks
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import (
    LIKELY_LANGUAGE,
    TimeSpan,
    Transcription,
    TranscriptSegment,
)
from scribe_assets.speech.transcription.coverage import heard_again, wordless_speech
from scribe_assets.speech.transcription.decoding import BLOCK_SECONDS, decoded, with_margins
from scribe_assets.speech.transcription.inventions import without_inventions
from scribe_assets.speech.transcription.kept import segments_of
from scribe_assets.speech.transcription.languages import (
    SURE_OF_LANGUAGE,
    ExpectedLanguages,
    SpokenLanguages,
    by_language,
    main_language,
    windows_encoded_once,
)

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


TELLING_SECONDS = 2.0
"""Of speech, from which on even an unlikely language gives more than a word of nonsense."""

WINDOW_SECONDS = 30.0
"""What Whisper hears at a time, and so what it can tell the language of."""

MUCH_SPEECH = 0.05
"""Of a block: so much without words, and the hot words may have cost it. Less is only decoded again
by itself."""

MAX_TRIES = 6
"""How often speech without words is decoded again, as long as each try hears a part of it."""


def transcribe(
    model: "WhisperModel",
    waveform: Waveform,
    language: str | None = None,
    hotwords: str | None = None,
    progress: Progress | None = None,
    expected: ExpectedLanguages = ExpectedLanguages(),  # noqa: B008
) -> Transcription:
    """Transcribe a recording. Only speech, found by voice activity, is shown to the model.

    Blocks of speech are decoded several at a time, on a CPU one on each core. What Whisper makes up
    is removed and counted: words where nobody speaks, and what it repeats in a loop. Speech in
    which no word was heard is decoded once more, alone.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        language: ISO 639-1 code, or None to detect it from speech of all parts of the recording. In
            that case, a block in which another language is clearly spoken is transcribed in that.
            If another language than the given one is clearly spoken, Whisper translates without a
            word about it; `language_heard` tells.
        hotwords: words to expect, such as names.
        progress: called with the done fraction.
        expected: languages, one of which is taken where none is likely. Without them so little
            speech that its language cannot be told gives no words.

    Raises:
        PermanentError: the model does not know the language.
    """
    if language and language not in model.supported_languages:
        raise PermanentError(
            f"the model does not know the language {language!r}; it knows "
            f"{', '.join(sorted(model.supported_languages))}"
        )
    blocks = list(speech_blocks(waveform, BLOCK_SECONDS))
    windows = list(in_blocks((part for one in blocks for part in one.regions), WINDOW_SECONDS))
    windows = with_margins(windows, len(waveform), WINDOW_SECONDS)
    blocks = with_margins(blocks, len(waveform), BLOCK_SECONDS)
    if not blocks:
        return Transcription(language, None, [])
    removed: Counter[str] = Counter()
    segments: list[TranscriptSegment] = []
    with windows_encoded_once(model):
        main, probability = main_language(model, waveform, windows, expected)
        other: str | None = None
        if language:
            if main != language and probability >= SURE_OF_LANGUAGE:
                other = main
            main, probability = language, 1.0
        spoken = SpokenLanguages(main, language, expected)
        seconds = _speech(blocks) / SAMPLE_RATE
        if probability < LIKELY_LANGUAGE and seconds < TELLING_SECONDS and not expected.codes:
            return Transcription(None, round(probability, 3), [], {}, _in_seconds(blocks))

        def divide(block: SpeechBlock, samples: np.ndarray) -> list[tuple[SpeechBlock, str]]:
            return by_language(model, block, samples, spoken)

        wordless: list[SpeechBlock] = []
        for block, own, heard in decoded(model, waveform, blocks, divide, hotwords, progress):
            said = segments_of(without_inventions(block, heard, removed), block, own)
            missing = _wordless(waveform, block, said)
            if hotwords and _speech(missing) > MUCH_SPEECH * block.speech:
                said, missing = _without_hotwords(model, waveform, block, own, said, missing)
            segments += said
            wordless += missing
        found, unheard = _found_at_last(model, waveform, wordless, spoken)
    segments += found
    segments.sort(key=lambda segment: (segment.start, segment.end))
    return Transcription(
        main,
        round(probability, 3),
        segments,
        dict(removed),
        _in_seconds(sorted(unheard)),
        other,
    )


def _wordless(
    waveform: Waveform, block: SpeechBlock, said: list[TranscriptSegment]
) -> list[SpeechBlock]:
    words = [word for segment in said for word in segment.words]
    return wordless_speech(waveform, block, words)


def _without_hotwords(
    model: "WhisperModel",
    waveform: Waveform,
    block: SpeechBlock,
    language: str,
    said: list[TranscriptSegment],
    missing: list[SpeechBlock],
) -> tuple[list[TranscriptSegment], list[SpeechBlock]]:
    """What is said in a block, and its speech without words, decoded without hot words if there is
    less such speech then: long lists of them end a window early, or stand in its place."""
    removed: Counter[str] = Counter()
    other = [
        segment
        for part, own, heard in decoded(
            model, waveform, [block], lambda *_: [(block, language)], None
        )
        for segment in segments_of(without_inventions(part, heard, removed), part, own)
    ]
    left = _wordless(waveform, block, other)
    if _speech(left) < _speech(missing):
        return other, left
    return said, missing


def _found_at_last(
    model: "WhisperModel",
    waveform: Waveform,
    wordless: list[SpeechBlock],
    spoken: SpokenLanguages,
) -> tuple[list[TranscriptSegment], list[SpeechBlock]]:
    """What is heard in speech without words when it is decoded alone, and where nothing is."""
    segments: list[TranscriptSegment] = []
    unheard: list[SpeechBlock] = []
    for _ in range(MAX_TRIES):
        if not wordless:
            break
        again, silent = heard_again(model, waveform, wordless, spoken)
        unheard += silent
        wordless = []
        for stretch, own, heard in again:
            said = segments_of(heard, stretch, own)
            segments += said
            wordless += _wordless(waveform, stretch, said)
    return segments, unheard + wordless


def _speech(blocks: list[SpeechBlock]) -> int:
    return sum(block.speech for block in blocks)


def _in_seconds(blocks: list[SpeechBlock]) -> list[TimeSpan]:
    return [
        TimeSpan(round(block.start / SAMPLE_RATE, 3), round(block.end / SAMPLE_RATE, 3))
        for block in blocks
    ]
