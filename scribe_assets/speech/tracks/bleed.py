"""Where a group of channels hears only what is spoken into another one, so that nobody is
transcribed twice.

How much of a speaker comes through to another microphone is learned from the moments in which that
speaker is much louder in his own. What is then no louder than that, is bleed. Two who speak at once
are both kept: the softer one is softer than the other, but louder than the other's bleed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scribe_assets.speech.media import SAMPLE_RATE, AudioFile, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Span
from scribe_assets.speech.tracks.dominance import Dominance, Thresholds
from scribe_assets.speech.tracks.levels import FRAME, SILENCE, measure, smoothed


@dataclass(frozen=True)
class BleedLimits:
    """What counts as bleed.

    Args:
        average: frames over which levels are averaged.
        echo: frames for which the echo of a room lasts.
        above: decibels above the expected bleed from which something is somebody's own speech.
        shortest: frames that own speech lasts at the least.
        audible: decibels above a group's noise from which bleed is heard. A call without any bleed
            stays as it is.
        around: frames before and after own speech that are kept too: soft beginnings and ends.
    """

    average: int = 5
    echo: int = 4
    above: float = 5.0
    shortest: int = 2
    audible: float = 3.0
    around: int = 6


def find_bleed(
    groups: Sequence[Waveform],
    progress: Progress | None = None,
    limits: BleedLimits | None = None,
) -> list[list[Span[float]]]:
    """Find where each group hears others only.

    Args:
        groups: (num_samples,) float32 at 16 kHz each, on one timeline.
        progress: called with the done fraction.
        limits: what counts as bleed.

    Returns:
        For each group the spans, in seconds, that are to be silenced in it.
    """
    from scipy.ndimage import binary_dilation, binary_opening, maximum_filter1d

    limits = limits or BleedLimits()
    measured = measure(groups, progress)
    dominance = Dominance(measured, Thresholds())
    levels = smoothed(measured.levels, limits.average)
    # Echo comes later than what it is an echo of.
    lasting = maximum_filter1d(levels, limits.echo, axis=1, origin=(limits.echo - 1) // 2)
    pauses = ~binary_dilation(np.logical_or.reduce(measured.speech), iterations=limits.around)
    noise = np.median(levels[:, pauses], axis=1) if pauses.any() else [SILENCE] * len(groups)
    silenced = []
    for group in range(len(groups)):
        expected = np.full(levels.shape[1], SILENCE, np.float32)
        somebody = np.zeros(levels.shape[1], bool)
        for other in range(len(groups)):
            leak = dominance.leak(group, other) if other != group else None
            if leak is not None:
                expected = np.maximum(expected, lasting[other] + leak)
                somebody |= measured.speech[other]
        heard = levels[group] > noise[group] + limits.audible
        own = heard & (levels[group] > expected + limits.above)
        own = binary_opening(own, iterations=1, structure=np.ones(limits.shortest, bool))
        own = binary_dilation(own, iterations=limits.around)
        heard = binary_dilation(heard, iterations=limits.around)
        silenced.append(_spans(somebody & heard & ~own))
    return silenced


class Gated(AudioFile):
    """Converted audio that is silent in some spans; see `AudioFile`.

    Args:
        path: of the audio.
        silenced: spans in seconds, in order and apart from each other.
        ramp: seconds over which the sound fades at their borders, inside of them.
    """

    def __init__(self, path: Path | str, silenced: Sequence[Span[float]], ramp: float = 0.02):
        super().__init__(path)
        self._ramp = max(1, round(ramp * SAMPLE_RATE))
        self._starts = np.array([round(span.start * SAMPLE_RATE) for span in silenced], int)
        self._ends = np.array([round(span.end * SAMPLE_RATE) for span in silenced], int)

    def __getitem__(self, where: slice) -> np.ndarray:
        start, stop, _ = where.indices(len(self))
        samples = super().__getitem__(where)
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._starts, stop, side="left"))
        for begin, end in zip(self._starts[first:last], self._ends[first:last], strict=True):
            here = slice(max(begin, start), min(end, stop))
            inside = np.arange(here.start, here.stop)
            depth = np.minimum(inside - begin, end - 1 - inside) / self._ramp
            samples[here.start - start : here.stop - start] *= np.clip(1 - depth, 0, 1)
        return samples


def _spans(silent: np.ndarray) -> list[Span[float]]:
    """Runs of frames, in seconds."""
    edges = np.flatnonzero(np.diff(silent, prepend=False, append=False))
    seconds = FRAME / SAMPLE_RATE
    return [
        Span(float(start * seconds), float(end * seconds)) for start, end in edges.reshape(-1, 2)
    ]
