"""Where anybody speaks: voice activity by Silero VAD (https://github.com/snakers4/silero-vad).

Who speaks is no matter of this module."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.timeline import Span

READ_SECONDS = 300.0
"""So much of a recording is searched for speech at once."""


BLOCK_PAD_MS = 400
"""What is left of silence around speech, in milliseconds, so that no sound of it is lost."""


def speech_regions(waveform: np.ndarray) -> list[Span[int]]:
    """Find speech.

    Args:
        waveform: (num_samples,) float32 at 16 kHz.

    Returns:
        The regions of speech in samples, in order.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=200, speech_pad_ms=50)
    return [
        Span(region["start"], region["end"]) for region in get_speech_timestamps(waveform, options)
    ]


@dataclass(frozen=True)
class SpeechBlock(Span[int]):
    """A part of a recording that begins and ends in silence where it can; in samples.

    `regions` are the regions of speech in it.
    """

    regions: tuple[Span[int], ...]

    def distance_to_speech(self, sample: float) -> float:
        """How many samples a moment is away from speech; 0 within it."""
        return min(region.distance(sample) for region in self.regions)


def speech_blocks(waveform: Waveform, seconds: float) -> Iterator[SpeechBlock]:
    """Cut a recording at its silences, reading it once, a stretch of `READ_SECONDS` at a time.

    Args:
        waveform: (num_samples,) float32 at 16 kHz.
        seconds: a block lasts no longer.

    Returns:
        Blocks of speech in order, without the silence between them.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    # A region is not cut where somebody only takes a breath, unless it lasts too long.
    options = VadOptions(
        max_speech_duration_s=seconds, min_silence_duration_ms=500, speech_pad_ms=BLOCK_PAD_MS
    )
    pending: list[Span[int]] = []
    start = 0
    while start < len(waveform):
        stop = min(start + int(READ_SECONDS * SAMPLE_RATE), len(waveform))
        found = get_speech_timestamps(waveform[start:stop], options)
        regions = [Span(start + region["start"], start + region["end"]) for region in found]
        whole = stop == len(waveform)
        if not whole and len(regions) > 1 and regions[-1].end >= stop - SAMPLE_RATE:
            stop = regions.pop().start  # it may go on: it is looked at again with what follows
        for region in regions:
            if pending and region.end - pending[0].start > seconds * SAMPLE_RATE:
                yield SpeechBlock(pending[0].start, pending[-1].end, tuple(pending))
                pending = []
            pending.append(region)
        start = stop
    if pending:
        yield SpeechBlock(pending[0].start, pending[-1].end, tuple(pending))
