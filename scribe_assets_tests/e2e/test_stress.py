"""Sixty recordings from three sources at once, and somebody who kills the processes.

Two daemons on one instance, a backfill, and direct materialisations in a terminal. Workers, runs,
hosts, the code server and the daemons are killed at random, and the servers started again. In the
end every recording has its result, and the log of the device shows one process after the other.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest
import soundfile
import yaml
from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES

from scribe_assets import definitions
from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import MissingObjectError
from scribe_assets.instance.config import packaged
from scribe_assets.keys import RecordingRef
from scribe_assets.launcher.hosts import host_statuses, stop_hosts
from scribe_assets.local import parts
from scribe_assets.local.processes import Process, stop
from scribe_assets.local.s3_server import start_s3_server
from scribe_assets.partitions import recordings
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.storage.recordings import read_document, read_status
from scribe_assets.storage.s3 import S3Storage

pytestmark = pytest.mark.stack

UPLOADED, BACKFILLED, DIRECT = 20, 18, 2
"""The sensor finds all of them, and runs them too: 40 + 18 + 2 runs."""
SPOKEN_EVERY = 4
"""The others are silent, so that the test has the processes of sixty runs in a few minutes."""
KILLS_A_KIND = 2
LIMIT_SECONDS = 900
STAGES = [stage.key.to_user_string() for stage in definitions.STAGES]


@dataclass
class Site:
    """A stack whose parts may be killed, and are started again."""

    home: Path
    storage: S3Storage
    code_socket: Path
    processes: dict[str, Process] = field(default_factory=dict)

    def start(self, name: str) -> None:
        if name == "code":
            self.processes[name] = parts.start_code_server(self.home, self.code_socket)
            parts.wait_for_socket(self.processes[name], self.code_socket)
        else:
            workspace = parts.write_workspace(self.home, self.code_socket)
            self.processes[name] = parts.start_daemon(self.home, workspace)

    def revive(self) -> None:
        """Start again what has ended."""
        for name, process in self.processes.items():
            if process.popen.poll() is not None:
                self.start(name)

    def victims(self) -> dict[str, list[int]]:
        """Processes that may be killed now, by kind."""
        hosts = host_statuses(self.home)
        found: dict[str, list[int | None]] = {
            "worker": [d.worker for host in hosts for d in host.devices],
            "run": [run.pid for host in hosts for run in host.runs],
            "host": [host.pid for host in hosts],
        }
        found |= {name: [process.popen.pid] for name, process in self.processes.items()}
        return {kind: [pid for pid in pids if pid] for kind, pids in found.items()}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster").mkdir()
    monkeypatch.setenv("SCRIBE_HOME", str(home))
    monkeypatch.setenv("SCRIBE_DEVICE", "cpu")
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    config = yaml.safe_load(packaged().read_text())
    # More deaths than anybody will see; the rule that a run is given up after two stays untested.
    config["run_retries"]["max_retries"] = 20
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(config))
    server, _ = start_s3_server(Settings.load())
    storage = S3Storage.from_settings(Settings.load())
    storage.ensure_buckets()
    made = Site(home, storage, tmp_path / "code.sock")
    try:
        yield made
    finally:
        stop([*made.processes.values()])
        stop_hosts(home)
        stop([server])


def upload(site: Site, sample: Path, numbers: range) -> list[RecordingRef]:
    """Upload clips of one second."""
    speech = decode(sample)[media.SAMPLE_RATE * 7 :]
    refs = []
    for number in numbers:
        start = number * 2000
        clip = speech[start : start + media.SAMPLE_RATE]
        if number % SPOKEN_EVERY:
            clip = clip * 0
        file = site.home / "clip.wav"
        soundfile.write(file, clip, media.SAMPLE_RATE)
        key = f"stress/{number:02}.wav"
        site.storage.upload(file, site.storage.uploads_bucket, key, "audio/wav")
        refs.append(RecordingRef.from_upload_key(key))
    return refs


def has_result(site: Site, ref: RecordingRef) -> bool:
    try:
        read_document(site.storage, ref, Result)
    except MissingObjectError:
        return False
    return True


def materialise(ref: RecordingRef, log: Path) -> "subprocess.Popen[bytes]":
    """As somebody in a terminal."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "dagster", "asset", "materialize"),
                *("--select", ",".join(STAGES), "--partition", ref.partition_key),
                *("-m", "scribe_assets.definitions"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def test_whatever_dies_every_recording_ends_in_a_result(site: Site, sample_recording: Path) -> None:
    dice = random.Random(3)  # noqa: S311
    quiet = upload(site, sample_recording, range(UPLOADED, UPLOADED + BACKFILLED + DIRECT))
    with DagsterInstance.get() as instance:
        keys = [ref.partition_key for ref in quiet]
        instance.add_dynamic_partitions(str(recordings.name), keys)
        for name in ("code", "daemon", "second daemon"):
            site.start(name)
        backfilled, direct = quiet[:BACKFILLED], quiet[BACKFILLED:]
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id="stress",
                asset_graph=_asset_graph(),
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=instance,
                asset_selection=[AssetKey(stage) for stage in STAGES],
                partition_names=[ref.partition_key for ref in backfilled],
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )
        uploaded = upload(site, sample_recording, range(UPLOADED))
        terminals = [materialise(ref, site.home / "terminal.log") for ref in direct]
        everything = uploaded + quiet
        doomed = ["worker", "run", "host", *site.processes] * KILLS_A_KIND
        dice.shuffle(doomed)
        killed: list[str] = []
        waiting = list(everything)
        next_kill = time.monotonic() + 15
        deadline = time.monotonic() + LIMIT_SECONDS
        while waiting or instance.get_runs_count(RunsFilter(statuses=OPEN)):
            assert time.monotonic() < deadline, told(site, instance, waiting)
            waiting = [ref for ref in waiting if not has_result(site, ref)]
            site.revive()
            if doomed and time.monotonic() > next_kill and (pids := site.victims()[doomed[-1]]):
                next_kill = time.monotonic() + dice.uniform(3, 9)
                killed.append(doomed.pop())
                os.kill(dice.choice(pids), signal.SIGKILL)
            time.sleep(1)
        assert [terminal.wait(60) for terminal in terminals] == [0, 0]
        assert not doomed, f"only {killed} were killed before all was done"
        assert not instance.get_runs_count(RunsFilter(statuses=ACTIVE_RUN_STATUSES))
    for ref in everything:
        assert read_document(site.storage, ref, Result).duration == pytest.approx(1.0, abs=0.01)
    one_after_the_other(site.home / "devices" / "cpu-0.log", killed)


