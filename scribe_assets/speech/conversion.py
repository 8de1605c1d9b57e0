"""Any media file as 16 kHz mono audio: what people listen to, and what each track is made of."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scribe_assets.speech.media import AudioFile, load
from scribe_assets.speech.media.audio import PcmChannel
from scribe_assets.speech.media.decoding import Decoded, DecodedTrack, decode_tracks
from scribe_assets.speech.media.limits import DEFAULT_LIMITS, MediaLimits
from scribe_assets.speech.media_info import FileTimeline, MediaInfo
from scribe_assets.speech.progress import Progress, part_of
from scribe_assets.speech.tracks.bleed import Gated, find_bleed
from scribe_assets.speech.tracks.channels import Channel, Choice, Group, Part, Wish
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
        plain = Path(folder) / target.name
        decoded = decode_tracks(
            source,
            Path(folder),
            limits,
            part_of(progress, 0.0, DECODED),
            plain if tracks in ("auto", "mix") else None,
        )
        sounds = _sounds(decoded)
        whole = decoded.plain is not None and decoded.plain.is_one_sound()
        choice = (
            one_sound([*sounds])
            if whole
            else choose(sounds, tracks, part_of(progress, DECODED, 0.9))
        )
        parts = tuple(
            target.with_name(f"{target.stem}-{number}{target.suffix}")
            for number, _ in enumerate(choice.groups, start=1)
            if len(choice.groups) > 1
        )
        if whole:
            plain.replace(target)
        elif not parts:
            mix(choice.groups[0], sounds, target)
        else:
            _write_each(choice, sounds, Path(folder), parts, target)
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


def _write_each(
    choice: Choice,
    sounds: dict[Channel, PcmChannel],
    folder: Path,
    parts: tuple[Path, ...],
    target: Path,
) -> None:
    """Write each group of channels without what it only overhears of the others, and the mix of
    all as they are."""
    whole = [folder / part.name for part in parts]
    for group, file in zip(choice.groups, whole, strict=True):
        mix(group, sounds, file)
    with ExitStack() as stack:
        groups = [stack.enter_context(AudioFile(file)) for file in whole]
        mix_all(groups, target)
        for file, part, silenced in zip(whole, parts, find_bleed(groups), strict=True):
            with Gated(file, silenced) as gated:
                mix_all([gated], part)


def one_sound(channels: list[Channel]) -> Choice:
    """The choice for a recording that sounds alike in all channels, or has one."""
    parts = tuple(Part(channel, 1 / len(channels)) for channel in channels)
    if len(channels) == 1:
        return Choice("single", (Group(parts),), "the recording has one channel")
    return Choice("mix", (Group(parts),), "all channels hold the same sound")


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
