"""The run launcher with its real host, runs and workers; the steps only sleep, or die.

What the steps do on a device is under its real lease, whose log tells who had the device when.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG

from scribe_assets.launcher import GpuRunLauncher
from scribe_assets.launcher.hosts import host_statuses
from scribe_assets.launcher.liveness import process_of
from scribe_assets.launcher.processes import ProcessIdentity
from scribe_assets.tags import DEVICE_TAG, PROCESS_TAG
from scribe_assets_tests.launching import LOCATION, Launching, with_config


def test_runs_take_turns_by_priority_and_age(launching: Launching) -> None:
    until_told = """
while not (Path(os.environ['SCRIBE_HOME']) / 'told').exists():
    time.sleep(0.05)
"""
    first = launching.launch(compute=until_told)
    worker = launching.computing(first)
    second, third = launching.launch(compute=0.2), launching.launch(compute=0.2)
    urgent = launching.launch(compute=0.2, priority=5)
    launching.until(
        lambda: all(
            any("Waiting for" in message for message in launching.messages(run_id))
            for run_id in (second, third, urgent)
        )
    )
    (launching.home / "told").touch()
    for run_id in (first, second, third, urgent):
        assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
        assert launching.run(run_id).tags[DEVICE_TAG] == "cpu"
    assert launching.order(first, second, third, urgent) == [first, urgent, second, third]
    assert launching.uses() == [(worker.pid, "begin"), (worker.pid, "end")] * 4
    assert any("Waiting for a device: cpu works for" in m for m in launching.messages(second))


def test_a_long_recording_is_not_overtaken_and_holds_nothing(launching: Launching) -> None:
    """A device is kept for the earlier run while it prepares; what is finished has let go of it."""
    ahead = launching.launch(compute=0.5, finish=6.0)
    launching.computing(ahead)
    long = launching.launch(prepare=2.0, compute=0.5)
    short = launching.launch(compute=0.1)
    launching.ends(short)
    assert launching.order(ahead, long, short) == [ahead, long, short]
    assert not launching.run(ahead).is_finished, "its last step needs no device"


def test_a_worker_that_is_killed_fails_its_own_run_only(launching: Launching) -> None:
    unlucky = launching.launch(compute="os.write(2, b'last words\\n'); time.sleep(600)")
    worker = launching.computing(unlucky)
    waiting = launching.launch(compute=0.1)
    worker.kill()
    launching.until(lambda: launching.run(unlucky).is_finished, seconds=15)
    assert "killed by SIGKILL" in launching.why(unlucky)
    assert "last words" in launching.why(unlucky)
    # Not a step's failure, which would not be tried again.
    assert launching.run(unlucky).tags[RUN_FAILURE_REASON_TAG] == "RUN_EXCEPTION"
    assert launching.ends(waiting).status == DagsterRunStatus.SUCCESS
    assert {pid for pid, _ in launching.uses()} > {worker.pid}


def test_a_crash_of_a_library_says_where(launching: Launching) -> None:
    run_id = launching.launch(compute="import ctypes; ctypes.string_at(0)")
    launching.ends(run_id)
    assert "killed by SIGSEGV" in launching.why(run_id)
    assert "Segmentation fault" in launching.why(run_id)
    assert "string_at" in launching.why(run_id)
    run_id = launching.launch(compute="os._exit(7)")
    launching.ends(run_id)
    assert "ended with exit code 7" in launching.why(run_id)


@pytest.mark.parametrize("step", ["prepare", "compute"])
def test_a_run_that_is_killed_says_so_and_frees_the_device(launching: Launching, step: str) -> None:
    script = "os.write(2, b'last words\\n'); import subprocess; subprocess.run(['sleep', '601'])"
    steps: dict[str, Any] = {step: script}
    run_id = launching.launch(**steps)
    if step == "compute":
        launching.computing(run_id)
    launching.until(
        lambda: [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == SLEEPER]
    )
    process = process_of(launching.instance, launching.run(run_id))
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    launching.until(lambda: launching.run(run_id).is_finished, seconds=15)
    assert launching.run(run_id).status == DagsterRunStatus.FAILURE
    assert "killed by SIGKILL" in launching.why(run_id)
    assert "last words" in launching.why(run_id)
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == SLEEPER]
    assert launching.ends(launching.launch()).status == DagsterRunStatus.SUCCESS


SLEEPER = ["sleep", "601"]


@pytest.mark.parametrize("step", ["prepare", "compute", "waiting"])
def test_a_run_can_be_terminated(launching: Launching, step: str) -> None:
    blocking = ""
    if step == "waiting":
        blocking = launching.launch(compute=600.0)
        launching.computing(blocking)
    steps: dict[str, Any] = {"compute" if step == "waiting" else step: 600.0}
    run_id = launching.launch(**steps)
    if step == "compute":
        launching.computing(run_id)
    launching.until(lambda: launching.run(run_id).status == DagsterRunStatus.STARTED)
    if step == "waiting":
        launching.until(lambda: any("Waiting for" in m for m in launching.messages(run_id)))
    began = time.monotonic()
    assert launching.launcher.terminate(run_id)
    launching.until(lambda: launching.run(run_id).is_finished, seconds=10)
    assert launching.run(run_id).status == DagsterRunStatus.CANCELED
    assert time.monotonic() - began < 10
    assert not launching.launcher.terminate(run_id), "it is over"
    if blocking:
        assert launching.launcher.terminate(blocking)
    assert launching.ends(launching.launch(compute=0.0)).status == DagsterRunStatus.SUCCESS


def test_a_run_that_does_not_listen_is_killed(launching: Launching) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    run_id = launching.launch(prepare=deaf)
    launching.until(lambda: any('"prepare"' in m for m in launching.messages(run_id)))
    time.sleep(0.5)
    assert launching.launcher.terminate(run_id)
    launching.until(lambda: launching.run(run_id).is_finished, seconds=10)
    assert launching.run(run_id).status == DagsterRunStatus.CANCELED


@with_config(devices=["cpu", "cpu:1"])
def test_two_devices_work_at_once_each_on_its_own(launching: Launching) -> None:
    # Each waits until the other one is at work, too.
    meet = """
