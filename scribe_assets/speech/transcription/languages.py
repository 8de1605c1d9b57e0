"""Which language a recording is in, and which of its blocks are in another one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import Waveform
from scribe_assets.speech.transcription.decoding import speech_in

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

LANGUAGE_BLOCKS = 8
"""From at most so many blocks the language of a recording is detected."""


SURE_OF_LANGUAGE = 0.9
"""Probability from which a block counts as one in another language than the recording."""


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


def main_language(
    model: "WhisperModel", waveform: Waveform, blocks: list[SpeechBlock]
) -> tuple[str, float]:
    """The language of a recording, and its probability.

    It is the one that is most probable on average over blocks from all parts of the recording.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        blocks: of the recording, at least one.
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
    return main, summed / some


def own_language(model: "WhisperModel", main: str, speech: np.ndarray) -> str:
    """The language of a block.

    It is another one than the recording's only where the model is sure, because small models often
    take an accent or noise for another language.

    Args:
        model: see `load_whisper`.
        main: language of the recording.
        speech: (num_samples,) float32 at 16 kHz, of the block.
    """
    likely = likely_languages(model, speech)
    own = max(likely, key=lambda code: likely[code])
    return own if likely[own] >= SURE_OF_LANGUAGE else main
