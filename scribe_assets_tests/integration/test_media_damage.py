"""What can be decoded is used, and what is lost is told; what asks for too much is refused."""

import base64
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.errors import MediaError
from scribe_assets.speech.conversion import convert
from scribe_assets.speech.media.ffmpeg import Complaints
from scribe_assets.speech.media.limits import MediaLimits
from scribe_assets_tests.media import ffmpeg_run

RATE = 16_000


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten seconds of a tone as WAV."""
    target = tmp_path / "recording.wav"
    soundfile.write(target, 0.4 * np.sin(np.arange(10 * RATE) / 5), RATE)
    return target


def change(file: Path, at: int, value: bytes) -> Path:
    content = bytearray(file.read_bytes())
    content[at : at + len(value)] = value
    file.write_bytes(content)
    return file


DATA_SIZE, RIFF_SIZE, SAMPLE_RATE, BYTE_RATE = 40, 4, 24, 28
"""Where they stand in the header of a plain WAV."""


@pytest.mark.parametrize("claimed", [0, 1, 3 * 2 * RATE, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
def test_a_header_may_claim_any_amount_of_sound(
    tmp_path: Path, recording: Path, claimed: int
) -> None:
    """A recorder died before it wrote the sizes, or streamed and never knew them."""
    change(recording, DATA_SIZE, struct.pack("<I", claimed))
    assert convert(recording, tmp_path / "a.flac").duration == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("at", [RIFF_SIZE, BYTE_RATE])
@pytest.mark.parametrize("claimed", [0, 1, 1_000, 0xFFFFFFFF])
def test_other_sizes_in_the_header_may_be_wrong(
    tmp_path: Path, recording: Path, at: int, claimed: int
) -> None:
    change(recording, at, struct.pack("<I", claimed))
    assert convert(recording, tmp_path / "a.flac").duration == pytest.approx(10, abs=0.01)


def test_that_there_is_more_sound_than_promised_is_told(tmp_path: Path, recording: Path) -> None:
    change(recording, DATA_SIZE, struct.pack("<I", 3 * 2 * RATE))
    (told,) = convert(recording, tmp_path / "a.flac").damage
    assert "promises less" in told


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "mkv", "avi", "wma", "aiff"])
def test_a_file_that_was_cut_off(tmp_path: Path, recording: Path, suffix: str) -> None:
    whole = tmp_path / f"whole.{suffix}"
    ffmpeg_run("-i", recording, whole)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    conversion = convert(cut, tmp_path / "a.flac")
    assert 4 < conversion.duration < 8
    assert conversion.damage, conversion


def test_an_mp4_without_its_index(tmp_path: Path, recording: Path) -> None:
    whole = tmp_path / "whole.m4a"
    ffmpeg_run("-i", recording, whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.raises(MediaError, match="index"):
        convert(whole, tmp_path / "a.flac")


@pytest.mark.parametrize("seed", range(8))
def test_a_hole_of_damaged_bytes(tmp_path: Path, recording: Path, seed: int) -> None:
    """The decoder stumbles over some holes; others hide their frames from it."""
    made = tmp_path / "a.mkv"
    ffmpeg_run("-i", recording, "-c:a", "flac", made)
    content = bytearray(made.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = np.random.default_rng(seed).bytes(30_000)
    made.write_bytes(content)
    conversion = convert(made, tmp_path / "a.flac")
    assert conversion.duration == pytest.approx(10, abs=0.5)
    assert any("could not be decoded" in told for told in conversion.damage)


@pytest.mark.parametrize("rate", [1, 500, 1_000_000, 2_000_000_000])
def test_an_impossible_sample_rate(tmp_path: Path, recording: Path, rate: int) -> None:
    change(recording, SAMPLE_RATE, struct.pack("<I", rate))
    with pytest.raises(MediaError, match="sample rate of"):
        convert(recording, tmp_path / "a.flac")
    assert not list(tmp_path.glob("*.flac"))


def test_more_than_the_limits(tmp_path: Path, recording: Path) -> None:
    target = tmp_path / "a.flac"
    with pytest.raises(MediaError, match="SCRIBE_MAX_HOURS"):
        convert(recording, target, limits=MediaLimits(hours=5 / 3600))
    with pytest.raises(MediaError, match="SCRIBE_MAX_CHANNELS"):
        convert(channels(tmp_path / "b.wav", 3), target, limits=MediaLimits(channels=2))
    with pytest.raises(MediaError, match="SCRIBE_MAX_DECODED_GB"):
        convert(recording, target, limits=MediaLimits(decoded_gb=1e-5))
    with pytest.raises(MediaError, match=r"stopped|cannot"):
        convert(recording, target, limits=MediaLimits(memory_gb=0.01))
    assert not list(tmp_path.glob("*.flac"))


def channels(target: Path, number: int) -> Path:
    soundfile.write(target, np.zeros((RATE, number)), RATE)
    return target


@pytest.mark.parametrize("number", range(1, 17))
def test_one_to_sixteen_channels(tmp_path: Path, number: int) -> None:
    conversion = convert(channels(tmp_path / "a.wav", number), tmp_path / "a.flac")
    assert conversion.media.channels == number
    assert conversion.duration == pytest.approx(1)


COVERS: dict[str, list[object]] = {
    "mp3": ["-map", 0, "-map", 1, "-c:v", "copy"],
    "m4a": ["-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic"],
    "flac": ["-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic"],
    "mkv": ["-map", 0, "-attach", "{cover}", "-metadata:s:t", "mimetype=image/png"],
    "ogg": ["-map", 0, "-map_metadata", 2],
}
"""By container: how ffmpeg puts a picture beside the sound."""


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 million pixels, which take 590 MB when they are decoded."""
    packer = zlib.compressobj(1)
    rows = [packer.compress(bytes((3 * 14_000 + 1) * 100)) for _ in range(140)]
    header = struct.pack(">IIBBBBB", 14_000, 14_000, 8, 2, 0, 0, 0)
    target = tmp_path_factory.mktemp("cover") / "cover.png"
    with target.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, content in (
            (b"IHDR", header),
            (b"IDAT", b"".join(rows) + packer.flush()),
            (b"IEND", b""),
        ):
            check = zlib.crc32(name + content)
            file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", check))
    return target


