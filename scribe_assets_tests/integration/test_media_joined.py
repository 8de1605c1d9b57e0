"""Files that were joined byte by byte hold what each of them holds, in order."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.speech import media
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets.speech.media.decoding import decode_tracks
from scribe_assets.speech.media.limits import DEFAULT_LIMITS
from scribe_assets_tests.media import ffmpeg_run, note, notes

LOW, HIGH, HIGHER = 500, 1_500, 2_500
RATES = {LOW: 16_000, HIGH: 44_100, HIGHER: 48_000}
SECONDS = {LOW: 3.0, HIGH: 2.0, HIGHER: 1.5}
CHANNELS = {LOW: 1, HIGH: 2, HIGHER: 2}

ENCODED: dict[str, list[list[object]]] = {
    "wav": [["pcm_s16le"], ["pcm_s24le"], ["pcm_f32le"]],
    "w64": [["pcm_s16le"], ["pcm_s24le"], ["pcm_f32le"]],
    "aiff": [["pcm_s16be"], ["pcm_s24be"], ["pcm_s16le"]],
    "caf": [["pcm_s16le"], ["alac"], ["pcm_mulaw"]],
    "au": [["pcm_s16be"], ["pcm_mulaw"], ["pcm_s24be"]],
    "flac": [["flac"], ["flac", "-sample_fmt", "s32", "-strict", -2], ["flac"]],
    "mp3": [["libmp3lame"], ["libmp3lame", "-q:a", 2], ["libmp3lame"]],
    "aac": [["aac"], ["aac"], ["aac"]],
    "m4a": [["aac"], ["alac"], ["aac"]],
    "mp4": [["aac"], ["libmp3lame"], ["ac3"]],
    "mov": [["pcm_s16le"], ["aac"], ["pcm_s24le"]],
    "3gp": [["aac"], ["aac"], ["aac"]],
    "mkv": [["libvorbis"], ["flac"], ["aac"]],
    "webm": [["libopus"], ["libvorbis"], ["libopus"]],
    "ogg": [["libvorbis"], ["flac"], ["libopus"]],
    "ts": [["aac"], ["libmp3lame"], ["ac3"]],
    "avi": [["libmp3lame"], ["pcm_s16le"], ["ac3"]],
    "wma": [["wmav2"], ["wmav1"], ["wmav2"]],
    "flv": [["aac"], ["libmp3lame"], ["aac"]],
    "ac3": [["ac3", "-ar", 32_000], ["ac3"], ["ac3"]],
    "mpg": [["mp2"], ["mp2"], ["ac3"]],
    "tta": [["tta"], ["tta"], ["tta"]],
    "wv": [["wavpack"], ["wavpack"], ["wavpack"]],
    "amr": [
        ["libopencore_amrnb", "-ar", 8_000, "-ac", 1, "-b:a", rate]
        for rate in ("12.2k", "4.75k", "7.95k")
    ],
    "nut": [["pcm_s16le"], ["flac"], ["libvorbis"]],
}
"""By container: how the first, the second and the third file are encoded."""


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A tone a file, of other lengths, rates and channels."""
    folder = tmp_path_factory.mktemp("tones")
    files = {}
    for frequency, rate in RATES.items():
        samples = note(frequency, SECONDS[frequency], rate)
        files[frequency] = folder / f"{frequency}.wav"
        soundfile.write(files[frequency], np.stack([samples] * CHANNELS[frequency], axis=1), rate)
    return files


def join(target: Path, parts: list[Path]) -> Path:
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def converted(source: Path) -> tuple[Conversion, list[tuple[int, float, float]]]:
    target = source.with_name("audio.flac")
    conversion = convert(source, target)
    return conversion, notes(media.load(target))


def follow(heard: list[tuple[int, float, float]], expected: list[int]) -> bool:
    """Whether these tones are heard one after the other, each as long as it is."""
    end = 0.0
    for (frequency, start, stop), tone in zip(heard, expected, strict=False):
        seconds = SECONDS[tone]
        if frequency != tone or abs(start - end) > 0.25 or abs(stop - start - seconds) > 0.25:
            return False
        end = stop
    return len(heard) == len(expected)


@pytest.mark.parametrize("container", ENCODED)
def test_the_same_file_twice(tmp_path: Path, tones: dict[int, Path], container: str) -> None:
    """Neither is the second one lost, nor is there time between them that nobody recorded."""
    one = tmp_path / f"one.{container}"
    ffmpeg_run("-i", tones[LOW], "-c:a", *ENCODED[container][0], one)
    conversion, heard = converted(join(tmp_path / "joined", [one, one]))
    assert conversion.duration == pytest.approx(6, abs=0.3)
    assert sum(end - start for _, start, end in heard) == pytest.approx(6, abs=0.3)
    assert not conversion.damage


@pytest.mark.parametrize("container", ENCODED)
def test_different_files(tmp_path: Path, tones: dict[int, Path], container: str) -> None:
    """Of other codecs, rates and channels."""
    parts = []
    for (frequency, tone), codec in zip(tones.items(), ENCODED[container], strict=True):
        parts.append(tmp_path / f"{frequency}.{container}")
        ffmpeg_run("-i", tone, "-c:a", *codec, parts[-1])
    conversion, heard = converted(join(tmp_path / "joined", parts))
    assert follow(heard, [LOW, HIGH, HIGHER]), (heard, conversion.damage)
    assert not conversion.damage
    _, heard = converted(join(tmp_path / "joined", [parts[1], parts[0]]))
    assert follow(heard, [HIGH, LOW]), heard


