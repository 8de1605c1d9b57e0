"""Speech in which no word was heard, and another try at it.

Whisper sometimes ends a window before its speech ends: where somebody is much softer than the one
before, after hot words, in a language other than the one it was told. What voice activity finds
there is decoded once more, alone: at its own level, in its own language, without hot words. What is
silent then, too, is told, and not dropped without a word.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.activity import SpeechBlock, speech_regions
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.timeline import Span, Word
from scribe_assets.speech.transcription.decoding import BEAM_SIZE
from scribe_assets.speech.transcription.inventions import LOOPING, without_inventions
from scribe_assets.speech.transcription.languages import (
    PIECE_SECONDS,
    SpokenLanguages,
    languages_in_order,
    likely_in_piece,
)

if TYPE_CHECKING:
    import faster_whisper.transcribe
    from faster_whisper import WhisperModel

SHORTEST_SECONDS = 1.0
"""Of a pause between words that is looked into, and of the speech in it that needs words: nobody
says a sentence in less, and Whisper's times are not finer."""

SURE = -0.8
"""Mean log probability of the tokens from which words of such a stretch are kept. In babble behind
the speakers it was -1.0 to -0.93, in speech that had been left out -0.63 to -0.47."""

AROUND_SECONDS = 0.2
"""Of sound around such speech that is decoded with it."""

Again = tuple[SpeechBlock, str, "list[faster_whisper.transcribe.Segment]"]
"""A stretch, its language, and what was heard in it, in seconds from the stretch's start."""


def wordless_speech(
    waveform: Waveform, block: SpeechBlock, words: Sequence[Word]
) -> list[SpeechBlock]:
    """The stretches of a block in which somebody speaks and no word was heard.

    Args:
        waveform: (num_samples,) float32 at 16 kHz.
        block: of the recording.
        words: heard in it, in order of time.
    """
    edges = [block.start, *(round(edge * SAMPLE_RATE) for word in words for edge in word)]
    edges.append(block.end)
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= SHORTEST_SECONDS * SAMPLE_RATE:
            found += _speech_between(waveform, start, end)
    return found


def _speech_between(waveform: Waveform, start: int, end: int) -> list[SpeechBlock]:
    """The speech between two words; none where it is too little."""
    regions = [
        Span(start + region.start, start + region.end)
        for region in speech_regions(waveform[start:end])
    ]
    if sum(region.duration for region in regions) < SHORTEST_SECONDS * SAMPLE_RATE:
        return []
    around = int(AROUND_SECONDS * SAMPLE_RATE)
    first, last = max(start, regions[0].start - around), min(end, regions[-1].end + around)
    return [SpeechBlock(first, last, tuple(regions))]


def heard_again(
    model: "WhisperModel",
    waveform: Waveform,
    stretches: Sequence[SpeechBlock],
    spoken: SpokenLanguages,
) -> tuple[list[Again], list[SpeechBlock]]:
    """Decode stretches of speech alone.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        stretches: see `wordless_speech`.
        spoken: the languages of the recording.

    Returns:
        What was heard, and the stretches in which still nothing was.
    """

    def decode(stretch: SpeechBlock, samples: np.ndarray) -> Again:
        samples = samples / max(float(np.abs(samples).max()), 1e-4)
        own = spoken.given or _own_language(model, samples, spoken)
        segments, _ = model.transcribe(
            samples,
            language=own,
            beam_size=BEAM_SIZE,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        sure = [
            segment
            for segment in segments
            if segment.avg_logprob >= SURE and segment.compression_ratio <= LOOPING
        ]
        return stretch, own, without_inventions(stretch, sure, Counter())

    read = ((stretch, waveform[stretch.slice]) for stretch in stretches)
    again = list(in_parallel(model.model.num_workers, lambda item: decode(*item), read))
    heard = [found for found in again if any(segment.words for segment in found[2])]
    unheard = [found[0] for found in again if not any(segment.words for segment in found[2])]
    return heard, unheard


def _own_language(model: "WhisperModel", samples: np.ndarray, spoken: SpokenLanguages) -> str:
    """Even a short stretch counts as a whole piece: the recording's language has been tried there,
    and gave no word."""
    likely = likely_in_piece(model, samples)
    return languages_in_order([likely], [PIECE_SECONDS], spoken.main, spoken.expected)[0]
