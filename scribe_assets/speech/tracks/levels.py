"""What is measured of all channels of a recording at once, in one pass, half a minute at a time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import SAMPLE_RATE, SPEECH_BANDS, Waveform
from scribe_assets.speech.progress import Progress

FRAME = 800
"""Samples of a frame, 50 ms: the delays between microphones of a room are short against it."""


BLOCK_FRAMES = 600
"""So many frames of every channel are in memory at once: half a minute."""


SPECTRA = 2400
"""So many spectra are in memory at once, of all channels together."""


ECHO_FRAMES = 6
"""So long before and after speech, 0.3 s, is no pause: breath, and the echo of a room."""


LEVEL_BAND = (200, 4000)
"""In this band, in Hz, levels are measured: below it is hum, and a telephone has nothing above."""


SILENCE = -100.0
"""Decibels below full scale that count as silence; 16 bit have less than 98."""


@dataclass(frozen=True)
class Measured:
    """What a choice is made by.

    Args:
        levels: (num_channels, num_frames) float32, decibels of full scale between 200 and 4000 Hz.
        speech: (num_channels, num_frames) bool, where voice activity finds speech.
        loud: (num_bands, num_channels, num_channels), the sum of the real part of the cross power
            over frames in which there is speech in any channel.
        quiet: the same over pauses, which are less long, times what they lack.
    """

    levels: np.ndarray
    speech: np.ndarray
    loud: np.ndarray
    quiet: np.ndarray


def measure(sounds: Sequence[Waveform], progress: Progress | None = None) -> Measured:
    """Measure all channels of a recording.

    Args:
        sounds: each (num_samples,) float32 at 16 kHz; a shorter one is silent in the end.
        progress: called with the done fraction.
    """
    from scipy.ndimage import binary_dilation

    length = max(len(sound) for sound in sounds)
    frames = -(-length // FRAME)
    levels = np.full((len(sounds), frames), SILENCE, np.float32)
    speech = np.zeros((len(sounds), frames), bool)
    loud = np.zeros((len(SPEECH_BANDS) - 1, len(sounds), len(sounds)))
    quiet = np.zeros_like(loud)
    pause = 0
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(first + BLOCK_FRAMES, frames)
        block = np.stack([_read(sound, first * FRAME, last * FRAME) for sound in sounds])
        speech[:, first:last] = list(in_parallel(os.cpu_count() or 1, _speech, block))
        anybody = np.logical_or.reduce(speech[:, first:last])
        nobody = ~binary_dilation(anybody, iterations=ECHO_FRAMES)
        pause += int(nobody.sum())
        step = max(1, SPECTRA // len(sounds))
        for start in range(0, last - first, step):
            part = slice(start, min(start + step, last - first))
            spectra = _spectra(block[:, part.start * FRAME : part.stop * FRAME])
            levels[:, first + part.start : first + part.stop] = _levels(spectra)
            loud += _cross_power(spectra[:, anybody[part]])
            quiet += _cross_power(spectra[:, nobody[part]])
        if progress:
            progress(last / frames)
    spoken = int(speech.any(axis=0).sum())
    return Measured(levels, speech, loud, quiet * (spoken / max(1, pause)))


def smoothed(levels: np.ndarray, frames: int) -> np.ndarray:
    """Levels averaged over time, as power.

    Args:
        levels: (num_channels, num_frames) in decibels.
        frames: odd number of frames that are averaged.
    """
    from scipy.ndimage import uniform_filter1d

    power = 10 ** (levels / 10)
    averaged = uniform_filter1d(power, frames, axis=1, mode="nearest")
    return (10 * np.log10(np.maximum(averaged, 10 ** (SILENCE / 10)))).astype(np.float32)


def _read(sound: Waveform, start: int, stop: int) -> np.ndarray:
    """Samples, with zeros where the sound has ended."""
    samples = np.asarray(sound[start : min(stop, len(sound))], np.float32)
    return np.pad(samples, (0, stop - start - len(samples)))


def _speech(samples: np.ndarray) -> np.ndarray:
    """Which frames have speech."""
    found = np.zeros(len(samples) // FRAME, bool)
    if samples.any():
        for region in speech_regions(samples):
            found[region.start // FRAME : -(-region.end // FRAME)] = True
    return found


def _spectra(block: np.ndarray) -> np.ndarray:
    """(num_channels, num_frames, num_frequencies) complex64, scaled so that the squares add up to
    the mean square of the samples."""
    from scipy.fft import rfft

    window = np.hanning(FRAME).astype(np.float32)
    scale = np.sqrt(2 / (FRAME * float((window**2).sum())))
    framed = block.reshape(len(block), -1, FRAME) * (window * np.float32(scale))
    spectra: np.ndarray = rfft(framed, axis=2)
    return spectra


def _bins(low: float, high: float) -> slice:
    """The frequencies of a spectrum from `low` to `high`, in Hz."""
    return slice(round(low * FRAME / SAMPLE_RATE), round(high * FRAME / SAMPLE_RATE))


def _levels(spectra: np.ndarray) -> np.ndarray:
    band = spectra[:, :, _bins(*LEVEL_BAND)]
    power = (band.real**2 + band.imag**2).sum(axis=2)
    return 10 * np.log10(np.maximum(power, 10 ** (SILENCE / 10)))


def _cross_power(spectra: np.ndarray) -> np.ndarray:
    """(num_bands, num_channels, num_channels): the real part, summed over frames."""
    summed = []
    for low, high in pairwise(SPEECH_BANDS):
        band = spectra[:, :, _bins(low, high)].reshape(len(spectra), -1)
        flat = np.concatenate([band.real, band.imag], axis=1)
        summed.append(flat @ flat.T)
    return np.stack(summed).astype(float)
