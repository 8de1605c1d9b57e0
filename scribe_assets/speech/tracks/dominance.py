"""Which channel is much louder than which other one while there is speech in it, and how often."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.tracks.levels import FRAME, SILENCE, Measured, smoothed

FRAMES_A_SECOND = SAMPLE_RATE / FRAME

STRONG_LEAK = -10.0
"""Decibels from which on a leak is strong; between microphones on speakers it hardly is."""


STRONG_LEAK_SECONDS = 3.0
"""So much speech tells a strong leak from two who speak at once."""


@dataclass(frozen=True)
class Thresholds:
    """When channels count as one sound, or as different speakers.

    Args:
        average: frames over which levels are averaged, so that a syllable that reaches one
            microphone sooner than the other makes no difference of level.
        above_noise: decibels above a channel's own noise from which its speech counts.
        softest: decibels below a channel's loud speech to which its speech counts.
        evidence: seconds of dominance that are needed on each side, and seconds of speech that no
            other channel explains, for a channel to be taken for itself.
        same: decibels by which the difference of two channels may vary where they are one sound
            but for noise.
        apart: decibels by which it varies at the least between different speakers' microphones. Two
            microphones of one room reach 14, a lavalier on each speaker 20 and more.
        one_place: correlation from which two microphones stand in one place (a stereo pair; sound
            from anywhere reaches both at once). Of the ones on different speakers it is below 0.25.
        apart_in_one_place: `apart` for those: one turned away from a speaker may be 10 softer.
        together: share of a track's speech that falls into speech of a track in another language,
            if it is the same film in that language.
    """

    average: int = 9
    above_noise: float = 8.0
    softest: float = 25.0
    evidence: float = 1.0
    same: float = 6.0
    apart: float = 17.0
    one_place: float = 0.28
    apart_in_one_place: float = 26.0
    together: float = 0.6


class Dominance:
    """Pairs of channels compared by level.

    Args:
        measured: of all channels.
        thresholds: what counts as evidence.
    """

    def __init__(self, measured: Measured, thresholds: Thresholds):
        self._evidence = thresholds.evidence
        total = measured.loud.sum(axis=0)
        strength = np.sqrt(np.maximum(total.diagonal(), np.finfo(float).tiny))
        one_place = np.abs(total) > thresholds.one_place * np.outer(strength, strength)
        self.apart = np.where(one_place, thresholds.apart_in_one_place, thresholds.apart)
        """(num_channels, num_channels): from which gap on two channels hold different speakers."""
        self._levels = smoothed(measured.levels, thresholds.average)
        self._active = np.stack(
            [
                _active(level, speech, thresholds)
                for level, speech in zip(self._levels, measured.speech, strict=True)
            ]
        )

    @cached_property
    def most(self) -> np.ndarray:
        """(num_channels, num_channels): decibels by which a channel with speech (row) is above
        another one (column) for as long as evidence takes; -inf where it has no speech."""
        count = len(self._levels)
        most = np.full((count, count), -np.inf, np.float32)
        for row in map(int, np.flatnonzero(self._active.any(axis=1))):
            active = self._active[row]
            enough = max(1, round(self.needed(row) * FRAMES_A_SECOND))
            own = self._levels[row][active]
            for other in range(count):
                difference = own - self._levels[other][active]
                most[row, other] = np.partition(difference, -enough)[-enough]
        return most

    @cached_property
    def gaps(self) -> np.ndarray:
        """(num_channels, num_channels): decibels by which the difference of two channels varies."""
        gaps: np.ndarray = self.most + self.most.T
        return gaps

    def leak(self, channel: int, source: int) -> float | None:
        """Decibels of what is spoken into another channel in this one, against that one: the median
        of where that one is clearly above. None where it never is, and where a strong leak rests on
        so little speech that it may be this channel's own speaker at the same time."""
        difference = self._levels[channel] - self._levels[source]
        clear = self._active[source]
        if self._active[channel].any():
            half_way = (self.most[source, channel] - self.most[channel, source]) / 2
            clear = clear & (difference < -half_way)
        if not clear.any():
            return None
        leak = float(np.median(difference[clear]))
        doubtful = leak > STRONG_LEAK and clear.sum() < STRONG_LEAK_SECONDS * FRAMES_A_SECOND
        return None if doubtful else leak

    def loudness(self, channel: int) -> float:
        """Decibels of a channel's speech."""
        return float(self._levels[channel][self._active[channel]].mean())

    def needed(self, channel: int) -> float:
        """Seconds of its own speech that a channel needs: less if it has not much more at all."""
        return min(self._evidence, 0.3 * float(self._active[channel].sum()) / FRAMES_A_SECOND)

    def explained(self, channel: int, others: list[int], margin: float = 0.0) -> bool:
        """Whether all speech of a channel is in one of the others as well or better.

        Of its own speech, another channel has less than half way between the least and the most
        that it ever has of it. With a margin, it has less than the most by so many decibels, or the
        channel is louder than all others.
        """
        own = self._active[channel].copy()
        for other in others:
            difference = self._levels[other] - self._levels[channel]
            most, least = self.most[other, channel], -self.most[channel, other]
            limit = (most + least) / 2
            if margin:
                limit = max(0.0, min(limit, most - margin))
            own &= difference < limit
        return float(own.sum()) / FRAMES_A_SECOND < self.needed(channel)


def _active(level: np.ndarray, speech: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """(num_frames,) bool: where a channel's speech is well above its noise."""
    if not speech.any():
        return speech
    noise = float(np.median(level[~speech])) if not speech.all() else SILENCE
    loud = float(np.percentile(level[speech], 90))
    least = max(min(noise + thresholds.above_noise, loud), loud - thresholds.softest)
    active: np.ndarray = speech & (level >= least)
    return active
