"""What a media file says of itself, as plain data: no media library is imported here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MediaInfo:
    """What a file says of itself; `duration` in seconds, None where the container has none."""

    container: str
    duration: float | None
    audio_codec: str
    sample_rate: int
    channels: int
    video_codec: str | None
