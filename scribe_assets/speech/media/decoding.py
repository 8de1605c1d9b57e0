"""Every audio track of a file as 16 kHz samples on the file's own timeline, in one pass of ffmpeg.

ffmpeg decodes and resamples, and hands over the samples with the time stamps of the file, in its
NUT container. Here they are put where the time stamps say (see `clock`). ffmpeg's own way of doing
that, `aresample=async`, believes every jump, and makes 110 s of two joined files of 22 s.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from scribe_assets.errors import MediaError
from scribe_assets.speech.media.audio import BYTES_A_SAMPLE, SAMPLE_RATE, PcmChannel
from scribe_assets.speech.media.clock import Beginnings, Clock, own_gaps, shared_gaps
from scribe_assets.speech.media.ffmpeg import BoundedFfmpeg
from scribe_assets.speech.media.formats import input_options
from scribe_assets.speech.media.frames import FILTER, Run, read_runs
from scribe_assets.speech.media.limits import MediaLimits
from scribe_assets.speech.media.part import Part, mended
from scribe_assets.speech.media.parts import find_parts
from scribe_assets.speech.media.plain_mix import PlainMix
from scribe_assets.speech.media.probing import Opened, open_part, refuse_empty
from scribe_assets.speech.media_info import FileTimeline, MediaInfo, TrackInfo
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Gap

NEGLIGIBLE_LOSS = 1.0
"""Seconds of sound less than the file promises that are not told: containers round."""


@dataclass
class DecodedTrack:
    """A track as interleaved 16-bit samples at 16 kHz in a file, from the file's beginning on."""

    info: TrackInfo
    path: Path
    channels: int = 0
    clock: Clock | None = None
    promised: float = 0.0

    def channel(self, number: int) -> PcmChannel:
        """A channel, counted from 0."""
        return PcmChannel(self.path, self.channels, number)

    @property
    def seconds(self) -> float:
        """Where its sound ends."""
        return self.clock.position / SAMPLE_RATE if self.clock else 0.0


@dataclass
class Decoded:
    """What is in a file.

    Attributes:
        info: of its first part.
        tracks: those that can be decoded, of the same length; silence at their ends.
        plain: the mean of all channels, where there is one track.
        damage: what was lost or is strange, a sentence each.
        complaints: of ffmpeg.
    """

    info: MediaInfo
    tracks: list[DecodedTrack]
    plain: PlainMix | None = None
    damage: list[str] = field(default_factory=list)
    complaints: str = ""

    @property
    def seconds(self) -> float:
        """Where the last sound ends."""
        return max((track.seconds for track in self.tracks), default=0.0)

    def timeline(self) -> FileTimeline:
        """Where the sound lies, of all tracks together; gaps of one track alone say which it is."""
        clocks = [t.clock for t in self.tracks if t.clock and t.clock.start is not None]
        if not clocks:
            return FileTimeline()
        rate, shared = SAMPLE_RATE, shared_gaps(clocks)
        gaps = [(gap, None) for gap in shared] + [
            (gap, track.info.number)
            for track in self.tracks
            if track.clock and len(clocks) > 1
            for gap in own_gaps(track.clock, shared)
        ]
        main = max(clocks, key=lambda clock: len(clock.parts))
        return FileTimeline(
            start=round(min(clock.start or 0 for clock in clocks) / rate, 3),
            gaps=tuple(
                sorted(
                    (
                        Gap(round(gap.start / rate, 3), round(gap.end / rate, 3), track)
                        for gap, track in gaps
                    ),
                    key=lambda gap: (gap.start, gap.end),
                )
            ),
            parts=tuple(round(part / rate, 3) for part in main.parts),
            audio_end=round(self.seconds, 3),
        )


