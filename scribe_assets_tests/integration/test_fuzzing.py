"""Two thousand inputs that somebody's disk, network or malice made: each ends in audio or in one
clear sentence, within its bounds."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.artifacts.documents import Options, Profile
from scribe_assets.artifacts.documents.base import Document
from scribe_assets.errors import DocumentError, MediaError
from scribe_assets.speech.conversion import convert
from scribe_assets.speech.media.limits import MediaLimits
from scribe_assets_tests.media import ffmpeg_run

RATE = 16_000
FILES_A_CONTAINER = 150
DOCUMENTS = 300

LIMITS = MediaLimits(hours=0.05, decoded_gb=0.1, memory_gb=1.0, stall_seconds=20.0)
SECONDS = 30.0
"""After which one file counts as hanging."""

CONTAINERS = {
    "wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "mp4": "aac",
    "mkv": "libvorbis", "webm": "libopus", "ogg": "libvorbis", "ts": "aac", "avi": "libmp3lame",
    "wma": "wmav2", "aiff": "pcm_s16be",
}  # fmt: skip

Mutation = Callable[[bytearray, random.Random], bytearray]


def flip(data: bytearray, dice: random.Random) -> bytearray:
    """Wrong bytes, most of them where the headers are."""
    for _ in range(dice.choice([1, 2, 8, 64])):
        end = min(len(data), dice.choice([16, 64, 512, len(data)]))
        data[dice.randrange(end)] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
    return data


def number(data: bytearray, dice: random.Random) -> bytearray:
    """A number in a header that is far too large, zero, or negative."""
    at = dice.randrange(min(len(data) - 8, 400))
    length = dice.choice([2, 4, 8])
    value = dice.choice([0, 1, (1 << 8 * length) - 1, 1 << (8 * length - 1), 0x7FFF])
    data[at : at + length] = value.to_bytes(length, dice.choice(["big", "little"]))
    return data


def cut(data: bytearray, dice: random.Random) -> bytearray:
    return data[: dice.randrange(1, len(data))]


def insert(data: bytearray, dice: random.Random) -> bytearray:
    at = dice.randrange(len(data))
    data[at:at] = dice.randbytes(dice.choice([1, 100, 5_000]))
    return data


def repeat(data: bytearray, dice: random.Random) -> bytearray:
    start = dice.randrange(len(data))
    return data + data[start:] * dice.randrange(1, 4)


def swap(data: bytearray, dice: random.Random) -> bytearray:
    one, other = sorted(dice.randrange(len(data)) for _ in range(2))
    return data[other:] + data[one:other] + data[:one]


MUTATIONS: list[Mutation] = [flip, flip, number, number, cut, insert, repeat, swap]


@pytest.fixture(autouse=True)
def no_thread_dies() -> Iterator[None]:
    """A traceback in a thread would only be printed."""
    seen: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, seen.append
    yield
    threading.excepthook = before
    assert not seen


@pytest.mark.parametrize("container", CONTAINERS)
def test_mutated_media(tmp_path: Path, container: str) -> None:
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(RATE // 2) / 5), RATE)
    whole = tmp_path / f"whole.{container}"
    ffmpeg_run("-i", tmp_path / "a.wav", "-c:a", CONTAINERS[container], whole)
    content = whole.read_bytes()
    dice = random.Random(container)  # noqa: S311
    decoded = 0
    for _ in range(FILES_A_CONTAINER):
        mutated = bytearray(content)
        for _ in range(dice.choice([1, 1, 2])):
            mutated = dice.choice(MUTATIONS)(mutated, dice)
        file, target = tmp_path / "mutated", tmp_path / "a.flac"
        file.write_bytes(mutated)
        started = time.monotonic()
        try:
            duration = convert(file, target, limits=LIMITS).duration
        except MediaError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 500
            assert str(tmp_path) not in str(error)
            assert not target.exists()
        else:
            decoded += 1
            assert 0 < duration <= LIMITS.hours * 3600 + 1
        assert time.monotonic() - started < SECONDS
        target.unlink(missing_ok=True)
        assert {path.name for path in tmp_path.iterdir()} <= {"a.wav", whole.name, "mutated"}
    assert 0 < decoded < FILES_A_CONTAINER


GOOD = {
    Options: '{"job_id": "7", "language": "fr", "num_speakers": 2, "hotwords": ["a", "b"]}',
    Profile: '{"name": "Élodie", "created_at": "2026-01-01T00:00:00Z"}',
}
VALUES = [
    "null", "true", "false", "-1", "0", "1e999", "1.5", '""', '" "', '"français"', "[]", "{}",
    '[1, "a", null]', '"\\u0000"', '"\\ud800"', "9" * 400, '"' + "x" * 5_000 + '"', "[" * 300,
]  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_random_documents(kind: type[Document]) -> None:
    dice = random.Random(kind.__name__)  # noqa: S311
    fields = [*kind.model_fields, "speakers", "lang", "", "__class__"]
    read = 0
    for _ in range(DOCUMENTS):
        if dice.random() < 0.5:
            pairs = [f'"{dice.choice(fields)}": {dice.choice(VALUES)}' for _ in range(3)]
            text = ("{" + ", ".join(pairs[: dice.randrange(1, 4)]) + "}").encode()
        else:
            text = bytes(dice.choice(MUTATIONS)(bytearray(GOOD[kind].encode()), dice))
        text = dice.choice([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"]) + text
        try:
            kind.from_json(text, "u/a.ogg.scribe.json")
        except DocumentError as error:
            assert str(error).startswith("u/a.ogg.scribe.json")
            assert "\n" not in str(error)
            assert len(str(error)) < 500
        else:
            read += 1
    assert 0 < read < DOCUMENTS
