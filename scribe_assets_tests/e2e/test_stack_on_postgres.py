"""The stack with its runs in PostgreSQL and its objects in SeaweedFS, as `deploy` has them: each
may end and come back, all may be restored from a backup, and the database may be lost."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.e2e.test_stack import Running, family, graphql, put, start
from scribe_assets_tests.media import silence
from scribe_assets_tests.postgres import PostgresServer
from scribe_assets_tests.seaweed import SeaweedServer

pytestmark = pytest.mark.stack

OUTAGE_SECONDS = 20.0
"""Longer than Dagster tries to connect, so that runs and ticks fail of it."""

S3_OUTAGE_SECONDS = 8.0
"""Longer than a request is tried again."""

NAMES = ("Diane", "Sheila")


@pytest.fixture
def seaweed(tmp_path: Path) -> Iterator[SeaweedServer]:
    folder = tmp_path / "seaweed"
    folder.mkdir()
    server = SeaweedServer(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def running(
    postgres: PostgresServer,
    seaweed: SeaweedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Running]:
    home = tmp_path / "home"
    settings = {"SCRIBE_POSTGRES_URL": postgres.new_database()} | seaweed.settings
    for name, value in (settings | {"SCRIBE_HOME": str(home)}).items():
        monkeypatch.setenv(name, value)
    process, said = start(home, **settings)
    storage = S3Storage.from_settings(Settings.load())
    running = Running(process, home, said["UI"], storage, settings)
    try:
        yield running
    finally:
        stop(running)


def stop(running: Running) -> None:
    if running.process.poll() is None:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)


def start_again(running: Running) -> None:
    running.process, said = start(running.home, **running.settings)
    running.ui_url = said["UI"]


def succeed(running: Running, *keys: str) -> None:
    for key in keys:
        status = running.status_when(key, "succeeded", "failed")
        assert status.state == "succeeded", f"{key}: {status.error}\n{running.log()}"


def lose_the_database(
    running: Running, postgres: PostgresServer, recording: Path, folder: Path
) -> str:
    """It ends during a run, and an upload comes in without it; what the doctor says meanwhile."""
    put(running, "during.wav", recording)
    running.status_when("during.wav", "running")
    postgres.kill()
    put(running, "without.wav", silence(folder / "without.wav", 2))
    ended = time.monotonic()
    doctor = running.scribe("doctor")
    assert doctor.returncode == 1
    assert "PostgreSQL at 127.0.0.1" in doctor.stdout
    time.sleep(max(0.0, ended + OUTAGE_SECONDS - time.monotonic()))
    postgres.start()
    succeed(running, "during.wav", "without.wav")
    assert running.process.poll() is None
    return doctor.stdout


def lose_s3(running: Running, seaweed: SeaweedServer, recording: Path) -> None:
    """It ends during a run."""
    put(running, "on-its-way.wav", recording)
    running.status_when("on-its-way.wav", "running")
    seaweed.kill()
    time.sleep(S3_OUTAGE_SECONDS)
    seaweed.start()
    succeed(running, "on-its-way.wav")
    assert running.process.poll() is None


def lose_the_daemon(running: Running, recording: Path) -> None:
    """The stack ends with it, during a run, and is started again, as Compose does."""
    put(running, "taken-up.wav", recording)
    running.status_when("taken-up.wav", "running")
    daemon = next(
        process
        for process in family(running.process.pid)
        if any("dagster-daemon" in part for part in process.cmdline())
    )
    daemon.kill()
    assert running.process.wait(60) == 1
    start_again(running)
    succeed(running, "taken-up.wav")


def everything(running: Running) -> tuple[dict[tuple[str, str], str], list[dict[str, str]]]:
    """All objects by bucket and key, with their ETags, and all runs, with their states."""
    storage = running.storage
    buckets = (storage.uploads_bucket, storage.processed_bucket, storage.identity_bucket)
    objects = {
        (bucket, found.key): found.etag for bucket in buckets for found in storage.objects(bucket)
    }
    query = "query { runsOrError { ... on Runs { results { runId status } } } }"
    return objects, graphql(running.ui_url, query, {})["runsOrError"]["results"]


def back_up_wipe_and_restore(folders: dict[str, Path], backup: Path) -> None:
    """With the commands of deploy/README.md; the folders are what its volumes are."""
    backup.mkdir()
    for volume, folder in folders.items():
        file = str(backup / f"{volume}.tar.gz")
        pack = ["/bin/tar", "--create", "--gzip", "--file", file, "--directory", str(folder), "."]
        subprocess.run(pack, check=True)
        shutil.rmtree(folder)
    for volume, folder in folders.items():
        folder.mkdir()
        file = str(backup / f"{volume}.tar.gz")
        unpack = ["/bin/tar", "--extract", "--gzip", "--file", file, "--directory", str(folder)]
        subprocess.run(unpack, check=True)


def test_each_part_may_end_and_come_back_and_all_of_it_be_restored(
    running: Running,
    postgres: PostgresServer,
    seaweed: SeaweedServer,
    sample_recording: Path,
    tmp_path: Path,
) -> None:
    demo = running.scribe("demo")
    assert demo.returncode == 0, f"{demo.stderr}\n{running.log()}"
    assert not list((running.home / "dagster").rglob("*.db")), "nothing is left to SQLite"
    written = [lose_the_database(running, postgres, sample_recording, tmp_path)]
    lose_s3(running, seaweed, sample_recording)
    lose_the_daemon(running, sample_recording)

    before = everything(running)
    stop(running)
    seaweed.stop()
    postgres.stop()
    volumes = {"s3": seaweed.data, "postgres": postgres.data, "scribe": running.home}
    back_up_wipe_and_restore(volumes, tmp_path / "backup")
    postgres.start()
    seaweed.start()
    start_again(running)
    assert everything(running) == before
    shown = running.scribe("show", "telephone-call.wav", "--user", "demo")
    assert all(f"**{name}**" in shown.stdout for name in NAMES), shown.stderr
    put(running, "after.wav", silence(tmp_path / "after.wav", 2))
    succeed(running, "after.wav")

    stop(running)
    running.settings["SCRIBE_POSTGRES_URL"] = postgres.new_database()
    rebuilt = running.scribe("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "6 recordings and 1 users in S3: 6 partitions" in rebuilt.stdout
    written += [running.log(), rebuilt.stdout, rebuilt.stderr]
    secret = (seaweed.secrets / "s3_secret_key").read_text()
    assert not [text for text in written if "hush" in text or secret in text]