def decode_tracks(
    source: Path,
    folder: Path,
    limits: MediaLimits,
    progress: Progress | None = None,
    plain: Path | None = None,
) -> Decoded:
    """Decode all audio tracks of a file.

    Args:
        source: any media file.
        folder: where the samples are written; they take 115 MB an hour and channel.
        limits: what it may take.
        progress: called with the done fraction.
        plain: where the mean of all channels of the only track is written, see `PlainMix`.

    Raises:
        MediaError: it is not media, is beyond the limits, or there is not one sample in it.
    """
    refuse_empty(source)
    parts = find_parts(source)
    source = mended(source, parts, folder)
    first = open_part(source, parts[0], limits)
    decoded = Decoded(
        first.info,
        [
            DecodedTrack(track, folder / f"track-{track.number}.pcm")
            for track in first.info.tracks
            if track.number in first.streams
        ],
    )
    decoded.damage += [
        f"audio track {track.number} is in a codec that ffmpeg does not know, and is left out"
        for track in first.info.tracks
        if track.codec is None
    ]
    with ExitStack() as stack:
        decoder = _Decoder(source, limits, decoded, progress, stack, plain)
        decoder.files = [stack.enter_context(track.path.open("wb")) for track in decoded.tracks]
        stack.callback(decoder.end_plain)
        decoder.decode(first, parts[0])
        for part in parts[1:]:
            decoder.go_on(part)
        decoder.even_out()
    if decoded.seconds == 0:
        raise MediaError(_why_nothing(decoded))
    decoder.tell_of_loss()
    return decoded


def _why_nothing(decoded: Decoded) -> str:
    said = [line for line in decoded.complaints.splitlines() if not line.startswith("(")]
    if said:
        return (
            f"ffmpeg cannot decode the audio of the file ({said[-1]}); check that it plays, and "
            "upload it again"
        )
    return "the audio track holds not one sample; the file is damaged or cut short"


