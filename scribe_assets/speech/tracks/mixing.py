"""Groups of channels as mono FLAC files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.tracks.channels import Channel, Group

BLOCK = 60 * SAMPLE_RATE
"""So many samples are read and written at once."""


def mix(group: Group, sounds: Mapping[Channel, Waveform], target: Path) -> None:
    """Write a group as 16 kHz mono FLAC (16 bit). One channel keeps its samples as they are; where
    a sum would clip, all of it is made softer.

    Args:
        group: as chosen.
        sounds: (num_samples,) float32 at 16 kHz of each channel; a shorter one is silent in the
            end.
        target: exists afterwards only if all has been written.
    """
    length = max(len(sounds[channel]) for channel in group.channels)
    _write_unclipped(target, length, lambda start, stop: _mixed(group, sounds, start, stop))


def mix_all(groups: Sequence[Waveform], target: Path) -> None:
    """Write several mono tracks as one to listen to, as 16 kHz mono FLAC (16 bit).

    They are added as they are, because people mostly speak one after the other; where the sum would
    clip, all of it is made softer.

    Args:
        groups: (num_samples,) float32 at 16 kHz each.
        target: exists afterwards only if all has been written.
    """
    length = max(len(sound) for sound in groups)

    def summed(start: int, stop: int) -> np.ndarray:
        total = np.zeros(stop - start, np.float32)
        for sound in groups:
            samples = sound[start:stop]
            total[: len(samples)] += samples
        return total

    _write_unclipped(target, length, summed)


def _mixed(group: Group, sounds: Mapping[Channel, Waveform], start: int, stop: int) -> np.ndarray:
    total = np.zeros(stop - start, np.float32)
    for part in group.parts:
        samples = sounds[part.channel][start:stop]
        total[: len(samples)] += np.float32(part.gain) * samples
    return total


def _write_unclipped(target: Path, length: int, samples: Callable[[int, int], np.ndarray]) -> None:
    """Write samples that are computed block by block, all of them softer if one is over 1."""
    peak = max(
        (
            float(np.abs(samples(start, min(start + BLOCK, length))).max())
            for start in range(0, length, BLOCK)
        ),
        default=0.0,
    )
    if peak > 1:
        _write(target, length, lambda start, stop: samples(start, stop) / np.float32(peak))
    else:
        _write(target, length, samples)


def _write(target: Path, length: int, samples: Callable[[int, int], np.ndarray]) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(
            str(target), "w", SAMPLE_RATE, channels=1, format="FLAC", subtype="PCM_16"
        ) as file:
            for start in range(0, length, BLOCK):
                # Rounded here: libsndfile scales floats by one less than it reads them with.
                scaled = np.rint(samples(start, min(start + BLOCK, length)) * 32768)
                file.write(np.clip(scaled, -32768, 32767).astype(np.int16))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