OPEN = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    *ACTIVE_RUN_STATUSES,
]


def _asset_graph():  # type: ignore[no-untyped-def]
    from scribe_assets.definitions import defs

    return defs.resolve_asset_graph()


def one_after_the_other(log: Path, killed: list[str]) -> None:
    """No process used the device between two uses of another one."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    clocks = [line["clock"] for line in lines]
    assert clocks == sorted(clocks)
    holders = [pid for pid, _ in groupby(line["pid"] for line in lines)]
    assert len(holders) == len(set(holders)), f"{holders} after {killed}"
    # Two terminals and a worker. On a slow machine the terminals may be through before the first
    # worker holds the device, and a worker that is killed while it waits never holds it.
    assert len(holders) >= 3
    for _, found in groupby(lines, key=lambda line: line["pid"]):
        events = [line["event"] for line in found]
        assert events[0] == "held"
        assert "held" not in events[1:]


def told(site: Site, instance: DagsterInstance, waiting: list[RecordingRef]) -> str:
    """What there is to know where it does not come to an end."""
    runs = instance.get_runs(RunsFilter(statuses=OPEN))
    lines = [f"{run.run_id} {run.status} {run.tags.get('dagster/partition')}" for run in runs]
    lines += [f"{ref.partition_key}: {read_status(site.storage, ref)}" for ref in waiting]
    lines += [str(host_statuses(site.home))]
    return "\n".join(lines)
