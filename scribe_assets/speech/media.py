"""Media in, 16 kHz mono audio out: probing, conversion and reading."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scribe_assets.errors import MediaError
from scribe_assets.speech.media_info import MediaInfo
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Span

SAMPLE_RATE = 16_000
"""Samples a second of all audio after conversion; every model here was trained on it."""


# Formats that name other files or addresses. Without this list, an upload could make ffmpeg open
# any file of this machine, or an address in its network.
REFERENCE_FORMATS = {
    "applehttp",
    "concat",
    "dash",
    "hls",
    "imf",
    "rtp",
    "rtsp",
    "sdp",
    "vapoursynth",
}


@dataclass(frozen=True)
class Conversion:
    """A finished conversion: seconds written, and what ffmpeg complained about on the way."""

    duration: float
    warnings: str


def ffmpeg_binary() -> str:
    """Path of the system's ffmpeg where there is one, else of the one in imageio-ffmpeg."""
    system = shutil.which("ffmpeg")
    if system:
        return system
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def probe(path: Path) -> MediaInfo:
    """Read container and codecs of a media file.

    Raises:
        MediaError: the file is empty, is not media, only refers to other files, or has no audio.
    """
    import av
    from av.error import FFmpegError

    if path.stat().st_size == 0:
        raise MediaError("the file is empty (0 bytes); upload it again")
    try:
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            names = set(container.format.name.split(","))
            if names & REFERENCE_FORMATS:
                raise MediaError(
                    "the file is a playlist that refers to other files; upload the media itself"
                )
            video = next(iter(container.streams.video), None)
            video_codec = video.codec_context.name if video and video.codec_context else None
            streams = list(container.streams.audio)
            audio = next((stream for stream in streams if stream.codec_context), None)
            if streams and audio is None:
                raise MediaError("ffmpeg does not know the codec of the audio; convert it first")
            if audio is None:
                content = f"only video ({video_codec})" if video else "no audio or video"
                raise MediaError(
                    f"the file has no audio track, {content}; export it again with sound"
                )
            return MediaInfo(
                container=container.format.name,
                duration=container.duration / av.time_base if container.duration else None,
                audio_codec=audio.codec_context.name,
                sample_rate=audio.codec_context.sample_rate or 0,
                channels=audio.codec_context.channels or 0,
                video_codec=video_codec,
            )
    except (FFmpegError, ValueError) as error:
        raise MediaError(
            "the file is not audio or video that ffmpeg can read: it is damaged or of another "
            f"kind ({_reason(error)}); check that it plays, and upload it again"
        ) from error


def _reason(error: Exception) -> str:
    """ffmpeg's own words, without our path."""
    return str(getattr(error, "strerror", None) or error).split("; last error")[0].strip()


def convert(source: Path, target: Path, progress: Progress | None = None) -> Conversion:
    """Write the audio of any media file as 16 kHz mono FLAC (16 bit), streaming.

    Several channels are mixed down as ffmpeg does; of several audio tracks ffmpeg's default is
    taken. `target` exists afterwards only if the conversion succeeded.

    Raises:
        MediaError: ffmpeg cannot decode it, or there is not one sample in it.
    """
    import ffmpeg

    info = probe(source)
    stream = ffmpeg.input(str(source), protocol_whitelist="file").output(
        str(target), vn=None, ac=1, ar=SAMPLE_RATE, format="flac", sample_fmt="s16", map_metadata=-1
    )
    with tempfile.TemporaryFile() as log:
        process = stream.global_args(
            "-nostdin", "-v", "error", "-progress", "pipe:1", "-y"
        ).compile(cmd=ffmpeg_binary())
        with subprocess.Popen(process, stdout=subprocess.PIPE, stderr=log, text=True) as running:  # noqa: S603
            for line in running.stdout or ():
                name, _, value = line.partition("=")
                if progress and name == "out_time_us" and info.duration and value.strip().isdigit():
                    progress(min(1.0, int(value) / 1e6 / info.duration))
        log.seek(0)
        said = log.read().decode(errors="replace").replace(str(source), "the file").strip()
    if running.returncode != 0:
        target.unlink(missing_ok=True)
        last = (
            re.sub(r"^\[[^]]*\] *", "", said.splitlines()[-1])
            if said
            else (f"exit code {running.returncode}")
        )
        raise MediaError(
            f"ffmpeg cannot decode the audio of the file ({last}); check that it plays, "
            "and upload it again"
        )
    duration = flac_duration(target)
    if duration == 0:
        target.unlink()
        raise MediaError("the audio track holds not one sample; the file is damaged or cut short")
    return Conversion(duration=duration, warnings=said)


def flac_duration(path: Path) -> float:
    """Seconds of audio in a FLAC or WAV file, from its header."""
    import soundfile

    info = soundfile.info(str(path))
    # To libsndfile "no samples" in a FLAC header means "unknown", reported as 2^63 - 1.
    return 0.0 if info.frames == 2**63 - 1 else float(info.frames / info.samplerate)


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


Waveform = np.ndarray | AudioFile
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


def decode(source: Path) -> np.ndarray:
    """Read any media file that fits in memory, such as a voice sample.

    Returns:
        (num_samples,) float32 array at 16 kHz.

    Raises:
        MediaError: see `convert`.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        target = Path(folder) / "audio.flac"
        convert(source, target)
        return load(target)
