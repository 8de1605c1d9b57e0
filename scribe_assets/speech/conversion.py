"""Any media file as 16 kHz mono audio: what people listen to, and what each track is made of."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scribe_assets.speech.media import load
from scribe_assets.speech.media.audio import PcmChannel
from scribe_assets.speech.media.decoding import Decoded, DecodedTrack, decode_tracks
from scribe_assets.speech.media.limits import DEFAULT_LIMITS, MediaLimits
from scribe_assets.speech.media_info import FileTimeline, MediaInfo
from scribe_assets.speech.progress import Progress, part_of
from scribe_assets.speech.tracks.channels import Channel, Choice, Wish
from scribe_assets.speech.tracks.choice import choose
from scribe_assets.speech.tracks.mixing import mix, mix_all

DECODED = 0.8
"""Share of the work, in what is told of its progress, after which all is decoded."""


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        media: what the file says of itself; codec, rate and channels are those of the first track
            that was taken.
        duration: seconds of audio.
        timeline: where the sound lies on the file's own timeline.
        choice: which tracks and channels were taken, and why.
        tracks: the mono audio of each track that is transcribed by itself, in the order of
            `choice.groups`; empty where there is one, which is the whole.
        damage: what was lost, a sentence each.
        warnings: what ffmpeg complained about.
    """

    media: MediaInfo
    duration: float
    timeline: FileTimeline
    choice: Choice
    tracks: tuple[Path, ...]
    damage: tuple[str, ...]
    warnings: str


def convert(
    source: Path,
    target: Path,
    tracks: Wish = "auto",
    limits: MediaLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Conversion:
    """Write the audio of any media file as 16 kHz mono FLAC (16 bit).

    Args:
        source: the media file.
        target: all that is said, mixed, to be listened to. Where several tracks are transcribed
            each, their audio is beside it, as `NAME-1.flac`, `NAME-2.flac` and so on.
        tracks: which tracks or channels are taken.
        limits: what the file may take of this machine.
        progress: called with the done fraction.

    `target` exists afterwards only if the conversion succeeded.

    Raises:
        MediaError: it is not media, is beyond the limits, or there is not one sample in it.
        UsageError: a number in `tracks` that the file does not have.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-", dir=target.parent) as folder:
        decoded = decode_tracks(source, Path(folder), limits, part_of(progress, 0.0, DECODED))
        sounds = _sounds(decoded)
        choice = choose(sounds, tracks, part_of(progress, DECODED, 0.9))
        parts = tuple(
            target.with_name(f"{target.stem}-{number}{target.suffix}")
            for number, _ in enumerate(choice.groups, start=1)
        )
        if len(parts) == 1:
            parts = ()
            mix(choice.groups[0], sounds, target)
        else:
            for group, part in zip(choice.groups, parts, strict=True):
                mix(group, sounds, part)
            mix_all([load(part) for part in parts], target)
    part_of(progress, 0.0, 1.0)(1.0)
    first = choice.groups[0].channels[0].track
    return Conversion(
        media=_of_track(decoded, first),
        duration=round(decoded.seconds, 3),
        timeline=decoded.timeline(),
        choice=choice,
        tracks=parts,
        damage=tuple(decoded.damage),
        warnings=decoded.complaints,
    )


def decode(source: Path) -> np.ndarray:
    """Read any media file that fits in memory, such as a voice sample.

    Returns:
        (num_samples,) float32 array at 16 kHz.

    Raises:
        MediaError: see `convert`.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        target = Path(folder) / "audio.flac"
        convert(source, target, tracks="mix")
        return load(target)


def _sounds(decoded: Decoded) -> dict[Channel, PcmChannel]:
    """Every channel of the file, in its order."""
    return {
        _channel(track, number): track.channel(number)
        for track in decoded.tracks
        for number in range(track.channels)
        if track.clock and track.clock.heard
    }


def _channel(track: DecodedTrack, number: int) -> Channel:
    info = track.info
    return Channel(
        track=info.number,
        channel=number + 1,
        of=track.channels,
        title=info.title,
        language=info.language,
        default=info.is_default,
    )


def _of_track(decoded: Decoded, number: int) -> MediaInfo:
    """What the file says of itself, with the facts of this track."""
    track = next(track for track in decoded.tracks if track.info.number == number)
    return replace(
        decoded.info,
        audio_codec=track.info.codec or "",
        sample_rate=track.info.sample_rate,
        channels=track.channels,
    )
