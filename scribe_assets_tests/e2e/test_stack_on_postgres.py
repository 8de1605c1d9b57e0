"""The stack with its runs in PostgreSQL: the database may end and come back, or be lost."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.e2e.test_stack import Running, put, start
from scribe_assets_tests.media import silence
from scribe_assets_tests.postgres import PostgresServer

pytestmark = pytest.mark.stack

OUTAGE_SECONDS = 20.0
"""Longer than Dagster tries to connect, so that runs and ticks fail of it."""


@pytest.fixture
def running(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    home = tmp_path / "home"
    settings = {"SCRIBE_POSTGRES_URL": postgres.new_database()}
    process, said = start(home, **settings)
    monkeypatch.setenv("SCRIBE_HOME", str(home))
    try:
        storage = S3Storage.from_settings(Settings(home=home))
        yield Running(process, home, said["UI"], storage, settings)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_the_database_may_end_and_come_back_or_be_lost(
    running: Running, postgres: PostgresServer, sample_recording: Path, tmp_path: Path
) -> None:
    put(running, "before.wav", silence(tmp_path / "before.wav", 2))
    assert running.status_when("before.wav", "succeeded", "failed").state == "succeeded"
    assert not list((running.home / "dagster").rglob("*.db")), "nothing is left to SQLite"

    put(running, "during.wav", sample_recording)
    running.status_when("during.wav", "running")
    postgres.kill()
    put(running, "without.wav", silence(tmp_path / "without.wav", 2))
    ended = time.monotonic()
    doctor = running.scribe("doctor")
    assert doctor.returncode == 1
    assert "PostgreSQL at 127.0.0.1" in doctor.stdout
    time.sleep(max(0.0, ended + OUTAGE_SECONDS - time.monotonic()))
    postgres.start()
    for key in ("during.wav", "without.wav"):
        status = running.status_when(key, "succeeded", "failed")
        assert status.state == "succeeded", f"{status.error}\n{running.log()}"
    assert running.process.poll() is None

    running.process.send_signal(signal.SIGINT)
    running.process.wait(60)
    running.settings["SCRIBE_POSTGRES_URL"] = postgres.new_database()
    rebuilt = running.scribe("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "3 recordings and 0 users in S3: 3 partitions and 18 materializations" in rebuilt.stdout
    written = [running.log(), doctor.stdout, rebuilt.stdout, rebuilt.stderr]
    assert not [text for text in written if "hush" in text]
