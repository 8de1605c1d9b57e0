"""Whether the process of a run is alive, also where its number means nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from scribe_assets.launcher import liveness
from scribe_assets.launcher.processes import ProcessIdentity
from scribe_assets.tags import PROCESS_TAG

CLAIM = """
import sys, time
from pathlib import Path
from scribe_assets.launcher import liveness
liveness.claim(Path(sys.argv[1]), "run")
print("claimed", flush=True)
time.sleep(600)
"""


@pytest.fixture
def claimant(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that executes the run."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def a_run(process: ProcessIdentity | None) -> DagsterRun:
    tags = {PROCESS_TAG: str(process)} if process else {}
    return DagsterRun("job", run_id="run", status=DagsterRunStatus.STARTED, tags=tags)


def test_a_run_is_alive_until_its_process_ends(
    claimant: "subprocess.Popen[str]", tmp_path: Path, instance: DagsterInstance
) -> None:
    # As seen after a restart of the container: the number is that of another namespace.
    elsewhere = replace(ProcessIdentity.current(), namespace="pid:[1]")
    assert liveness.is_alive(instance, tmp_path, a_run(elsewhere)) is True
    claimant.kill()
    claimant.wait()
    assert liveness.is_alive(instance, tmp_path, a_run(elsewhere)) is False
    assert liveness.is_alive(instance, tmp_path, a_run(None)) is False


def test_claims_of_the_dead_are_removed(claimant: "subprocess.Popen[str]", tmp_path: Path) -> None:
    files = tmp_path / "launcher" / "runs"
    liveness.clean(tmp_path)
    assert [file.name for file in files.iterdir()] == ["run.lock"]
    claimant.kill()
    claimant.wait()
    liveness.clean(tmp_path)
    assert not list(files.iterdir())


def test_without_a_claim_the_process_decides(tmp_path: Path, instance: DagsterInstance) -> None:
    me = ProcessIdentity.current()
    assert liveness.is_alive(instance, tmp_path, a_run(me)) is True
    assert liveness.is_alive(instance, tmp_path, a_run(replace(me, started=1))) is False
    assert liveness.is_alive(instance, tmp_path, a_run(replace(me, namespace="pid:[1]"))) is None


def test_a_claim_is_gone_after_use(tmp_path: Path) -> None:
    with liveness.claimed(tmp_path, "run"):
        assert liveness.is_claimed(tmp_path, "run") is True
    assert liveness.is_claimed(tmp_path, "run") is None
    assert not list((tmp_path / "launcher" / "runs").iterdir())


def test_a_claim_is_never_seen_unlocked(tmp_path: Path) -> None:
    """A file that is there for a moment before it is locked would mean: dead."""
    watcher = """
import sys, time
from pathlib import Path
from scribe_assets.launcher import liveness
print("ready", flush=True)
deadline = time.monotonic() + 60
while time.monotonic() < deadline and not (Path(sys.argv[1]) / "stop").exists():
    assert liveness.is_claimed(Path(sys.argv[1]), "run") is not False
"""
    with subprocess.Popen(
        [sys.executable, "-c", watcher, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(300):
            with liveness.claimed(tmp_path, "run"):
                time.sleep(0.0005)
        (tmp_path / "stop").touch()
        assert process.wait(30) == 0
