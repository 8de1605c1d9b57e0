"""What real S3 servers demand, and what they do to names."""

import re
import shutil
import urllib.request
from pathlib import Path

import pytest

from scribe_assets.artifacts.documents import Options
from scribe_assets.errors import KeyTooLongError, StorageRefusedError
from scribe_assets.local.processes import stop
from scribe_assets.local.s3_server import start_s3_server
from scribe_assets.settings import Settings
from scribe_assets.storage.layout import sidecar_key
from scribe_assets.storage.recordings import read_options
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.strict_s3 import StrictS3

DOCS = Path(__file__).parents[2] / "docs" / "documents.md"

LONG_KEY = "anne/" + "é" * 504 + ".wav"
"""1,017 bytes: an upload, but no options can lie beside it."""


def test_all_writes_have_a_checksum(strict_storage: S3Storage, tmp_path: Path) -> None:
    storage, bucket = strict_storage, strict_storage.processed_bucket
    storage.write(bucket, "small.json", "{}", "application/json")
    assert storage.read(bucket, "small.json") == b"{}"
    for size in (1000, 20_000_000):  # in one part and in several
        source = tmp_path / str(size)
        source.write_bytes(bytes(range(250)) * (size // 250))
        sent: list[int] = []
        with source.open("rb") as stream:
            storage.upload_stream(stream, bucket, "file", "audio/flac", callback=sent.append)
        assert storage.read(bucket, "file") == source.read_bytes()
        assert sum(sent) == size


def test_what_the_server_does_not_allow_is_refused_for_good(
    strict: StrictS3, strict_storage: S3Storage
) -> None:
    strict.refuses_all_writes = True
    with pytest.raises(
        StorageRefusedError, match=r"does not allow PutObject at s3://.*Content-MD5"
    ):
        strict_storage.write(strict_storage.processed_bucket, "a", "x", "text/plain")


def test_a_damaged_write_is_refused(embedded_storage: S3Storage) -> None:
    """The embedded server checks what it is sent, so its answer shows that it knows the header."""
    client = embedded_storage.get_client()
    client.meta.events.register_last("before-call.s3.PutObject", _break)
    try:
        with pytest.raises(client.exceptions.ClientError, match="BadDigest"):
            client.put_object(Bucket=embedded_storage.uploads_bucket, Key="a.wav", Body=b"x")
    finally:
        client.meta.events.unregister("before-call.s3.PutObject", _break)


def _break(params: dict[str, dict[str, str]], **_: object) -> None:
    params["headers"]["Content-MD5"] = "1B2M2Y8AsgTpgAmY7PhCfg=="  # of nothing


def test_a_key_too_long_for_options_has_none(strict_storage: S3Storage) -> None:
    storage, bucket = strict_storage, strict_storage.uploads_bucket
    storage.write(bucket, LONG_KEY, "x", "audio/wav")
    with pytest.raises(KeyTooLongError, match="too long a key"):
        storage.read(bucket, sidecar_key(LONG_KEY))
    assert read_options(storage, LONG_KEY) == Options()


def test_the_embedded_server_lists_an_upload_under_one_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It renames control characters when it next reads the folder, as it does after a start."""
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    storage = S3Storage.from_settings(Settings.load())
    keys = ["u/new\nline.ogg", "u/\x1b[31m\x7f.ogg", "u/‛90s.ogg", "u/été ␊ ‛‛.ogg"]
    listed = []
    for number in range(2):
        process, _ = start_s3_server(Settings(home=tmp_path, s3_port=19100))
        try:
            storage.ensure_buckets()
            if number == 0:
                for key in keys:
                    storage.write(storage.uploads_bucket, key, key, "audio/ogg")
            listed.append([item.key for item in storage.objects(storage.uploads_bucket)])
            contents = [storage.read(storage.uploads_bucket, key).decode() for key in listed[-1]]
        finally:
            stop([process])
    assert listed[0] == ["u/été ␊ ‛‛.ogg"]
    assert sorted(listed[1]) == sorted(
        ["u/new␊line.ogg", "u/␛[31m␡.ogg", "u/‛‛90s.ogg", "u/été ␊ ‛‛.ogg"]
    )
    assert sorted(contents) == sorted(keys)


def test_the_documented_upload_by_url_works_on_the_embedded_server(
    embedded_storage: S3Storage,
    embedded_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    shutil.copytree(embedded_home / "s3", tmp_path / ".scribe" / "s3", ignore=_all_but_the_address)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(snippet.replace('"uploads"', repr(embedded_storage.uploads_bucket)), namespace)  # noqa: S102
    request = urllib.request.Request(str(namespace["url"]), data=b"sound", method="PUT")  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
    assert embedded_storage.read(embedded_storage.uploads_bucket, "anne/meeting.m4a") == b"sound"


def _all_but_the_address(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != "server.json"]
