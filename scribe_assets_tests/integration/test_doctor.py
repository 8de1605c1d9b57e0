"""`scribe doctor` on real S3 servers: rights that are missing, clocks that differ, what is left."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scribe_assets.cli import app
from scribe_assets.errors import StorageUnavailableError
from scribe_assets.local.doctor import Finding, s3
from scribe_assets.local.processes import free_port
from scribe_assets.storage.layout import is_upload, probe_key
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.sensor import Sensor
from scribe_assets_tests.strict_s3 import StrictS3


def buckets(storage: S3Storage) -> list[str]:
    return [storage.uploads_bucket, storage.processed_bucket, storage.identity_bucket]


def rights(storage: S3Storage) -> list[Finding]:
    return [s3.rights_of_bucket(storage, bucket) for bucket in buckets(storage)]


def test_all_rights_are_there_and_nothing_is_left(storage: S3Storage) -> None:
    assert [finding.state for finding in rights(storage)] == ["ok"] * 3
    for bucket in buckets(storage):
        assert list(storage.objects(bucket)) == []


@pytest.mark.parametrize(
    ("right", "action", "states"),
    [
        ("list", "s3:ListBucket", ["failure", "failure", "failure"]),
        ("get", "s3:GetObject", ["failure", "failure", "failure"]),
        ("put", "s3:PutObject", ["warning", "failure", "warning"]),
        ("delete", "s3:DeleteObject", ["warning", "failure", "warning"]),
    ],
)
def test_a_missing_right_is_named(
    strict: StrictS3, strict_storage: S3Storage, right: str, action: str, states: list[str]
) -> None:
    strict.forbids = {right}
    found = rights(strict_storage)
    strict.forbids = set()
    assert [finding.state for finding in found] == states
    for finding, bucket in zip(found, buckets(strict_storage), strict=True):
        assert f"allow {action} on {bucket}" in finding.text
        assert "AccessDenied" in finding.text
        assert finding.text.count("allow ") == 1, "the others are there"
        left = list(strict_storage.objects(bucket))
        assert bool(left) == (right == "delete")
        assert all(f"{item.key} is left" in finding.text for item in left)


def test_what_may_only_be_read_is_read(strict: StrictS3, strict_storage: S3Storage) -> None:
    bucket = strict_storage.uploads_bucket
    strict_storage.write(bucket, "a.wav", "sound", "audio/wav")
    strict.forbids = {"put", "delete"}
    assert s3.rights_of_bucket(strict_storage, bucket).state == "warning"
    strict.forbids |= {"get"}
    found = s3.rights_of_bucket(strict_storage, bucket)
    strict.forbids = set()
    assert found.state == "failure"
    assert "s3:GetObject" in found.text


def test_an_account_without_any_right_is_one_sentence(
    strict: StrictS3, strict_storage: S3Storage
) -> None:
    strict.forbids = {"list", "get", "put", "delete"}
    found = rights(strict_storage)
    strict.forbids = set()
    assert all(finding.state == "failure" for finding in found)
    assert all(finding.text.startswith("nothing is allowed: S3 refuses") for finding in found)


def test_no_sensor_takes_the_probe_for_an_upload(sensor: Sensor) -> None:
    key = probe_key("1a2b")
    assert not is_upload(key)
    sensor.put(key)
    assert sensor.tick() == {}


@pytest.mark.parametrize(
    ("minutes", "state", "words"),
    [
        (0, "ok", "within 60 s"),
        (2, "warning", " s behind S3; from 15 minutes on"),
        (-2, "warning", " s ahead of S3; from 15 minutes on"),
        (20, "failure", "refuses such requests"),
    ],
)
def test_clocks_are_compared(
    strict: StrictS3, strict_storage: S3Storage, minutes: int, state: str, words: str
) -> None:
    strict.is_ahead = timedelta(minutes=minutes)
    found = s3.clock(strict_storage)
    strict.is_ahead = timedelta()
    assert found.state == state
    assert words in found.text


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


@pytest.mark.usefixtures("strict_storage")
def test_the_command_tells_all_and_ends_well() -> None:
    answer = doctor("--json")
    assert answer.exit_code == 0, answer.stdout
    found = {finding["name"]: finding for finding in json.loads(answer.stdout)}
    assert {"versions", "home", "GPU", "device", "database", "storage", "clock"} <= found.keys()
    assert sum(name.startswith("rights in ") for name in found) == 3
    assert "torch" in found["device"]["text"]
    assert {finding["state"] for finding in found.values()} <= {"ok", "warning"}


def test_the_command_fails_with_what_to_do(strict: StrictS3, strict_storage: S3Storage) -> None:
    strict.forbids = {"put"}
    answer = doctor()
    strict.forbids = set()
    assert answer.exit_code == 1
    rights = [line for line in answer.stdout.splitlines() if "rights in done-" in line]
    assert f"allow s3:PutObject on {strict_storage.processed_bucket}/*" in rights[0]
    assert rights[0].startswith("✗")


def test_clocks_that_are_hours_apart_explain_all(
    strict: StrictS3, strict_storage: S3Storage
) -> None:
    strict.is_ahead = timedelta(hours=1)
    answer = doctor("--json")
    with pytest.raises(StorageUnavailableError, match="clock"):
        strict_storage.read(strict_storage.uploads_bucket, "a.wav")
    strict.is_ahead = timedelta()
    failed = [found for found in json.loads(answer.stdout) if found["state"] == "failure"]
    assert [found["name"] for found in failed] == ["storage", "clock"]
    assert "behind S3, which refuses such requests: let NTP set the clock" in failed[1]["text"]


def test_a_server_that_is_away_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "SCRIBE_HOME": str(tmp_path),
        "MINIO_ENDPOINT": f"127.0.0.1:{free_port(29000)}",
        "MINIO_ACCESS_KEY": "a",
        "MINIO_SECRET_KEY": "b",
    }.items():
        monkeypatch.setenv(name, value)
    answer = doctor("--json")
    assert answer.exit_code == 1
    failed = [found for found in json.loads(answer.stdout) if found["state"] == "failure"]
    assert [found["name"] for found in failed] == ["storage"]
    assert "does not answer" in failed[0]["text"]