devices = Path(os.environ['SCRIBE_HOME']) / 'devices'
other = devices / f"cpu-{1 - int(os.environ['SCRIBE_DEVICE'] == 'cpu:1')}.log"
deadline = time.time() + 50
while not (other.exists() and '"begin"' in other.read_text()):
    assert time.time() < deadline
    time.sleep(0.05)
"""
    runs = [launching.launch(compute=meet), launching.launch(compute=meet)]
    for run_id in runs:
        assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
    assert {launching.run(run_id).tags[DEVICE_TAG] for run_id in runs} == {"cpu", "cpu:1"}
    for slot in ("cpu-0", "cpu-1"):
        assert [event for _, event in launching.uses(slot)] == ["begin", "end"]


@with_config(runs_per_worker=2)
def test_a_worker_is_replaced_in_time(launching: Launching) -> None:
    for run_id in [launching.launch() for _ in range(5)]:
        assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
    pids = [pid for pid, event in launching.uses() if event == "begin"]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]


@with_config(worker_growth_gb=0.2)
def test_a_worker_that_grows_is_replaced(launching: Launching) -> None:
    launching.ends(launching.launch())
    launching.ends(launching.launch(compute="import builtins; builtins.kept = b'x' * 400_000_000"))
    launching.ends(launching.launch())
    first, second, third = [pid for pid, event in launching.uses() if event == "begin"]
    assert first == second != third


def test_a_model_outside_the_worker_is_refused(launching: Launching) -> None:
    """Its process would have the device that its worker waits for."""
    hold = "Lease(Path(os.environ['SCRIBE_HOME']), 'cpu').hold()"
    run_id = launching.launch(prepare=hold)
    assert launching.ends(run_id).status == DagsterRunStatus.FAILURE
    failures = launching.instance.get_records_for_run(
        run_id, of_type=DagsterEventType.STEP_FAILURE
    ).records
    (failed,) = [record.event_log_entry.get_dagster_event() for record in failures]
    assert failed.step_key == "prepare"
    assert "op_tags=ON_DEVICE" in str(failed.step_failure_data.error)


def test_a_wrong_configuration_is_refused() -> None:
    for wrong, why in (
        ({"devices": ["gpu"]}, "pattern"),
        ({"devices": ["cuda", "cuda:0"]}, "named twice"),
        ({"runs_per_worker": 0}, "greater than or equal to 1"),
        ({"no_such_thing": 1}, "not permitted"),
    ):
        with pytest.raises(ValueError, match=why):
            GpuRunLauncher.from_config_value(None, wrong)


def test_two_launchers_share_a_host_and_start_a_run_once(launching: Launching) -> None:
    run_id = launching.launch(compute=1.0)
    with DagsterInstance.from_ref(launching.instance.get_ref()) as again:
        again.run_launcher.launch_run(LaunchRunContext(launching.run(run_id), None))
        assert len(host_statuses(launching.home)) == 1
        launching.ends(run_id)
        again.run_launcher.launch_run(LaunchRunContext(launching.run(run_id), None))
    assert len(launching.uses()) == 2
    assert launching.run(run_id).status == DagsterRunStatus.SUCCESS


def test_the_health_of_a_run_is_that_of_its_process(launching: Launching) -> None:
    run_id = launching.launch(compute=600.0)
    worker = launching.computing(run_id)
    assert launching.launcher.supports_check_run_worker_health
    health = launching.launcher.check_run_worker_health(launching.run(run_id))
    assert health.status == WorkerStatus.RUNNING

    (host,) = host_statuses(launching.home)
    os.kill(host.pid, signal.SIGKILL)  # nobody is left to tell of what becomes of the run
    process = process_of(launching.instance, launching.run(run_id))
    assert process is not None
    launching.until(lambda: not process.is_alive() and not worker.is_running())
    assert launching.run(run_id).status == DagsterRunStatus.STARTED
    health = launching.launcher.check_run_worker_health(launching.run(run_id))
    assert health.status == WorkerStatus.FAILED
    assert str(process.pid) in (health.msg or "")

    # Two daemons that write at once may lose a tag.
    without = launching.run(run_id).with_tags({})
    assert PROCESS_TAG not in without.tags
    assert process_of(launching.instance, without) == process
    health = launching.launcher.check_run_worker_health(without)
    assert health.status == WorkerStatus.FAILED
    assert launching.ends(launching.launch()).status == DagsterRunStatus.SUCCESS


def test_a_host_outlives_a_restart_of_the_daemon_and_not_more(launching: Launching) -> None:
    run_id = launching.launch(compute=600.0)
    worker = launching.computing(run_id)
    (host,) = host_statuses(launching.home)
    launching.launcher.dispose()  # as a daemon that ends
    time.sleep(3)
    launching.launcher.check_run_worker_health(launching.run(run_id))  # and one that begins
    time.sleep(15)
    assert worker.is_running()
    identity = ProcessIdentity.of(host.pid)
    assert identity is not None
    launching.launcher.dispose()
    launching.until(lambda: not identity.is_alive() and not worker.is_running(), 25)
    assert launching.run(run_id).status == DagsterRunStatus.FAILURE
    assert "Dagster was stopped" in launching.why(run_id)


def test_somebody_else_on_the_machine_gets_the_device(launching: Launching) -> None:
    """A warm worker with nothing to do makes room, and the next one waits its turn."""
    script = """
