"""Which language a recording is in, and which of its blocks are in another one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scribe_assets.speech.activity import SpeechBlock, speech_regions
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.timeline import LIKELY_LANGUAGE, Span
from scribe_assets.speech.transcription.decoding import speech_in

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

LANGUAGE_BLOCKS = 8
"""From at most so many blocks the language of a recording is detected."""


SURE_OF_LANGUAGE = 0.9
"""Probability from which speech counts as in another language than the recording."""


WINDOW_SECONDS = 30.0
"""Whisper hears the language of so much speech at once."""


PAUSE_SECONDS = 0.6
"""Longer than a breath within a sentence: who speaks afterwards may do so in another language."""


PIECE_SECONDS = 4.0
"""Of speech, from which on the language is told surely enough."""


@contextmanager
def windows_encoded_once(model: "WhisperModel") -> Iterator[None]:
    """Let the encoder remember the windows that it has just seen.

    The first window of each block is encoded twice otherwise: for its language, and for its text.
    """
    encode = model.encode

    @lru_cache(maxsize=2 * LANGUAGE_BLOCKS)
    def encoded(features: bytes, shape: tuple[int, ...]) -> Any:
        return encode(np.frombuffer(features, np.float32).reshape(shape).copy())

    model.encode = lambda features: encoded(features.tobytes(), features.shape)
    try:
        yield
    finally:
        model.encode = encode


def likely_languages(model: "WhisperModel", speech: np.ndarray) -> dict[str, float]:
    """The probability of each language, by ISO 639-1 code, from the first 30 s of speech.

    Args:
        model: see `load_whisper`.
        speech: (num_samples,) float32 at 16 kHz.
    """
    if not model.model.is_multilingual:
        return {"en": 1.0}
    # Without the last frame, as faster-whisper cuts it: the window is encoded once for both.
    return dict(model.detect_language(features=model.feature_extractor(speech)[:, :-1])[2])


@dataclass(frozen=True)
class ExpectedLanguages:
    """ISO 639-1 codes of the languages that are spoken in an installation, in any order; empty: any
    of those that the model knows."""

    codes: tuple[str, ...] = ()


def main_language(
    model: "WhisperModel",
    waveform: Waveform,
    blocks: list[SpeechBlock],
    expected: ExpectedLanguages = ExpectedLanguages(),
) -> tuple[str, float]:
    """The language of a recording, and its probability.

    It is the one that is most probable on average over blocks from all parts of the recording.
    Where it is less likely than all others together, the most probable of those that are expected
    is taken.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        blocks: of the recording, at least one.
        expected: see above.
    """
    some = min(len(blocks), LANGUAGE_BLOCKS)
    chosen = [
        blocks[number] for number in np.linspace(0, len(blocks) - 1, some).round().astype(int)
    ]
    read = (waveform[block.slice] for block in chosen)
    total: Counter[str] = Counter()
    for likely in in_parallel(
        model.model.num_workers,
        lambda samples: likely_languages(model, speech_in(samples)[0]),
        read,
    ):
        total.update(likely)
    main, summed = total.most_common(1)[0]
    if expected.codes and summed / some < LIKELY_LANGUAGE:
        main = max(expected.codes, key=lambda code: total[code])
    return main, total[main] / some


def by_language(
    model: "WhisperModel",
    main: str,
    block: SpeechBlock,
    samples: np.ndarray,
    speech: np.ndarray,
) -> list[tuple[SpeechBlock, str]]:
    """A block, or the parts of it that are in one language each.

    A language is another one than the recording's only where the model is sure, because small
    models often take an accent or noise for another language. Where it is unsure of a whole block,
    or hears one language at its beginning and another one at its end, it is asked of pieces of some
    seconds; those of which it is not sure either belong to the one before.

    Args:
        model: see `load_whisper`.
        main: language of the recording.
        block: of the recording.
        samples: (num_samples,) float32 at 16 kHz, of the block.
        speech: the same without the longer pauses.
    """
    windows = [speech]
    if len(speech) > WINDOW_SECONDS * SAMPLE_RATE:
        windows.append(speech[-int(WINDOW_SECONDS * SAMPLE_RATE) :])
    found = [sure_language(model, window) for window in windows]
    if None not in found and len({*found}) == 1:
        return [(block, found[0] or main)]
    if not model.model.is_multilingual:
        return [(block, main)]
    # Who goes on in another language takes a breath, which is no pause between regions of a block.
    breaths = tuple(
        Span(block.start + region.start, block.start + region.end)
        for region in speech_regions(samples)
    )
    whole, block = block, replace(block, regions=breaths or block.regions)
    pieces = _pieces(block)
    languages = [
        sure_language(model, samples[piece.start - block.start : piece.end - block.start])
        for piece in pieces
    ]
    if len({language for language in languages if language}) < 2:
        return [(whole, found[0] or main)]
    return _runs(block, pieces, languages)


def sure_language(model: "WhisperModel", speech: np.ndarray) -> str | None:
    """The language of speech, up to 30 s of it; None where the model is not sure."""
    likely = likely_languages(model, speech)
    own = max(likely, key=lambda code: likely[code])
    return own if likely[own] >= SURE_OF_LANGUAGE else None


def _pieces(block: SpeechBlock) -> list[Span[int]]:
    """Regions of speech, short ones put together until they are long enough to tell a language, but
    not across a pause."""
    pieces: list[Span[int]] = []
    start: int | None = None
    end = 0
    for region in block.regions:
        is_long = region.duration >= PIECE_SECONDS * SAMPLE_RATE
        if start is not None and (is_long or region.start - end > PAUSE_SECONDS * SAMPLE_RATE):
            pieces.append(Span(start, end))
            start = None
        start, end = region.start if start is None else start, region.end
        if end - start >= PIECE_SECONDS * SAMPLE_RATE:
            pieces.append(Span(start, end))
            start = None
    if start is not None:
        pieces.append(Span(start, end))
    return pieces


def _runs(
    block: SpeechBlock, pieces: list[Span[int]], languages: list[str | None]
) -> list[tuple[SpeechBlock, str]]:
    """Parts of a block by the languages of its pieces, of which at least one is known."""
    first = next(language for language in languages if language)
    runs: list[tuple[int, str]] = [(block.start, languages[0] or first)]
    for (last, piece), language in zip(pairwise(pieces), languages[1:], strict=True):
        before = runs[-1][1]
        if (language or before) != before:  # cut in the middle of the breath
            runs.append(((last.end + piece.start) // 2, language or before))
    starts = [start for start, _ in runs]
    ends = [*starts[1:], block.end]
    parts = []
    for start, end, (_, language) in zip(starts, ends, runs, strict=True):
        inside = tuple(region for region in block.regions if start <= region.start < end)
        parts.append((SpeechBlock(start, end, inside or (Span(start, end),)), language))
    return parts
