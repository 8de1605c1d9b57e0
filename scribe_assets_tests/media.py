"""Media made for tests, and the evaluation data where it is at hand."""

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import ffmpeg
import numpy as np
import pytest
import soundfile

from scribe_assets.speech.media import ffmpeg_binary

# Read at import: the tests themselves see no setting of the machine.
EVAL_DATA = Path(os.environ.get("SCRIBE_EVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def shared_data() -> Path:
    """The evaluation recordings, which are no part of the project; skips the test without them."""
    if not EVAL_DATA.is_dir():
        pytest.skip("the evaluation data is not here; SCRIBE_EVAL_DATA says where it is")
    return EVAL_DATA


def encode(source: Path, target: Path, **options: object) -> Path:
    """The same recording in another format, by the target's suffix."""
    stream = ffmpeg.input(str(source)).output(str(target), **options)
    stream.run(cmd=ffmpeg_binary(), quiet=True, overwrite_output=True)
    return target


def ffmpeg_run(*arguments: object) -> None:
    """Run the ffmpeg that the project uses."""
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def make_video(target: Path, sound: Path | None, **options: object) -> Path:
    """A video of a moving pattern, with or without sound."""
    picture = ffmpeg.input("testsrc=size=160x120:rate=5:duration=30", format="lavfi")
    streams = [picture.video] + ([ffmpeg.input(str(sound)).audio] if sound else [])
    ffmpeg.output(*streams, str(target), vcodec="libx264", preset="ultrafast", **options).run(
        cmd=ffmpeg_binary(), quiet=True, overwrite_output=True
    )
    return target


def silence(target: Path, seconds: float) -> Path:
    """A recording of nothing."""
    soundfile.write(target, np.zeros(int(seconds * 16_000)), 16_000)
    return target


def note(frequency: float, seconds: float, rate: int = 16_000) -> np.ndarray:
    """A tone of one frequency."""
    return 0.4 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def sounds(samples: np.ndarray) -> list[tuple[float, float]]:
    """Where something is heard, as starts and ends in seconds, to 0.05 s."""
    return [(start, end) for _, start, end in notes(samples, any_frequency=True)]


def notes(samples: np.ndarray, *, any_frequency: bool = False) -> list[tuple[int, float, float]]:
    """The tones that are heard, in order: frequency to 100 Hz, start and end in seconds.

    Args:
        samples: at 16 kHz.
        any_frequency: tones that follow each other count as one.
    """
    frames = samples[: len(samples) // 800 * 800].reshape(-1, 800)
    peaks = np.abs(np.fft.rfft(frames)).argmax(axis=1) * 20
    heard = np.abs(frames).max(axis=1, initial=0) > 0.05
    found = np.where(heard, 1 if any_frequency else np.rint(peaks / 100) * 100 + 1, 0)
    edges = [0, *(np.flatnonzero(np.diff(found)) + 1), len(found)]
    return [
        (int(found[start]) - 1, start / 20, end / 20)
        for start, end in pairwise(edges)
        # A frame in which one tone ends and another begins has any frequency.
        if end > start and found[start] and (any_frequency or end - start > 1)
    ]
