"""What people do with recordings from a terminal while a stack runs: again, open, delete."""

import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribe_assets.artifacts.documents import Diarization, Transcript
from scribe_assets.keys import RecordingRef
from scribe_assets.settings import Settings
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import read_options, read_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.e2e.test_stack import LIMIT_SECONDS, Running, put, runs, start
from scribe_assets_tests.media import silence

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("commands")
    process, said = start(home)
    patch = pytest.MonkeyPatch()
    patch.setenv("SCRIBE_HOME", str(home))
    try:
        yield Running(process, home, said["UI"], S3Storage.from_settings(Settings(home=home)))
    finally:
        patch.undo()
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(autouse=True)
def _home(up: Running, _own_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(up.home))


def test_a_recording_is_processed_again_in_part_opened_and_deleted(
    up: Running, tmp_path: Path
) -> None:
    key = "anne/a.wav"
    put(up, key, silence(tmp_path / "a.wav", 2))
    first = up.status_when(key, "succeeded")
    ref = RecordingRef.from_upload_key(key)

    def made(name: str) -> float:
        found = up.storage.head(up.storage.processed_bucket, processed_key(ref, name))
        return found.last_modified.timestamp()

    before = {name: made(name) for name in (Diarization.file_name, Transcript.file_name)}
    time.sleep(1)  # S3 tells whole seconds
    answer = up.scribe("rerun", key, "--speakers", "1")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == (
        f"{key}: diarization, speaker_embeddings, speaker_identities, fused_result\n"
    )
    deadline = time.monotonic() + LIMIT_SECONDS
    while (again := up.status_when(key, "succeeded")).run_id == first.run_id:
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.5)
    assert made(Diarization.file_name) > before[Diarization.file_name]
    assert made(Transcript.file_name) == before[Transcript.file_name]
    assert read_options(up.storage, key).num_speakers == 1

    link = up.scribe("open", key, "--print").stdout.strip()
    with urllib.request.urlopen(link) as page:  # noqa: S310
        assert "<html" in page.read().decode()

    put(up, "anne/no.wav", Path(__file__))
    failed = up.status_when("anne/no.wav", "failed")
    refused = up.scribe("retry", key)
    assert (refused.returncode, "has not failed" in refused.stderr) == (1, True)
    assert up.scribe("retry", "--failed").stdout.startswith("anne/no.wav: converted_audio, ")
    deadline = time.monotonic() + LIMIT_SECONDS
    while up.status_when("anne/no.wav", "failed").run_id == failed.run_id:
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.5)

    asked = up.scribe("delete", key)
    assert (asked.returncode, "--yes does it without" in asked.stderr) == (1, True)
    gone = up.scribe("delete", key, "--yes")
    assert gone.stdout.splitlines()[:2] == [
        f"deleted s3://uploads/{key}",
        f"deleted s3://uploads/{sidecar_key(key)}",
    ]
    assert gone.stdout.endswith("files made of it, 2 runs\n"), again
    time.sleep(8)  # the sensor looks at the bucket meanwhile, and more than 20 s after the options
    assert runs(up, key) == []
    assert read_status(up.storage, ref) is None
    bucket = up.storage.processed_bucket
    assert list(up.storage.objects(bucket, processed_key(ref, ""))) == []