@dataclass
class _Decoder:
    """Writes the tracks of the parts of a file, one part behind the other."""

    source: Path
    limits: MediaLimits
    decoded: Decoded
    progress: Progress | None
    stack: ExitStack
    plain: Path | None = None
    files: list[IO[bytes]] = field(default_factory=list)
    written: int = 0

    def end_plain(self) -> None:
        """Write all of the plain mix."""
        if self.decoded.plain:
            self.decoded.plain.finish()

    def go_on(self, part: Part) -> None:
        """Decode another part behind those before. One that is damaged is told of."""
        self.even_out()
        begins = self.decoded.seconds
        try:
            opened = open_part(self.source, part, self.limits)
        except MediaError as error:
            self.decoded.damage.append(
                f"a part that begins at {begins:.1f} s was left out: {error}"
            )
            return
        self._add_tracks(opened)
        self.decode(opened, part)

    def _add_tracks(self, opened: Opened) -> None:
        """Take the tracks of a part that those before it did not have; they are silent there."""
        known = {track.number for track in self.decoded.info.tracks}
        new = tuple(track for track in opened.info.tracks if track.number not in known)
        for info in new:
            if info.number in opened.streams:
                path = self.decoded.tracks[0].path.with_name(f"track-{info.number}.pcm")
                self.decoded.tracks.append(DecodedTrack(info, path))
                self.files.append(self.stack.enter_context(path.open("wb")))
        if new:
            self.decoded.info = replace(self.decoded.info, tracks=(*self.decoded.info.tracks, *new))
            self.end_plain()
            self.plain = self.decoded.plain = None
            self.even_out()

    def even_out(self) -> None:
        """Let all tracks end where the longest one ends."""
        end = max((t.clock.position for t in self.decoded.tracks if t.clock), default=0)
        for track, file in zip(self.decoded.tracks, self.files, strict=True):
            channels = track.channels = track.channels or max(track.info.channels, 1)
            file.flush()
            os.truncate(file.fileno(), end * channels * BYTES_A_SAMPLE)
            file.seek(0, os.SEEK_END)
            if track.clock:
                track.clock.position = end

    def decode(self, opened: Opened, part: Part) -> None:
        """Decode a part.

        Raises:
            MediaError: it goes beyond a limit, or ffmpeg had to be stopped.
        """
        if part.note:
            self.decoded.damage.append(part.note)
        tracks = [track for track in self.decoded.tracks if track.info.number in opened.streams]
        base = max((t.clock.position for t in self.decoded.tracks if t.clock), default=0)
        shift = None if opened.origin is None else base - round(opened.origin * SAMPLE_RATE)
        beginnings = Beginnings(opened.continuous, [] if shift is None else [shift])
        for track in tracks:
            track.promised += opened.promised.get(track.info.number) or 0.0
            if track.clock:
                track.clock = track.clock.continued(beginnings)
            else:
                track.clock = Clock(beginnings, SAMPLE_RATE, base)
        ffmpeg = BoundedFfmpeg(self._arguments(opened, part, tracks), str(self.source), self.limits)
        try:
            for run in read_runs(ffmpeg):
                self._write(tracks[run.track], run)
        except BaseException:
            ffmpeg.stop("the conversion was given up")
            raise
        finally:
            code = ffmpeg.wait()
            self.decoded.complaints = "\n".join(
                filter(None, [self.decoded.complaints, str(ffmpeg.complaints)])
            )
        if ffmpeg.stopped or code < 0:
            raise MediaError(
                f"the conversion was stopped: {ffmpeg.stopped or f'ffmpeg ended by signal {-code}'}"
                "; the file is damaged, or asks for more than one file may take"
            )

    def _arguments(self, opened: Opened, part: Part, tracks: list[DecodedTrack]) -> list[str]:
        inputs = [text for name, value in input_options().items() for text in (f"-{name}", value)]
        outputs = []
        for number, track in enumerate(tracks):
            outputs += ["-map", f"0:{opened.streams[track.info.number]}"]
            if track.channels:  # a part after the first has as many
                outputs += [f"-ac:a:{number}", str(track.channels)]
        url = part.url(self.source, self.source.stat().st_size)
        return [
            *("-nostdin", "-hide_banner", "-nostats", "-v", "error", "-copyts"),
            # On a machine with many cores, threads would reserve more memory than ffmpeg may have.
            *("-threads", "2", "-filter_threads", "1", *inputs, "-i", url, *outputs),
            *("-filter:a", FILTER, "-c:a", "pcm_s16le", "-f", "nut", "pipe:1"),
        ]

    def _write(self, track: DecodedTrack, run: Run) -> None:
        """Put samples where they belong."""
        assert track.clock  # noqa: S101
        track.channels = run.channels
        samples, frame = run.samples, run.channels * BYTES_A_SAMPLE
        placement = track.clock.place(run.stamp, len(samples) // frame)
        seconds = track.clock.position / SAMPLE_RATE
        if seconds > self.limits.hours * 3600:
            raise MediaError(
                f"the file has more than {self.limits.hours:g} hours of sound, or time stamps as "
                "if it had; cut it, or set SCRIBE_MAX_HOURS"
            )
        self.written += len(samples)
        if self.written > self.limits.decoded_gb * 1e9:
            raise MediaError(
                f"the decoded sound takes more than {self.limits.decoded_gb:g} GB of disk; cut the "
                "file, or set SCRIBE_MAX_DECODED_GB"
            )
        file = self.files[self.decoded.tracks.index(track)]
        if self.plain and self.decoded.plain is None and len(self.decoded.tracks) == 1:
            self.decoded.plain = PlainMix(self.plain, track.channels)
        plain = self.decoded.plain
        if placement.silence:  # a hole in the file is read as zeros, and takes no room
            file.seek(placement.silence * frame, os.SEEK_CUR)
            if plain:
                plain.silence(placement.silence)
        if placement.dropped:
            samples = samples[placement.dropped * frame :]
        file.write(samples)
        if plain:
            plain.append(samples)
        whole = self.decoded.info.duration
        if self.progress and whole:
            self.progress(min(1.0, seconds / whole))

    def tell_of_loss(self) -> None:
        """Say where less could be decoded than a track promises, or not all between its ends."""
        clocks = [track.clock for track in self.decoded.tracks if track.clock]
        gaps = max(sum(gap.duration for gap in clock.gaps) for clock in clocks) / SAMPLE_RATE
        if gaps and self.decoded.complaints:  # a pause in the recording, ffmpeg is silent about
            self.decoded.damage.append(f"{gaps:.1f} s could not be decoded; they are silent")
        for track in self.decoded.tracks:
            if track.clock is None or len(self.decoded.damage) > 20:
                continue
            heard = track.clock.heard / SAMPLE_RATE
            holes = track.clock.gaps if track.clock.beginnings.continuous else []
            missing = track.promised - heard - sum(hole.duration for hole in holes) / SAMPLE_RATE
            if missing > max(NEGLIGIBLE_LOSS, 0.01 * track.promised):
                which = f"track {track.info.number}" if len(self.decoded.tracks) > 1 else "the file"
                self.decoded.damage.append(
                    f"{which} promises {track.promised:.1f} s of sound, "
                    f"{heard:.1f} s could be decoded"
                )
