"""Sizes in headers are wrong: recorders die before they write them, streams never know them, and
programs get them wrong. What is there is used, and what is told is true."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from scribe_assets.speech import media
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets_tests.media import ffmpeg_run, note, sounds

RATE = 16_000
SECONDS = 3.0

WRITTEN: dict[str, tuple[str, list[object]]] = {
    "wav": ("wav", []),
    "wav24": ("wav", ["-c:a", "pcm_s24le", "-ac", 2, "-ar", 44_100]),
    "rf64": ("wav", ["-rf64", "always", "-ac", 2]),
    "w64": ("w64", []),
    "aiff": ("aiff", ["-ac", 2]),
    "aifc": ("aiff", ["-c:a", "pcm_s16le"]),
    "caf": ("caf", ["-c:a", "pcm_s16le"]),
    "caf-alac": ("caf", ["-c:a", "alac"]),
    "au": ("au", []),
    "avi": ("avi", ["-c:a", "libmp3lame"]),
    "mp4": ("mp4", ["-c:a", "aac"]),
    "mp4-index-first": ("mp4", ["-c:a", "aac", "-movflags", "+faststart"]),
    "mov": ("mov", ["-c:a", "pcm_s16le"]),
    "mkv": ("mkv", ["-c:a", "flac", "-cluster_time_limit", 700]),
    "webm": ("webm", ["-c:a", "libopus", "-cluster_time_limit", 700]),
    "wma": ("wma", ["-c:a", "wmav2"]),
}
"""By kind: the suffix, and how ffmpeg writes it."""

SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
VINT = "vint"

SIZES = {
    "wav RIFF": ("wav", b"RIFF", 4, "<I"),
    "wav fmt": ("wav", b"fmt ", 4, "<I"),
    "wav byte rate": ("wav", b"fmt ", 16, "<I"),
    "wav block align": ("wav", b"fmt ", 20, "<H"),
    "wav LIST": ("wav", b"LIST", 4, "<I"),
    "wav data": ("wav", b"data", 4, "<I"),
    "wav24 fmt": ("wav24", b"fmt ", 4, "<I"),
    "wav24 block align": ("wav24", b"fmt ", 20, "<H"),
    "wav24 data": ("wav24", b"data", 4, "<I"),
    "rf64 ds64": ("rf64", b"ds64", 4, "<I"),
    "rf64 whole": ("rf64", b"ds64", 8, "<Q"),
    "rf64 sound": ("rf64", b"ds64", 16, "<Q"),
    "rf64 samples": ("rf64", b"ds64", 24, "<Q"),
    "rf64 data": ("rf64", b"data", 4, "<I"),
    "w64 riff": ("w64", b"riff", 16, "<Q"),
    "w64 fmt": ("w64", b"fmt ", 16, "<Q"),
    "w64 data": ("w64", b"data", 16, "<Q"),
    "aiff FORM": ("aiff", b"FORM", 4, ">I"),
    "aiff COMM": ("aiff", b"COMM", 4, ">I"),
    "aiff numFrames": ("aiff", b"COMM", 10, ">I"),
    "aiff SSND": ("aiff", b"SSND", 4, ">I"),
    "aifc FORM": ("aifc", b"FORM", 4, ">I"),
    "aifc SSND": ("aifc", b"SSND", 4, ">I"),
    "caf data": ("caf", b"data", 4, ">Q"),
    "caf-alac data": ("caf-alac", b"data", 4, ">Q"),
    "au data": ("au", b".snd", 8, ">I"),
    "avi RIFF": ("avi", b"RIFF", 4, "<I"),
    "avi hdrl": ("avi", b"hdrl", -4, "<I"),
    "avi movi": ("avi", b"movi", -4, "<I"),
    "avi idx1": ("avi", b"idx1", 4, "<I"),
    "mp4 mdat": ("mp4", b"mdat", -4, ">I"),
    "mp4-index-first mdat": ("mp4-index-first", b"mdat", -4, ">I"),
    "mov mdat": ("mov", b"mdat", -4, ">I"),
    "mkv segment": ("mkv", SEGMENT, 4, VINT),
    "mkv cluster": ("mkv", CLUSTER, 4, VINT),
    "webm segment": ("webm", SEGMENT, 4, VINT),
    "webm cluster": ("webm", CLUSTER, 4, VINT),
    "wma data": ("wma", ASF_DATA, 16, "<Q"),
    "wma file": ("wma", ASF_FILE, 40, "<Q"),
}
"""Each: the kind, a name in the file, how far behind it the size stands, and how it is written."""

SOUND = {name for name in SIZES if name.split()[-1] in ("data", "SSND", "sound")} - {"rf64 data"}
"""Sizes that say how much sound there is."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three seconds of a tone, of each kind."""
    folder = tmp_path_factory.mktemp("made")
    soundfile.write(folder / "tone.wav", note(500, SECONDS), RATE)
    files = {}
    for kind, (suffix, options) in WRITTEN.items():
        file = folder / f"{kind}.{suffix}"
        ffmpeg_run("-i", folder / "tone.wav", *options, file)
        files[kind] = file.read_bytes()
    return files


