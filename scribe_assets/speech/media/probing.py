"""What a file says of itself: container, tracks, and where its timeline begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribe_assets.errors import MediaError
from scribe_assets.speech.media.formats import input_options, refuse_playlist
from scribe_assets.speech.media.limits import DEFAULT_LIMITS, MediaLimits
from scribe_assets.speech.media.part import Part
from scribe_assets.speech.media_info import MediaInfo, TrackInfo

if TYPE_CHECKING:
    from av.container import InputContainer

TIMEOUT_SECONDS = 30.0
FIRST_PACKETS, ALL_PACKETS = 40, 400
"""Packets of each track, and in all, that are looked at for the earliest time stamp. Pictures come
in the order of decoding, so that the first is not always the earliest."""

EDITED_START = 1.0
"""Seconds. A MOV or MP4 that begins later than this, its edit list left out, is a fragment of a
stream, whose time stamps go on from those of the fragments before it."""

MAX_TITLE = 200

CONTINUOUS = {"matroska", "mov", "avi", "asf", "mxf", "nut"}
"""Containers with one timeline from the beginning to the end; see `clock.LONGEST_GAP`."""


@dataclass(frozen=True)
class Opened:
    """A file, or a part of one, as it is before anything is decoded.

    Attributes:
        info: for the documents.
        streams: ffmpeg's index of each audio track of `info.tracks` that can be decoded, by number.
        origin: time stamp in seconds at which its timeline begins; None: at that of its first
            sound, which is not that of its first packet where a decoder needs some to warm up.
        continuous: see `clock.Beginnings`.
        promised: seconds of sound of those tracks, by number; None where nothing says it.
    """

    info: MediaInfo
    streams: dict[int, int]
    origin: float | None
    continuous: bool
    promised: dict[int, float | None]


def probe(path: Path, limits: MediaLimits = DEFAULT_LIMITS) -> MediaInfo:
    """Read container and codecs of a media file.

    Raises:
        MediaError: the file is empty, is not media, only refers to other files, has no audio, or is
            beyond the limits.
    """
    refuse_empty(path)
    return open_part(path, Part(0, path.stat().st_size), limits).info


def refuse_empty(path: Path) -> None:
    """Say of a file without content, or of one that only names others, what it is.

    Raises:
        MediaError: it is one.
    """
    if path.stat().st_size == 0:
        raise MediaError("the file is empty (0 bytes); upload it again")
    refuse_playlist(path)


def open_part(path: Path, part: Part, limits: MediaLimits) -> Opened:
    """Read what a part of a file says of itself; see `probe`."""
    import av

    url = part.url(path, path.stat().st_size)
    with _opened(url) as container:
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        audio = list(container.streams.audio)
        tracks = tuple(_track(number, stream) for number, stream in enumerate(audio, start=1))
        known = [track for track in tracks if track.codec]
        if not known:
            raise MediaError(_why_no_sound(bool(audio), video))
        within(known, limits)
        origin: float | None = _earliest(container)
        names = set(container.format.name.split(","))
        has_count = "mp3" in names and _counts_frames(path, part)
        is_mov = "mov" in names
        info = MediaInfo(
            container=container.format.name,
            duration=container.duration / av.time_base if container.duration else None,
            audio_codec=known[0].codec or "",
            sample_rate=known[0].sample_rate,
            channels=known[0].channels,
            video_codec=video.codec_context.name if video and video.codec_context else None,
            start=round(origin or 0.0, 3),
            tracks=tracks,
        )
        streams = {track.number: audio[track.number - 1].index for track in known}
        promised = {
            track.number: _promised(audio[track.number - 1], names, has_count) for track in known
        }
        continuous = bool(CONTINUOUS & names)
    if is_mov and origin:
        # An edit list may let the sound begin late where there is no picture to show it.
        with _opened(url, ignore_editlist="1") as container:
            origin = 0.0 if _earliest(container) < EDITED_START else origin
    if not is_mov and video is None and len(known) == 1:
        origin = None
    return Opened(info, streams, origin, continuous, promised)


@contextmanager
def _opened(url: str, **options: str) -> Iterator["InputContainer"]:
    import av
    from av.error import FFmpegError

    try:
        with av.open(
            url, options={**input_options(), **options}, timeout=TIMEOUT_SECONDS
        ) as container:
            yield container
    except (FFmpegError, ValueError, IndexError) as error:
        raise MediaError(
            "the file is not audio or video that ffmpeg can read: it is damaged or of another "
            f"kind ({_reason(error)}); check that it plays, and upload it again"
        ) from error


def _reason(error: Exception) -> str:
    """ffmpeg's own words, without our path."""
    return str(getattr(error, "strerror", None) or error).split("; last error")[0].strip()


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _track(number: int, stream: Any) -> TrackInfo:
    from av.stream import Disposition

    context = stream.codec_context
    language = stream.metadata.get("language")
    return TrackInfo(
        number=number,
        codec=context.name if context else None,
        sample_rate=(context.sample_rate or 0) if context else 0,
        channels=(context.channels or 0) if context else 0,
        layout=context.layout.name if context and context.channels else None,
        language=None if language in (None, "und", "") else language[:20],
        title=_title(stream.metadata),
        is_default=bool(stream.disposition & Disposition.default),
    )


