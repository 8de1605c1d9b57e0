"""Samples with their time stamps, as they come from ffmpeg in its NUT container."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from scribe_assets.speech.media.audio import BYTES_A_SAMPLE, SAMPLE_RATE
from scribe_assets.speech.media.ffmpeg import BoundedFfmpeg

if TYPE_CHECKING:
    import av

FRAME = 1024
"""Samples that ffmpeg hands over at once, 64 ms: of them, the first has the time stamp. A frame of
most codecs is smaller, and each costs time here."""

MAX_RUN = 64
"""Frames that are placed at once; 4 s."""

JUMPED = 10**12
COUNT_JUMPS = (
    f"st(1\\, ld(1) + lt(PTS\\, ld(0) - {SAMPLE_RATE // 2}))\\; "
    f"st(0\\, PTS)\\; PTS + ld(1) * {JUMPED}"
)
"""For each jump backwards, so much is added to the time stamps that follow: ffmpeg hands over none
that is before another one, and would set them all to the one before."""

FILTER = f"aresample={SAMPLE_RATE},asetnsamples=n={FRAME}:p=0,asetpts={COUNT_JUMPS}"
"""What ffmpeg does with the sound of a track."""


@dataclass
class Run:
    """Frames of a track whose time stamps follow each other, so that they are placed at once.

    Attributes:
        track: which of the tracks that ffmpeg was asked for, from 0.
        channels: how many there are, interleaved.
        stamp: time stamp of the first sample.
    """

    track: int
    channels: int
    stamp: int
    frames: list[bytes] = field(default_factory=list)
    _next: int = 0

    @property
    def samples(self) -> bytes:
        """All 16-bit samples."""
        return b"".join(self.frames)

    def append(self, stamp: int, frame: bytes) -> None:
        """Add a frame."""
        self.frames.append(frame)
        self._next = stamp + len(frame) // (self.channels * BYTES_A_SAMPLE)

    def goes_on_with(self, stamp: int) -> bool:
        """Whether a frame with this time stamp belongs to it; resampling rounds by a sample."""
        return -2 <= stamp - self._next <= 2 and len(self.frames) < MAX_RUN


def read_runs(ffmpeg: BoundedFfmpeg) -> Iterator[Run]:
    """What comes from ffmpeg, of all tracks in turn."""
    from av.error import FFmpegError

    with _opened(ffmpeg) as container:
        if container is None:
            return
        streams = container.streams.audio
        channels = [stream.codec_context.channels for stream in streams]
        units = [float((s.time_base or Fraction(1, SAMPLE_RATE)) * SAMPLE_RATE) for s in streams]
        runs: dict[int, Run] = {}
        try:
            for packet in container.demux():
                index = packet.stream_index
                if packet.pts is None or not packet.size:
                    continue
                stamp, run = round(packet.pts * units[index]), runs.get(index)
                if run is None or not run.goes_on_with(stamp):
                    if run:
                        yield _without_jumps(run)
                    ffmpeg.alive()
                    run = runs[index] = Run(index, channels[index], stamp)
                run.append(stamp, bytes(packet))
        except FFmpegError:  # it was killed in the middle of a frame
            ffmpeg.stop("what came from ffmpeg could not be read")
        for run in runs.values():
            yield _without_jumps(run)


def _without_jumps(run: Run) -> Run:
    """With the time stamp of the file; it may be below 0."""
    run.stamp = (run.stamp + JUMPED // 2) % JUMPED - JUMPED // 2
    return run


@contextmanager
def _opened(ffmpeg: BoundedFfmpeg) -> "Iterator[av.container.InputContainer | None]":
    """The container that ffmpeg writes; None where it had no samples."""
    import av
    from av.error import FFmpegError

    try:
        container = av.open(f"pipe:{ffmpeg.output.fileno()}", format="nut")
    except FFmpegError:
        yield None
        return
    with container:
        yield container