@dataclass(frozen=True)
class Converted:
    conversion: Conversion
    heard: list[tuple[float, float]]

    def is_whole(self, seconds: float = SECONDS) -> bool:
        """Whether all of the tone is heard, and nothing else."""
        return (
            abs(self.conversion.duration - seconds) < 0.1
            and sum(end - start for start, end in self.heard) > seconds - 0.15
        )


def converted(folder: Path, content: bytes) -> Converted:
    (folder / "a").write_bytes(content)
    conversion = convert(folder / "a", folder / "a.flac")
    return Converted(conversion, sounds(media.load(folder / "a.flac")))


def resized(content: bytes, marker: bytes, behind: int, form: str, factor: float | None) -> bytes:
    """With a size that is wrong by a factor, or the largest number there is."""
    at = content.index(marker) + behind
    length = 9 - content[at].bit_length() if form == VINT else struct.calcsize(form)
    order: Literal["little", "big"] = "little" if form.startswith("<") else "big"
    top = 7 * length if form == VINT else 8 * length
    size = int.from_bytes(content[at : at + length], order) & ((1 << top) - 1)
    size = (1 << top) - 1 if factor is None else min(round(size * factor), (1 << top) - 1)
    if form == VINT:
        size |= 1 << top
    return content[:at] + size.to_bytes(length, order) + content[at + length :]


@pytest.mark.parametrize("factor", [0, 0.37, 3, None])
@pytest.mark.parametrize("name", SIZES)
def test_a_wrong_size(
    tmp_path: Path, made: dict[str, bytes], name: str, factor: float | None
) -> None:
    kind, marker, behind, form = SIZES[name]
    done = converted(tmp_path, resized(made[kind], marker, behind, form, factor))
    assert done.is_whole(), (done.conversion.duration, done.heard, done.conversion.damage)
    if name in SOUND and factor in (0.37, 3):
        assert done.conversion.damage


@pytest.mark.parametrize("kind", WRITTEN)
def test_right_sizes_are_no_damage(tmp_path: Path, made: dict[str, bytes], kind: str) -> None:
    done = converted(tmp_path, made[kind])
    assert done.is_whole()
    assert not done.conversion.damage


@pytest.mark.parametrize("pad", [b"", b"\0"])
@pytest.mark.parametrize(
    ("kind", "sound", "chunk"),
    [("wav", b"data", b"LIST\5\0\0\0INFOx"), ("aiff", b"SSND", b"ANNO\0\0\0\5hello")],
)
def test_an_odd_size_with_and_without_its_pad_byte(
    tmp_path: Path, made: dict[str, bytes], kind: str, sound: bytes, chunk: bytes, pad: bytes
) -> None:
    content = made[kind].replace(sound, chunk + pad + sound, 1)
    done = converted(tmp_path, content)
    assert done.is_whole()


@pytest.mark.parametrize("kind", ["wav", "rf64", "w64", "aiff", "caf", "au", "mkv", "wma"])
def test_the_first_of_joined_files_has_a_size_that_is_too_small(
    tmp_path: Path, made: dict[str, bytes], kind: str
) -> None:
    """Where it ends is seen by the beginning of the second."""
    name = next(
        name for name in SIZES if SIZES[name][0] == kind and name in SOUND | {"mkv segment"}
    )
    done = converted(tmp_path, resized(made[kind], *SIZES[name][1:], 0.37) + made[kind])
    assert done.is_whole(2 * SECONDS)
    assert done.conversion.damage


def test_the_parts_of_a_stream_never_knew_their_sizes(
    tmp_path: Path, made: dict[str, bytes]
) -> None:
    endless = resized(made["wav"], *SIZES["wav data"][1:], None)
    done = converted(tmp_path, endless * 3)
    assert done.is_whole(3 * SECONDS)
    assert len(done.conversion.timeline.parts) == 2


def test_the_upload_itself_is_left_as_it_is(tmp_path: Path, made: dict[str, bytes]) -> None:
    wrong = resized(made["aiff"], *SIZES["aiff SSND"][1:], 0.37)
    converted(tmp_path, wrong)
    assert (tmp_path / "a").read_bytes() == wrong
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a.flac"}


@pytest.mark.parametrize("kind", ["w64", "caf", "au", "rf64"])
def test_a_file_of_chunks_that_was_cut_off(
    tmp_path: Path, made: dict[str, bytes], kind: str
) -> None:
    done = converted(tmp_path, made[kind][: len(made[kind]) * 6 // 10])
    assert done.conversion.duration == pytest.approx(0.6 * SECONDS, abs=0.1)
    assert np.isclose(done.heard[-1][1], 0.6 * SECONDS, atol=0.15)
    assert any("ends early" in told for told in done.conversion.damage)
