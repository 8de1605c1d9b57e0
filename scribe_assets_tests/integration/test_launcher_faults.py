"""Conditions in which runs were lost or never began: busy machines, stops, full disks and more."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
from dagster import DagsterRunStatus

from scribe_assets.dagster_internals import WorkerStatus
from scribe_assets.launcher.hosts import host_statuses, stop_hosts
from scribe_assets.launcher.interruptions import STOPPED
from scribe_assets.launcher.liveness import process_of
from scribe_assets.launcher.processes import ProcessIdentity
from scribe_assets.tags import MAX_RETRIES_TAG, PROCESS_TAG
from scribe_assets_tests.launching import LOCATION, Launching, with_config

SLOW_SECONDS = 90
"""More than a host may be alone, and more than the minute that a launch once waited."""


def a_module(folder: Path, name: str, code: str) -> None:
    """A module that a host or a worker can import: they find the folder of the tests' home."""
    (folder / f"{name}.py").write_text(code)


@with_config(preload=["slow_preload"], env={"PYTHONPATH": "{folder}"})
def test_a_host_that_loads_for_long_is_waited_for(launching: Launching, tmp_path: Path) -> None:
    """On a busy machine no run ever started: a host that had loaded found itself abandoned."""
    a_module(tmp_path, "slow_preload", f"import time; time.sleep({SLOW_SECONDS})")
    runs: list[str] = []
    launching.job.get_definition()  # here, once: it is not made for two threads
    launches = [threading.Thread(target=lambda: runs.append(launching.launch())) for _ in range(2)]
    for launch in launches:
        launch.start()
    launching.until(lambda: [h.state for h in host_statuses(launching.home)] == ["starting"])
    for launch in launches:
        launch.join(SLOW_SECONDS + 60)
    assert len(runs) == 2
    for run_id in runs:
        assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
        # Run monitoring counts from the last time at which the launch was announced.
        waiting = [m for m in launching.messages(run_id) if "Waiting for the host" in m]
        assert len(waiting) >= 3
    (host,) = host_statuses(launching.home)
    assert host.state == "serving"


@with_config(preload=["slow_preload"], env={"PYTHONPATH": "{folder}"})
def test_a_host_that_is_stopped_while_it_loads_goes_on(
    launching: Launching, tmp_path: Path
) -> None:
    """`kill -STOP` for a minute and more, as a machine does that swaps or sleeps."""
    a_module(tmp_path, "slow_preload", "import time; time.sleep(15)")
    runs: list[str] = []
    launch = threading.Thread(target=lambda: runs.append(launching.launch()))
    launch.start()
    launching.until(lambda: host_statuses(launching.home))
    host = psutil.Process(host_statuses(launching.home)[0].pid)
    host.suspend()
    time.sleep(20)
    assert launch.is_alive()
    host.resume()
    launch.join(60)
    (run_id,) = runs
    assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
    assert host_statuses(launching.home)[0].pid == host.pid


@with_config(preload=["slow_preload"], env={"PYTHONPATH": "{folder}"})
def test_a_host_that_loads_can_be_stopped(launching: Launching, tmp_path: Path) -> None:
    a_module(tmp_path, "slow_preload", "import time; time.sleep(600)")
    failures: list[Exception] = []

    def launch() -> None:
        try:
            launching.launch()
        except Exception as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    launcher = threading.Thread(target=launch)
    launcher.start()
    launching.until(lambda: host_statuses(launching.home))
    host = psutil.Process(host_statuses(launching.home)[0].pid)
    time.sleep(5)
    stop_hosts(launching.home)
    launcher.join(30)
    assert not launcher.is_alive()
    assert "does not start" in str(failures[0])
    assert not host.is_running() or host.status() == psutil.STATUS_ZOMBIE


def test_a_long_run_does_not_keep_the_next_host_away(launching: Launching, tmp_path: Path) -> None:
    """Runs inherited the lock of the host they were forked from."""
    old = launching.launch(compute=600.0)
    launching.computing(old)
    (tmp_path / "location.py").write_text(LOCATION + "\n# changed\n")
    began = time.monotonic()
    new = launching.launch(prepare=0.0)
    assert time.monotonic() - began < 50, "no wait for the end of the old run"
    states = {host.state: host for host in host_statuses(launching.home)}
    assert set(states) == {"retired", "serving"}, "the old one is seen, too"
    assert [run.run_id for run in states["retired"].runs] == [old]
    assert [run.run_id for run in states["serving"].runs] == [new]
    stop_hosts(launching.home)
    for run_id in (old, new):
        assert launching.ends(run_id).status == DagsterRunStatus.FAILURE
    assert not host_statuses(launching.home), "and it is stopped, too"


def test_a_stop_costs_a_run_none_of_its_tries(launching: Launching) -> None:
    run_id = launching.launch(compute=600.0)
    launching.computing(run_id)
    limit = launching.instance.run_retries_max_retries
    stop_hosts(launching.home)
    assert launching.ends(run_id).status == DagsterRunStatus.FAILURE
    assert launching.why(run_id) == STOPPED
    assert launching.run(run_id).tags[MAX_RETRIES_TAG] == str(limit + 1)


@with_config(worker_idle_seconds=0.5)
def test_a_full_disk_lets_runs_wait(launching: Launching) -> None:
    """What the system refuses to the host ended all runs; here it cannot write the worker's log."""
    run_id = launching.launch(prepare=4.0)
    launching.until(lambda: launching.run(run_id).status == DagsterRunStatus.STARTED)
    logs, away = launching.home / "logs", launching.home / "logs-away"
    logs.rename(away)
    logs.write_text("in the way")
    try:
        launching.until(lambda: any("cannot be started" in m for m in launching.messages(run_id)))
        assert not launching.run(run_id).is_finished
    finally:
        logs.unlink()
        away.rename(logs)
    assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS


def test_a_run_of_a_container_that_is_gone_is_not_taken_for_alive(launching: Launching) -> None:
    """After a restart of the container process numbers are those of another namespace."""
    run_id = launching.launch(prepare=600.0)
    launching.until(lambda: launching.run(run_id).status == DagsterRunStatus.STARTED)
    process = process_of(launching.instance, launching.run(run_id))
    assert process is not None
    elsewhere = str(replace(process, namespace="pid:[1]"))
    launching.instance.add_run_tags(run_id, {PROCESS_TAG: elsewhere})

    def health() -> WorkerStatus:
        return launching.launcher.check_run_worker_health(launching.run(run_id)).status

    assert health() == WorkerStatus.RUNNING
    (host,) = host_statuses(launching.home)
    identity = ProcessIdentity.of(host.pid)
    assert identity is not None
    os.kill(host.pid, signal.SIGKILL)
    launching.until(lambda: not process.is_alive() and not identity.is_alive())
    assert health() == WorkerStatus.FAILED
    assert launching.ends(launching.launch()).status == DagsterRunStatus.SUCCESS
