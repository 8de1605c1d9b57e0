"""Where anybody speaks: voice activity by Silero VAD (https://github.com/snakers4/silero-vad).

Who speaks is no matter of this module."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.timeline import Span

READ_SECONDS = 300.0
"""So much of a recording is searched for speech at once; memory stays bounded."""


BLOCK_PAD_MS = 400
"""Milliseconds of silence that are kept around speech, so that no sound of it is lost."""


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

    @property
    def speech(self) -> int:
        """How many samples of speech there are in it."""
        return sum(region.duration for region in self.regions)

    def distance_to_speech(self, sample: float) -> float:
        """How many samples a moment is away from speech; 0 within it."""
        return min(region.distance(sample) for region in self.regions)


def speech_blocks(waveform: Waveform, seconds: float) -> Iterator[SpeechBlock]:
    """Cut a recording at its silences.

    Args:
        waveform: (num_samples,) float32 at 16 kHz; it is read once, in parts.
        seconds: a block lasts no longer.

    Returns:
        Blocks of speech in order, without the silence between them.
    """
    return in_blocks(_long_regions(waveform, seconds), seconds)


def in_blocks(regions: Iterable[Span[int]], seconds: float) -> Iterator[SpeechBlock]:
    """Put regions of speech together, in order, to blocks that last no longer; a region that does
    stays as it is."""
    pending: list[Span[int]] = []
    for region in regions:
        if pending and region.end - pending[0].start > seconds * SAMPLE_RATE:
            yield SpeechBlock(pending[0].start, pending[-1].end, tuple(pending))
            pending = []
        pending.append(region)
    if pending:
        yield SpeechBlock(pending[0].start, pending[-1].end, tuple(pending))


def _long_regions(waveform: Waveform, longest: float) -> Iterator[Span[int]]:
    """Regions of speech with some of the silence around them, not cut where somebody only takes a
    breath.

    Args:
        waveform: (num_samples,) float32 at 16 kHz; it is read `READ_SECONDS` at a time.
        longest: seconds from which on a region is cut all the same.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=longest, min_silence_duration_ms=500, speech_pad_ms=BLOCK_PAD_MS
    )
    start = 0
    while start < len(waveform):
        stop = min(start + int(READ_SECONDS * SAMPLE_RATE), len(waveform))
        regions = [
            Span(start + region["start"], start + region["end"])
            for region in get_speech_timestamps(waveform[start:stop], options)
        ]
        # Speech that reaches the border may go on behind it: reading goes on where it begins, so
        # that it is seen as a whole. If it fills all that was read, there is nothing to gain.
        if stop < len(waveform) and regions:
            last = regions[-1]
            if last.end >= stop - SAMPLE_RATE and last.start >= start + SAMPLE_RATE:
                stop = regions.pop().start
        yield from regions
        start = stop