import sys, time
from pathlib import Path
from scribe_assets.launcher.lease import Lease
with Lease(Path(sys.argv[1]), "cpu").using():
    print("held", flush=True)
    sys.stdin.readline()
"""
    assert launching.ends(launching.launch()).status == DagsterRunStatus.SUCCESS
    with subprocess.Popen(
        [sys.executable, "-c", script, str(launching.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        run_id = launching.launch(compute=0.1)
        time.sleep(2)
        assert not launching.run(run_id).is_finished
        other.communicate("\n")
    assert launching.ends(run_id).status == DagsterRunStatus.SUCCESS
    pids = [pid for pid, _ in launching.uses()]
    assert pids[2:4] == [other.pid] * 2
    assert len(set(pids)) == 3


def test_changed_code_is_executed_by_a_new_host(launching: Launching, tmp_path: Path) -> None:
    old = launching.launch(compute=3.0)
    launching.computing(old)
    location = tmp_path / "location.py"
    location.write_text(LOCATION.replace("time.sleep(config.seconds)", "print(1 / 0)"))
    new = launching.launch()
    assert launching.ends(new).status == DagsterRunStatus.FAILURE
    assert launching.ends(old).status == DagsterRunStatus.SUCCESS, "the old one sees it to the end"
    launching.until(lambda: len(host_statuses(launching.home)) == 1)


def test_code_that_cannot_be_loaded_says_so(launching: Launching, tmp_path: Path) -> None:
    launching.job.get_definition()
    (tmp_path / "location.py").write_text("raise ValueError('broken on purpose')")
    with pytest.raises(Exception, match="broken on purpose"):
        launching.launch()
