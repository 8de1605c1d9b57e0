"""The mean of a track's channels, written while the track is decoded.

Most recordings have one sound, in one channel or alike in all. To see that takes a second an hour,
and to write it while ffmpeg decodes takes none; so these never wait for a closer look at what is in
which channel.
"""

import queue
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np

from scribe_assets.speech.media.audio import BYTES_A_SAMPLE, SAMPLE_RATE, SPEECH_BANDS

BLOCK = 10 * SAMPLE_RATE
"""Samples that are mixed at once."""

WAITING_BLOCKS = 8
"""So many may wait for being written; then decoding waits."""

ALIKE = 0.7
"""Power of the mean of the channels against the mean of their powers: 1 for the same sound, 0.9
where one is half as loud, 1/2 for two speakers of whom each has a channel, 0 for opposite phases.
Less in a single second calls for the closer look."""

LOUD = 10**-3.0
"""Power against that of a loud second, from which on a second counts, and of a band against that of
all: 30 dB less. Below is noise, which differs between channels; a soft speaker is above."""

FLOOR = 10**-8.0
"""Mean power of a sample below which nothing is heard by anybody: -80 dB of full scale."""


class PlainMix:
    """Writes a mono FLAC file (16 bit) of interleaved 16-bit samples at 16 kHz.

    Args:
        target: the file.
        channels: how many there are.
    """

    def __init__(self, target: Path, channels: int):
        self._target, self._channels = target, channels
        self._blocks: queue.Queue[bytes | int | None] = queue.Queue(WAITING_BLOCKS)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._powers: list[np.ndarray] = []
        self._band_powers = np.zeros((2, len(SPEECH_BANDS) - 1))
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def silence(self, samples: int) -> None:
        """Append silence."""
        self._flush()
        self._blocks.put(samples)

    def append(self, samples: bytes) -> None:
        """Append samples of all channels."""
        self._pending.append(samples)
        self._pending_bytes += len(samples)
        if self._pending_bytes >= BLOCK * self._channels * BYTES_A_SAMPLE:
            self._flush()

    def finish(self) -> None:
        """Write all that waits.

        Raises:
            OSError: the disk is full, for example.
        """
        self._flush()
        self._blocks.put(None)
        self._thread.join()
        if self._fault:
            raise self._fault

    def is_one_sound(self) -> bool:
        """Whether all channels are alike in every second in which something is heard, and in every
        band: where one is inverted between 2 and 4 kHz, their mean has vowels and no consonants."""
        if self._channels == 1:
            return True
        if not self._powers:
            return False
        of_mean, of_all = np.concatenate(self._powers, axis=1)
        heard = of_all > max(FLOOR, LOUD * float(np.quantile(of_all, 0.95)))
        if not heard.any() or (of_mean[heard] < ALIKE * of_all[heard]).any():
            return False
        of_mean, of_all = self._band_powers
        heard = of_all > LOUD * of_all.sum()
        return not (of_mean[heard] < ALIKE * of_all[heard]).any()

    def _flush(self) -> None:
        if self._pending:
            self._blocks.put(b"".join(self._pending))
            self._pending, self._pending_bytes = [], 0

    def _write_all(self) -> None:
        import soundfile

        try:
            with soundfile.SoundFile(
                str(self._target), "w", SAMPLE_RATE, channels=1, format="FLAC", subtype="PCM_16"
            ) as file:
                while (block := self._blocks.get()) is not None:
                    if isinstance(block, int):
                        for start in range(0, block, BLOCK):
                            file.write(np.zeros(min(BLOCK, block - start), np.int16))
                    else:
                        file.write(self._mixed(block))
        except (OSError, RuntimeError) as error:
            self._fault = error
            while self._blocks.get() is not None:  # so that nobody waits for room
                pass

    def _mixed(self, block: bytes) -> np.ndarray:
        samples = np.frombuffer(block, np.int16)
        if self._channels == 1:
            return samples
        channels = samples.reshape(-1, self._channels).astype(np.float32)
        mean: np.ndarray = channels.mean(axis=1)
        seconds = len(mean) // SAMPLE_RATE or 1
        length = len(mean) // seconds
        whole = channels[: seconds * length].reshape(seconds, length * self._channels)
        squares = np.einsum("ij,ij->i", whole, whole) / whole.shape[1]
        mixed = mean[: seconds * length].reshape(seconds, length)
        powers = np.stack([np.einsum("ij,ij->i", mixed, mixed) / length, squares])
        self._powers.append(powers / 32768**2)
        self._band_powers += _by_band(channels)
        return np.rint(mean).astype(np.int16)


def _by_band(channels: np.ndarray) -> np.ndarray:
    """Power of the mean of channels and mean of their powers in each band.

    Args:
        channels: (num_samples, num_channels) float32 at 16 kHz.

    Returns:
        (2, num_bands).
    """
    from scipy.fft import rfft

    spectra = rfft(channels, axis=0)
    powers = np.stack([np.abs(spectra.mean(axis=1)) ** 2, (np.abs(spectra) ** 2).mean(axis=1)])
    borders = [round(border * len(channels) / SAMPLE_RATE) for border in SPEECH_BANDS]
    return np.stack([powers[:, low:high].sum(axis=1) for low, high in pairwise(borders)], axis=1)