VIDEO = {
    "mp4": ["libx264", "-c:a", "aac"],
    "mov": ["libx264", "-c:a", "pcm_s16le"],
    "ts": ["libx264", "-c:a", "aac"],
    "mkv": ["libx264", "-c:a", "libvorbis"],
    "webm": ["libvpx", "-c:a", "libopus"],
    "avi": ["mpeg4", "-c:a", "libmp3lame"],
    "flv": ["flv1", "-c:a", "libmp3lame"],
    "mpg": ["mpeg2video", "-c:a", "mp2"],
    "mxf": ["mpeg2video", "-c:a", "pcm_s16le"],
    "wmv": ["wmv2", "-c:a", "wmav2"],
}


def video(target: Path, tone: Path, *more: object, size: str = "64x64") -> Path:
    options = VIDEO[target.suffix[1:]]
    ffmpeg_run(
        "-f", "lavfi", "-i", f"color=size={size}:rate=25:duration=3", "-i", tone, *more,
        "-shortest", "-c:v", *options, "-ar", 48_000, target,
    )  # fmt: skip
    return target


@pytest.mark.parametrize("container", VIDEO)
def test_videos(tmp_path: Path, tones: dict[int, Path], container: str) -> None:
    parts = [
        video(tmp_path / f"low.{container}", tones[LOW]),
        video(tmp_path / f"high.{container}", tones[HIGH], size="128x96"),
    ]
    conversion, heard = converted(join(tmp_path / "joined", parts))
    assert follow(heard, [LOW, HIGH]), (heard, conversion.damage)
    assert not conversion.damage


TWO_TRACKS = {"mp4": "aac", "mkv": "flac", "mov": "pcm_s16le", "avi": "pcm_s16le", "ts": "aac"}


@pytest.mark.parametrize("container", TWO_TRACKS)
def test_another_number_of_tracks(tmp_path: Path, tones: dict[int, Path], container: str) -> None:
    """The second file has a track more: nothing of it is lost. Then the first has."""
    codec = ["-c:a", TWO_TRACKS[container]]
    one, two = tmp_path / f"one.{container}", tmp_path / f"two.{container}"
    ffmpeg_run("-i", tones[LOW], *codec, one)
    ffmpeg_run("-i", tones[HIGH], "-i", tones[HIGHER], "-map", 0, "-map", 1, *codec, two)
    assert tracks(join(tmp_path / "joined", [one, two])) == [
        [(LOW, 0, 3), (HIGH, 3, 5)],
        [(HIGHER, 3, 4.5)],
    ]
    assert tracks(join(tmp_path / "joined", [two, one])) == [
        [(HIGH, 0, 2), (LOW, 2, 5)],
        [(HIGHER, 0, 1.5)],
    ]


def tracks(source: Path) -> list[list[tuple[int, float, float]]]:
    """The tones of each track, to half a second."""
    decoded = decode_tracks(source, source.parent, DEFAULT_LIMITS)
    return [
        [
            (frequency, round(2 * start) / 2, round(2 * end) / 2)
            for frequency, start, end in notes(track.channel(0)[:])
        ]
        for track in decoded.tracks
    ]


def test_a_broadcast_that_changes_its_channels(tmp_path: Path, tones: dict[int, Path]) -> None:
    """Time goes on, from mono to stereo: no other file begins."""
    one, two = tmp_path / "one.ts", tmp_path / "two.ts"
    ffmpeg_run("-i", tones[LOW], "-c:a", "aac", "-ar", 48_000, one)
    ffmpeg_run("-i", tones[HIGH], "-c:a", "aac", "-ar", 48_000, "-output_ts_offset", 3, two)
    conversion, heard = converted(join(tmp_path / "joined", [one, two]))
    assert follow(heard, [LOW, HIGH])
    assert not conversion.damage


def test_the_second_of_joined_files_may_be_damaged(tmp_path: Path, tones: dict[int, Path]) -> None:
    made = tmp_path / "joined.mp4"
    ffmpeg_run("-i", tones[LOW], "-c:a", "aac", made)
    whole = made.read_bytes()
    made.write_bytes(whole + whole[:64] + b"\0" * 500)
    conversion, heard = converted(made)
    assert follow(heard, [LOW])
    assert len(conversion.damage) <= 1


def test_a_part_without_sound_is_told(tmp_path: Path, tones: dict[int, Path]) -> None:
    one, silent = tmp_path / "one.mp4", tmp_path / "silent.mp4"
    ffmpeg_run("-i", tones[LOW], one)
    ffmpeg_run("-f", "lavfi", "-i", "color=size=64x64:duration=1", silent)
    conversion, heard = converted(join(tmp_path / "joined", [one, silent, one]))
    assert follow(heard, [LOW, LOW]) or heard == [(LOW, 0.0, pytest.approx(6, abs=0.3))]
    (told,) = conversion.damage
    assert "no audio track" in told
