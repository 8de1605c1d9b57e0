"""Times are those that a player shows for the upload, whatever the container does with them."""

from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech import media
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets.speech.media.clock import LATE, Beginnings, Clock, own_gaps, shared_gaps
from scribe_assets.speech.media.decoding import decode_tracks
from scribe_assets.speech.media.limits import DEFAULT_LIMITS
from scribe_assets.speech.timeline import Span
from scribe_assets_tests.media import ffmpeg_run, note, sounds

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
    soundfile.write(target, note(500, 3.0), RATE)
    return target


def converted(source: Path, folder: Path) -> tuple[Conversion, list[tuple[float, float]]]:
    target = folder / "audio.flac"
    conversion = convert(source, target)
    return conversion, sounds(media.load(target))


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


@pytest.mark.parametrize("with_video", [False, True])
@pytest.mark.parametrize("container", CONTAINERS)
def test_several_holes(tmp_path: Path, beeps: Path, container: str, with_video: bool) -> None:
    """Of two, half a second and four seconds, after each of three quarters of a second."""
    video = ["-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=10"] if with_video else []
    codec = ["-c:v", "libvpx" if container == "webm" else "libx264"] if with_video else []
    made = tmp_path / f"gaps.{container}"
    later = "gte(T\\,0.75)*2+gte(T\\,1.5)*0.5+gte(T\\,2.25)*4"
    ffmpeg_run(
        *video, "-i", beeps, "-filter:a", f"asetpts=PTS+({later})/TB",
        *codec, "-c:a", CONTAINERS[container], "-f", muxer(container), made,
    )  # fmt: skip
    conversion, heard = converted(made, tmp_path)
    expected = [(0, 0.75), (2.75, 3.5), (4, 4.75), (8.75, 9.5)]
    assert heard == [pytest.approx(span, abs=0.2) for span in expected]
    gaps = [(gap.start, gap.end) for gap in conversion.timeline.gaps]
    holes = [(0.75, 2.75), (3.5, 4), (4.75, 8.75)]
    assert gaps == [pytest.approx(hole, abs=0.2) for hole in holes]
    assert {gap.track for gap in conversion.timeline.gaps} == {None}
    assert not conversion.damage


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_hole_in_one_of_two_tracks(tmp_path: Path, beeps: Path, container: str) -> None:
    """The tracks stay side by side, and the hole is told of the track that has it."""
    made = tmp_path / f"tracks.{container}"
    ffmpeg_run(
        "-i", beeps, "-i", beeps, "-map", 0, "-map", 1,
        "-filter:a:0", "apad=pad_dur=2", "-filter:a:1", "asetpts=PTS+gte(T\\,1.5)*2/TB",
        "-c:a", CONTAINERS[container], "-f", muxer(container), made,
    )  # fmt: skip
    decoded = decode_tracks(made, tmp_path, DEFAULT_LIMITS)
    one, two = [sounds(track.channel(0)[:]) for track in decoded.tracks]
    assert one == [pytest.approx((0, 3), abs=0.12)]
    assert two == [pytest.approx((0, 1.5), abs=0.12), pytest.approx((3.5, 5), abs=0.12)]
    (gap,) = decoded.timeline().gaps
    assert (gap.start, gap.end) == pytest.approx((1.5, 3.5), abs=0.12)
    assert gap.track == 2


def test_holes_of_tracks_that_end_and_overlap() -> None:
    """A gap is one of all tracks where none has sound; a track that has ended has none."""
    beginnings = Beginnings(continuous=True, shifts=[0])
    long, short, holed = (Clock(beginnings, 1_000) for _ in range(3))
    short.place(0, 500)
    for clock, holes in ((long, [(1_000, 3_000)]), (holed, [(1_500, 3_500), (4_000, 4_500)])):
        start = 0
        for hole, goes_on in [*holes, (5_000, None)]:
            clock.place(start, hole - start)
            start = goes_on or 0
    shared = shared_gaps([long, short, holed])
    assert shared == [Span(1_500, 3_000)]
    assert own_gaps(long, shared) == []
    assert own_gaps(holed, shared) == [Span(4_000, 4_500)]


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
