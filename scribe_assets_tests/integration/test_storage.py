"""Storage over HTTP: the embedded server, and moto's as a second implementation."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scribe_assets.errors import (
    BrokenOffError,
    DocumentError,
    MissingObjectError,
    StorageRefusedError,
    StorageUnavailableError,
)
from scribe_assets.local.processes import stop
from scribe_assets.local.s3_server import start_s3_server
from scribe_assets.settings import Settings
from scribe_assets.storage.embedded import EmbeddedServer
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import put

KEYS = [
    "a.wav",
    "anne/été/réunion du 3.wav",
    "anne/re\u0301union.wav",
    "b c/d+e&f%20g%0A.wav",
    "x/y/z/" + "long" * 40,
    "anne/" + "1,024 bytes/" * 84 + "x.wav" + "v" * 6,
    "anne/ <b>[red]#1?a=b;c\\d'e\"f:g*|h.wav ",
    "anne/😀.wav.",
    "anne/\x85\u2028\u202e.wav",
]


@pytest.mark.parametrize("key", KEYS)
def test_objects_come_back_as_they_went(storage: S3Storage, key: str) -> None:
    uri = storage.write(storage.uploads_bucket, key, "é", "text/plain; charset=utf-8")
    assert uri == f"s3://{storage.uploads_bucket}/{key}"
    assert storage.read(storage.uploads_bucket, key).decode() == "é"
    assert [item.key for item in storage.objects(storage.uploads_bucket)] == [key]


@pytest.mark.parametrize("key", ["anne/a\tb\x1b[31m.wav", "anne//a.wav", "anne/../a.wav"])
def test_odd_keys_come_back_where_the_server_takes_them(moto_storage: S3Storage, key: str) -> None:
    test_objects_come_back_as_they_went(moto_storage, key)


def test_a_listing_and_a_look_agree(storage: S3Storage) -> None:
    storage.write(storage.uploads_bucket, "a.wav", "1", "audio/wav")
    (listed,) = storage.objects(storage.uploads_bucket)
    assert storage.head(storage.uploads_bucket, "a.wav") == listed


def test_a_listing_and_a_look_agree_on_the_time_that_a_client_kept(
    storage: S3Storage, tmp_path: Path
) -> None:
    put(storage, "a.wav", "1", datetime(1999, 1, 1, tzinfo=UTC))
    (listed,) = storage.objects(storage.uploads_bucket)
    assert storage.head(storage.uploads_bucket, "a.wav") == listed
    assert storage.download(storage.uploads_bucket, "a.wav", tmp_path / "a.wav") == listed


def test_large_files_stream_in_parts(storage: S3Storage, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 80_000)  # 20 MB: several parts
    storage.upload(source, storage.uploads_bucket, "big.bin", "application/octet-stream")
    described = storage.download(storage.uploads_bucket, "big.bin", target)
    assert target.read_bytes() == source.read_bytes()
    assert described == storage.head(storage.uploads_bucket, "big.bin")


def test_listings_of_more_than_one_page(storage: S3Storage) -> None:
    for number in range(1001):
        storage.write(storage.uploads_bucket, f"many/{number:04}", b"x", "text/plain")
    assert len(list(storage.objects(storage.uploads_bucket, "many/"))) == 1001


def test_what_is_missing_is_named(storage: S3Storage, tmp_path: Path) -> None:
    for look in (
        lambda: storage.read(storage.uploads_bucket, "no.wav"),
        lambda: storage.head(storage.uploads_bucket, "no.wav"),
        lambda: storage.download(storage.uploads_bucket, "no.wav", tmp_path / "x"),
    ):
        with pytest.raises(MissingObjectError, match=r"no\.wav does not exist"):
            look()
    assert not storage.exists(storage.uploads_bucket, "no.wav")


def test_what_is_too_large_is_not_read(storage: S3Storage) -> None:
    storage.write(storage.uploads_bucket, "a.wav.scribe.json", b"x" * 1001, "application/json")
    assert len(storage.read(storage.uploads_bucket, "a.wav.scribe.json", 1001)) == 1001
    with pytest.raises(DocumentError, match="has 1001 bytes; at most 1000 are read"):
        storage.read(storage.uploads_bucket, "a.wav.scribe.json", 1000)


def test_buckets_are_made_once(storage: S3Storage) -> None:
    assert storage.ensure_buckets() == []


def test_wrong_credentials_are_refused(
    embedded_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedServer.read(embedded_home)
    assert server is not None
    monkeypatch.setenv("MINIO_ENDPOINT", server.endpoint_url)
    monkeypatch.setenv("MINIO_ACCESS_KEY", server.access_key)
    monkeypatch.setenv("MINIO_SECRET_KEY", "wrong-secret")
    with pytest.raises(StorageRefusedError, match="MINIO_ACCESS_KEY") as caught:
        S3Storage.from_settings(Settings.load()).ensure_buckets()
    assert "wrong-secret" not in str(caught.value)


def test_nobody_there_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", "127.0.0.1:9")
    monkeypatch.setenv("MINIO_ACCESS_KEY", "a")
    monkeypatch.setenv("MINIO_SECRET_KEY", "b")
    with pytest.raises(StorageUnavailableError, match="is it running"):
        S3Storage.from_settings(Settings.load()).read("uploads", "a.wav")


def test_without_a_server_the_way_to_start_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    with pytest.raises(StorageRefusedError, match="make up"):
        S3Storage.from_settings(Settings.load()).read("uploads", "a.wav")


def test_the_embedded_server_keeps_data_and_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    storage = S3Storage.from_settings(Settings.load())
    servers = []
    for number in range(2):
        process, server = start_s3_server(Settings(home=tmp_path, s3_port=19100))
        servers.append(server)
        try:
            storage.ensure_buckets()
            if number == 0:
                storage.write("uploads", "a.wav", "kept", "audio/wav")
            assert storage.read("uploads", "a.wav") == b"kept"
        finally:
            stop([process])
    assert servers[0].secret_key == servers[1].secret_key
    file = EmbeddedServer.file(tmp_path)
    assert file.stat().st_mode & 0o077 == 0, "the credentials are for their owner alone"


def test_two_servers_take_two_ports(tmp_path: Path) -> None:
    first, a = start_s3_server(Settings(home=tmp_path / "a", s3_port=19200))
    try:
        second, b = start_s3_server(Settings(home=tmp_path / "b", s3_port=19200))
        stop([second])
    finally:
        stop([first])
    assert a.port != b.port


def test_a_reader_never_sees_half_an_object(embedded_storage: S3Storage, tmp_path: Path) -> None:
    sizes = (5_000_000, 6_000_000)
    files = [tmp_path / str(size) for size in sizes]
    for file, size in zip(files, sizes, strict=True):
        file.write_bytes(b"x" * size)
    storage, bucket = embedded_storage, embedded_storage.processed_bucket
    storage.upload(files[0], bucket, "doc", "text/plain")
    enough_read = threading.Event()

    def write() -> None:
        number = 0
        while not enough_read.is_set():
            number += 1
            storage.upload(files[number % 2], bucket, "doc", "text/plain")

    seen: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        # Until enough was read for both sizes to have been seen, while the writer goes on.
        while not writing.done() and (len(seen) < 12 or len(set(seen)) < 2):
            try:
                seen.append(len(storage.read(bucket, "doc")))
            except BrokenOffError:  # the error that a reader gets, and tries again
                continue
        enough_read.set()
        writing.result()
    assert set(seen) == set(sizes)