@pytest.mark.parametrize("suffix", COVERS)
def test_a_huge_cover_is_not_decoded(
    tmp_path: Path, recording: Path, cover: Path, suffix: str
) -> None:
    """Neither by ffmpeg nor in the process that opens the file."""
    made, tags = tmp_path / f"a.{suffix}", tmp_path / "tags"
    tags.write_text(f";FFMETADATA1\nMETADATA_BLOCK_PICTURE={picture_block(cover.read_bytes())}\n")
    how = [str(option).format(cover=cover) for option in COVERS[suffix]]
    ffmpeg_run("-i", recording, "-i", cover, "-f", "ffmetadata", "-i", tags, *how, made)
    assert made.stat().st_size > cover.stat().st_size
    # Its pixels do not fit into this.
    program = (
        "import resource, sys; from pathlib import Path;"
        "from scribe_assets.speech.conversion import convert;"
        "from scribe_assets.speech.media.limits import MediaLimits;"
        "import numpy, soundfile, av;"
        "taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize();"
        "bound = taken + 400 * 2**20; resource.setrlimit(resource.RLIMIT_AS, (bound, bound));"
        "done = convert(Path(sys.argv[1]), Path(sys.argv[2]), limits=MediaLimits(memory_gb=0.5));"
        "print(done.duration, done.media.video_codec, done.damage)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, made, tmp_path / "a.flac"], check=True, capture_output=True
    )
    duration, rest = done.stdout.decode().split(" ", 1)
    assert float(duration) == pytest.approx(10, abs=0.1)
    assert rest.strip() == "None ()"


def picture_block(picture: bytes) -> str:
    """A front cover as FLAC and Ogg have it (RFC 9639, 8.8)."""
    kind = b"image/png"
    size = struct.pack(">IIIII", 14_000, 14_000, 24, 0, len(picture))
    block = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I", 0) + size + picture
    return base64.b64encode(block).decode().replace("=", "\\=")


NOT_MEDIA = {
    "SBaGen": "off: -\nalone: 300+10/20\nNOW alone\n-- 8hz\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:10,000\nHello\n",
    "text": "this is no sound\n" * 100,
}


@pytest.mark.parametrize("name", NOT_MEDIA)
def test_text_is_not_media(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").write_text(NOT_MEDIA[name])
    with pytest.raises(MediaError, match="not audio or video"):
        convert(tmp_path / "a.wav", tmp_path / "a.flac")


PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\n{0}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{0}'\n",
    "DASH": "<?xml version='1.0'?>\n<MPD><Period><BaseURL>{0}</BaseURL></Period></MPD>",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "PLS": "[playlist]\nFile1={0}\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_what_a_playlist_names_is_never_opened(tmp_path: Path, name: str) -> None:
    """It names a pipe here: who opens it for reading lets its writer go on."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(pipe, os.O_WRONLY))
        opened.set()

    threading.Thread(target=write, daemon=True).start()
    (tmp_path / "a.mp4").write_text(PLAYLISTS[name].format(pipe))
    with pytest.raises(MediaError, match="playlist"):
        convert(tmp_path / "a.mp4", tmp_path / "a.flac")
    assert not opened.is_set()
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # let the writer end


def test_complaints_are_kept_short() -> None:
    complaints = Complaints("/secret/path")
    for number in range(10_000):
        complaints.add(f"[mp3 @ 0x55e84516f680] /secret/path: error {number} " + "x" * 5_000)
    assert len(str(complaints)) < 6_000
    assert "/secret" not in str(complaints)
    assert "more like these" in str(complaints)
