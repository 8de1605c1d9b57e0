"""Times are those that a player shows for the upload, whatever the container does with them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech import media
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets.speech.media.clock import LATE, Beginnings, Clock
from scribe_assets_tests.media import ffmpeg_run

CONTAINERS = {
    "mp4": "aac",
    "mov": "aac",
    "mkv": "libopus",
    "webm": "libopus",
    "ts": "aac",
}
VIDEO = ["-f", "lavfi", "-i", "color=size=32x32:rate=5:duration={seconds}"]
RATE = 16_000


@pytest.fixture(scope="module")
def beeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a tone."""
    target = tmp_path_factory.mktemp("beeps") / "tone.wav"
    soundfile.write(target, tone(3.0), RATE)
    return target


def tone(seconds: float) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * 500 * np.arange(int(seconds * RATE)) / RATE)


def sounds(target: Path) -> list[tuple[float, float]]:
    """Where something is heard, as starts and ends in seconds, to 0.05 s."""
    samples = np.abs(media.load(target))
    frames = samples[: len(samples) // 800 * 800].reshape(-1, 800).max(axis=1) > 0.05
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(int), [0]]))) / 20
    return [(float(start), float(end)) for start, end in edges.reshape(-1, 2)]


def converted(source: Path, folder: Path) -> tuple[Conversion, list[tuple[float, float]]]:
    target = folder / "audio.flac"
    conversion = convert(source, target)
    return conversion, sounds(target)


@pytest.mark.parametrize("offset", [0.0, 0.5, 5.0, 600.0])
@pytest.mark.parametrize("container", CONTAINERS)
def test_sound_that_begins_late_in_a_video(
    tmp_path: Path, beeps: Path, container: str, offset: float
) -> None:
    video = [part.format(seconds=offset + 4) for part in VIDEO]
    codec = "libvpx" if container == "webm" else "libx264"
    made = tmp_path / f"late.{container}"
    ffmpeg_run(
        *video, "-itsoffset", offset, "-i", beeps, "-map", "0", "-map", "1",
        "-c:v", codec, "-c:a", CONTAINERS[container], made,
    )  # fmt: skip
    conversion, heard = converted(made, tmp_path)
    assert heard == [pytest.approx((offset, offset + 3), abs=0.12)]
    assert conversion.timeline.start == pytest.approx(offset, abs=0.12)
    assert conversion.duration == pytest.approx(offset + 3, abs=0.2)
    assert not conversion.damage


@pytest.mark.parametrize("gap", [1, 60])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_hole_in_the_time_stamps(tmp_path: Path, beeps: Path, container: str, gap: int) -> None:
    made = tmp_path / f"gap.{container}"
    # The tone goes on `gap` seconds later after its first one and a half seconds.
    ffmpeg_run(
        "-i", beeps, "-filter:a", f"asetpts=PTS+gte(T\\,1.5)*{gap}/TB",
        "-c:a", CONTAINERS[container], "-f", muxer(container), made,
    )  # fmt: skip
    conversion, heard = converted(made, tmp_path)
    assert heard == [
        pytest.approx((0, 1.5), abs=0.12),
        pytest.approx((1.5 + gap, 3 + gap), abs=0.12),
    ]
    (hole,) = conversion.timeline.gaps
    assert hole.start == pytest.approx(1.5, abs=0.12)
    assert hole.end == pytest.approx(1.5 + gap, abs=0.12)


def muxer(container: str) -> str:
    return {"mkv": "matroska", "ts": "mpegts"}.get(container, container)


@pytest.mark.parametrize("container", ["ts", "mp4"])
def test_a_segment_of_a_stream_begins_at_its_own_start(
    tmp_path: Path, beeps: Path, container: str
) -> None:
    """A stream of ten hours; its segment knows only where it lies in it."""
    video = [part.format(seconds=3) for part in VIDEO]
    made = tmp_path / f"segment.{container}"
    ffmpeg_run(
        *video, "-i", beeps, "-c:v", "libx264", "-bf", 0, "-c:a", "aac",
        "-output_ts_offset", 36_000,
        *(["-movflags", "frag_keyframe+empty_moov"] if container == "mp4" else []), made,
    )  # fmt: skip
    conversion, heard = converted(made, tmp_path)
    assert heard == [pytest.approx((0, 3), abs=0.15)]
    assert conversion.duration < 4


JOINED = {
    "mp3": "libmp3lame", "aac": "aac", "m4a": "aac", "mp4": "aac", "mov": "aac", "mkv": "libvorbis",
    "webm": "libopus", "ogg": "libvorbis", "opus": "libopus", "flac": "flac", "wav": "pcm_s16le",
    "aiff": "pcm_s16be", "ts": "aac", "avi": "libmp3lame", "wma": "wmav2",
}  # fmt: skip


@pytest.mark.parametrize("container", JOINED)
def test_joined_files_keep_what_they_hold(tmp_path: Path, beeps: Path, container: str) -> None:
    """Neither is the second one lost, nor is there time between them that nobody recorded."""
    one, two = tmp_path / f"one.{container}", tmp_path / f"two.{container}"
    ffmpeg_run("-i", beeps, "-c:a", JOINED[container], one)
    two.write_bytes(one.read_bytes() * 2)
    conversion, heard = converted(two, tmp_path)
    assert conversion.duration == pytest.approx(6, abs=0.3)
    assert sum(end - start for start, end in heard) == pytest.approx(6, abs=0.3)
    assert not conversion.damage


def test_the_second_of_joined_files_may_be_damaged(tmp_path: Path, beeps: Path) -> None:
    made = tmp_path / "joined.mp4"
    ffmpeg_run("-i", beeps, "-c:a", "aac", made)
    whole = made.read_bytes()
    made.write_bytes(whole + whole[:64] + b"\0" * 500)
    conversion, heard = converted(made, tmp_path)
    assert heard == [pytest.approx((0, 3), abs=0.12)]
    assert len(conversion.damage) <= 1


@given(
    frames=st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 50)), min_size=1, max_size=40)
)
def test_nothing_is_lost_and_nothing_is_far_from_its_time_stamp(
    frames: list[tuple[int, int]],
) -> None:
    """Frames one after the other with holes of any length between them: what is written is as long
    as the time stamps say, to the tolerance."""
    rate = 1_000
    clock = Clock(Beginnings(continuous=True, shifts=[0]), rate)
    stamp = heard = 0
    for hole, count in frames:
        stamp += hole
        placement = clock.place(stamp, count)
        assert placement.dropped == 0
        stamp += count
        heard += count
        assert 0 <= stamp - clock.position <= LATE * rate
    assert clock.heard == heard


@given(jumps=st.lists(st.integers(-(10**7), -600), max_size=10))
def test_a_jump_back_begins_anew_without_a_hole(jumps: list[int]) -> None:
    rate = 1_000
    clock = Clock(Beginnings(continuous=False, shifts=[0]), rate)
    stamp = 0
    clock.place(0, 100)
    for number, jump in enumerate(jumps, start=2):
        stamp += 100 + jump
        assert clock.place(stamp, 100).silence == 0
        assert clock.position == number * 100
    assert len(clock.parts) == len(jumps)


def test_tracks_stay_side_by_side_where_time_stamps_begin_anew() -> None:
    """The first track that comes to the place decides for all."""
    beginnings = Beginnings(continuous=False, shifts=[0])
    one, other = Clock(beginnings, 1_000), Clock(beginnings, 1_000)
    one.place(0, 5_000)
    other.place(0, 4_000)
    one.place(0, 1_000)
    assert other.place(0, 1_000).silence == 1_000
    assert one.position == other.position == 6_000
