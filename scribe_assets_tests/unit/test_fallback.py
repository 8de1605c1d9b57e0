"""A window that Whisper is not sure of gets another try, always the same one."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from scribe_assets.speech.transcription.fallback import NO_REPEAT_TOKENS, never_sample


@dataclass
class Options:
    """What faster-whisper hands on."""

    no_repeat_ngram_size: int = 0


@dataclass
class Model:
    """One that always finds the same: its sureness, and how repetitive its text is."""

    sureness: float
    repetition: float
    asked: list[int] = field(default_factory=list)

    def generate_with_fallback(self, *arguments: Any) -> tuple[Any, ...]:
        self.asked.append(arguments[-1].no_repeat_ngram_size)
        repetition = self.repetition if not self.asked[-1] else 1.0
        return f"try {len(self.asked)}", self.sureness, 0.0, repetition


@pytest.mark.parametrize(
    ("sureness", "repetition", "asked", "is_context"),
    [
        (-0.3, 1.5, [0], True),
        (-0.3, 2.5, [0, NO_REPEAT_TOKENS], False),
        (-1.1, 1.5, [0], False),
    ],
)
def test_fallback(sureness: float, repetition: float, asked: list[int], is_context: bool) -> None:
    model = Model(sureness, repetition)
    never_sample(cast(Any, model))
    found, _, temperature, left = model.generate_with_fallback(None, None, None, Options())
    assert model.asked == asked
    assert found == f"try {len(asked)}"
    assert left <= 1.5
    # faster-whisper forgets the text above its `prompt_reset_on_temperature`, which is 0.5.
    assert (temperature <= 0.5) == is_context
