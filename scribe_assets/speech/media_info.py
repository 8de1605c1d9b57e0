"""What a media file says of itself and what was found in it, as plain data: no media library is
imported here."""

from dataclasses import dataclass

from scribe_assets.speech.timeline import Gap


@dataclass(frozen=True)
class TrackInfo:
    """An audio track as the file tells of it.

    `number` counts the audio tracks from 1, as players do; `codec` is None where it is unknown.
    """

    number: int
    codec: str | None
    sample_rate: int
    channels: int
    layout: str | None = None
    language: str | None = None
    title: str | None = None
    is_default: bool = False


@dataclass(frozen=True)
class MediaInfo:
    """What a file says of itself; codec, rate and channels are those of its first audio track that
    can be decoded.

    `duration` and `start` (where its timeline begins) are in seconds; `duration` is None where the
    container has none.
    """

    container: str
    duration: float | None
    audio_codec: str
    sample_rate: int
    channels: int
    video_codec: str | None
    start: float = 0.0
    tracks: tuple[TrackInfo, ...] = ()


@dataclass(frozen=True)
class FileTimeline:
    """Where the sound lies on the file's own timeline, in seconds from the file's beginning.

    Attributes:
        start: where the sound begins; later than 0 where a video begins before it.
        gaps: holes in the time stamps, such as a paused recording or lost packets; silence in the
            converted audio.
        parts: where a joined file begins anew: the time stamps jump back, or a new header comes.
        audio_end: where the last sound ends.
    """

    start: float = 0.0
    gaps: tuple[Gap, ...] = ()
    parts: tuple[float, ...] = ()
    audio_end: float = 0.0