COUNTED = {"mov", "wav", "w64", "aiff", "flac", "caf", "wv", "ape", "tta", "tak"}
"""Containers that tell how much sound there is. ffmpeg guesses it of others by size and bit rate,
and Matroska knows when all ends, but not of each track when it begins."""


def _title(metadata: dict[str, str]) -> str | None:
    """What a track is called. MP4 has it in the name of a handler, where most programs write
    "SoundHandler" or the like."""
    title = metadata.get("title") or metadata.get("handler_name") or ""
    return None if "handler" in title.lower() else title.strip()[:MAX_TITLE] or None


def _promised(stream: Any, names: set[str], has_count: bool) -> float | None:
    """Seconds of sound that a track promises."""
    if not (names & COUNTED or has_count) or not stream.duration:
        return None
    return float(stream.duration * stream.time_base)


def _counts_frames(path: Path, part: Part) -> bool:
    """Whether an MP3 has a header with the number of its frames (Xing, LAME, or VBRI)."""
    with path.open("rb") as file:
        file.seek(part.start)
        tag = file.read(10)
        if tag.startswith(b"ID3"):
            size = 0
            for byte in tag[6:10]:
                size = size << 7 | byte & 0x7F
            file.seek(part.start + 10 + size)
        head = file.read(4096)
    return any(name in head for name in (b"Xing", b"Info", b"VBRI"))


def _why_no_sound(has_tracks: bool, video: Any) -> str:
    if has_tracks:
        return "ffmpeg does not know the codec of the audio; convert it first"
    codec = video.codec_context.name if video and video.codec_context else None
    content = f"only video ({codec or 'of an unknown kind'})" if video else "no audio or video"
    return f"the file has no audio track, {content}; export it again with sound"


def within(tracks: list[TrackInfo], limits: MediaLimits) -> None:
    """Check rates and channels, before anything is decoded.

    Raises:
        MediaError: they are beyond the limits.
    """
    for track in tracks:
        # 0 is "unknown until it is decoded".
        if track.sample_rate and not (
            limits.min_sample_rate <= track.sample_rate <= limits.max_sample_rate
        ):
            raise MediaError(
                f"the header gives a sample rate of {track.sample_rate} Hz; rates from "
                f"{limits.min_sample_rate} to {limits.max_sample_rate} Hz are taken "
                "(SCRIBE_MIN_SAMPLE_RATE, SCRIBE_MAX_SAMPLE_RATE)"
            )
    channels = sum(track.channels for track in tracks)
    if channels > limits.channels:
        raise MediaError(
            f"the file has {channels} channels of audio; up to {limits.channels} are taken "
            "(SCRIBE_MAX_CHANNELS)"
        )


def _earliest(container: "InputContainer") -> float:
    """The earliest time stamp of sound and picture in seconds.

    Read from the packets, because libavformat guesses it where it may not decode a picture.
    """
    streams = [s for s in container.streams.audio if s.codec_context]
    watched = [*streams, *(s for s in container.streams.video if not _is_cover(s))]
    stamps: dict[int, list[float]] = {stream.index: [] for stream in watched}
    for seen, packet in enumerate(container.demux(watched), start=1):
        if packet.pts is not None and packet.time_base:
            stamps[packet.stream.index].append(float(packet.pts * packet.time_base))
        if seen >= ALL_PACKETS or all(len(found) >= FIRST_PACKETS for found in stamps.values()):
            break
    earliest = min((min(found) for found in stamps.values() if found), default=0.0)
    # What lies shortly before 0 are the samples with which a decoder warms up; nobody hears them.
    return 0.0 if -EDITED_START < earliest < 0 else earliest
