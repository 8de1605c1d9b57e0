"""Another try at a window that Whisper is not sure of, without chance.

Whisper, and faster-whisper after it, decode such a window again at rising temperatures, which draws
tokens at random (https://arxiv.org/abs/2212.04356, section 4.5): the same sound gives another text
each time. Here a window that repeats itself is decoded once more without repetitions, and text that
the model is not sure of is no context for the next window.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scribe_assets.speech.transcription.inventions import LOOPING, UNSURE

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

NO_REPEAT_TOKENS = 5
"""So many tokens in a row may not come again where the model has fallen into a loop."""

NO_CONTEXT = 1.0
"""The temperature that faster-whisper is told, so that the next window does not see this text."""

Generated = tuple[Any, float, float, float]
"""What CTranslate2 has found, its mean log probability, the temperature, and how many times shorter
gzip makes its text."""


def never_sample(model: "WhisperModel") -> None:
    """Put this module's fallback in the place of a model's own one."""
    generate: Callable[..., Generated] = model.generate_with_fallback

    def generate_twice(encoded: Any, prompt: Any, tokenizer: Any, options: Any) -> Generated:
        found, sureness, temperature, repetition = generate(encoded, prompt, tokenizer, options)
        unsure = sureness < UNSURE or repetition > LOOPING
        if repetition > LOOPING:
            found, sureness, _, repetition = generate(
                encoded,
                prompt,
                tokenizer,
                replace(options, no_repeat_ngram_size=NO_REPEAT_TOKENS),
            )
        return found, sureness, NO_CONTEXT if unsure else temperature, repetition

    model.generate_with_fallback = generate_twice
