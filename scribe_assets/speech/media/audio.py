"""Converted audio: 16 kHz mono, in a file or in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from scribe_assets.speech.timeline import Span

SAMPLE_RATE = 16_000
"""Samples a second of all audio after conversion; every model here was trained on it."""

SPEECH_BANDS = (200, 400, 700, 1100, 1700, 2500, 4000, 7000)
"""Borders in Hz of bands, in each of which there is a part of speech."""

CLIPPED = 0.99
"""Amplitude from which a sample was probably cut off when it was recorded; resampling moves it a
little below the largest number."""

BYTES_A_SAMPLE = 2
"""Decoded sound has 16 bits."""


class AudioFile:
    """Converted audio in a file, read where and when it is needed: `audio[start:stop]` are the
    samples there, float32 in [-1, 1], and `len(audio)` is how many there are. A one-dimensional
    numpy array can stand in its place.

    Raises:
        ValueError: it is not 16 kHz mono.
    """

    def __init__(self, path: Path | str):
        import soundfile

        self._file = soundfile.SoundFile(str(path))
        if self._file.samplerate != SAMPLE_RATE or self._file.channels != 1:
            actual = f"{self._file.samplerate} Hz with {self._file.channels} channels"
            self._file.close()
            raise ValueError(f"expected {SAMPLE_RATE} Hz mono, got {actual}")
        self.path = Path(path)

    def __enter__(self) -> "AudioFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self._file.frames)

    def __getitem__(self, where: slice) -> np.ndarray:
        start, stop, step = where.indices(len(self))
        if step != 1:
            raise ValueError("audio is read sample after sample")
        self._file.seek(start)
        samples: np.ndarray = self._file.read(max(0, stop - start), dtype="float32")
        return samples


class PcmChannel:
    """One channel of decoded sound in a file: `channel[start:stop]` are its samples, float32 in
    [-1, 1], and `len(channel)` is how many there are."""

    def __init__(self, path: Path, channels: int, channel: int):
        samples = path.stat().st_size // (BYTES_A_SAMPLE * channels)
        self._samples = np.memmap(path, np.int16, "r", shape=(samples, channels))[:, channel]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, where: slice) -> np.ndarray:
        samples: np.ndarray = self._samples[where].astype(np.float32) / 32768
        return samples


Waveform = np.ndarray | AudioFile | PcmChannel
"""(num_samples,) float32 at 16 kHz, in memory or in a file."""


def cut(waveform: Waveform, spans: Iterable[Span[float]]) -> list[np.ndarray]:
    """The samples of parts of a recording.

    Args:
        waveform: (num_samples,) float32 at 16 kHz.
        spans: in seconds.
    """
    return [
        waveform[round(span.start * SAMPLE_RATE) : round(span.end * SAMPLE_RATE)] for span in spans
    ]


def load(path: Path) -> np.ndarray:
    """Read converted audio that fits in memory.

    Returns:
        (num_samples,) float32 array at 16 kHz, in [-1, 1].
    """
    with AudioFile(path) as audio:
        return audio[:]


@dataclass(frozen=True)
class SoundLevels:
    """How loud a recording is.

    Attributes:
        peaks: the largest amplitude, 0 to 1, in parts of the recording of equal length.
        clipped: the share of all samples that are clipped.
    """

    peaks: list[float]
    clipped: float


def sound_levels(waveform: Waveform, number: int) -> SoundLevels:
    """Measure how loud a recording is.

    Args:
        waveform: (num_samples,) float32 at 16 kHz; it is read once, in parts.
        number: of parts; no part is shorter than a sample.
    """
    total = len(waveform)
    number = min(number, total)
    edges = [part * total // number for part in range(number + 1)] if number else [0]
    peaks, clipped = [], 0
    for start, stop in pairwise(edges):
        loud = np.abs(waveform[start:stop])
        peaks.append(float(loud.max()))
        clipped += int((loud >= CLIPPED).sum())
    return SoundLevels(peaks, clipped / total if total else 0.0)
