"""Launching runs whose steps only sleep, or do what a test says, with the real launcher."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import PRIORITY_TAG

from scribe_assets.launcher import GpuRunLauncher
from scribe_assets.launcher.hosts import host_statuses, stop_hosts

LOCATION = """
import os, time
from pathlib import Path
from dagster import Config, Definitions, job, op
from scribe_assets.launcher.executor import device_executor
from scribe_assets.tags import ON_DEVICE
from scribe_assets.launcher.lease import Lease

class Seconds(Config):
    seconds: float = 0.0
    then: str = ""

def work(config):
    time.sleep(config.seconds)
    exec(config.then)

@op
def prepare(config: Seconds) -> int:
    work(config)
    return 1

@op(tags=ON_DEVICE)
def compute(config: Seconds, start: int) -> int:
    with Lease(Path(os.environ["SCRIBE_HOME"]), os.environ["SCRIBE_DEVICE"]).using():
        work(config)
    return start

@op
def finish(config: Seconds, start: int) -> None:
    work(config)

@job(executor_def=device_executor)
def sleep():
    finish(compute(prepare()))

defs = Definitions(jobs=[sleep])
"""
LIMIT_SECONDS = 60.0


@dataclass
class Launching:
    """An instance with the launcher, in a home of its own."""

    home: Path
    instance: DagsterInstance
    job: ReconstructableJob

    @property
    def launcher(self) -> GpuRunLauncher:
        launcher = self.instance.run_launcher
        assert isinstance(launcher, GpuRunLauncher)
        return launcher

    def launch(self, priority: int = 0, **steps: Any) -> str:
        """Launch a run; by step its seconds, or what it does."""
        ops = {
            step: {"config": {"then" if isinstance(what, str) else "seconds": what}}
            for step, what in steps.items()
        }
        return self.launch_with({"ops": ops}, {PRIORITY_TAG: str(priority)})

    def launch_with(self, run_config: dict[str, Any], tags: dict[str, str]) -> str:
        """Launch a run of any job."""
        run = self.instance.create_run_for_job(
            self.job.get_definition(),
            run_config=run_config,
            tags=tags,
            status=DagsterRunStatus.NOT_STARTED,
            job_code_origin=self.job.get_python_origin(),
        )
        self.launcher.launch_run(LaunchRunContext(run, None))
        return run.run_id

    def run(self, run_id: str) -> DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def ends(self, run_id: str) -> DagsterRun:
        """Wait for the end of a run."""
        self.until(lambda: self.run(run_id).is_finished)
        return self.run(run_id)

    def until(self, condition: Callable[[], Any], seconds: float = LIMIT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                log = self.home / "logs" / "launcher.log"
                pytest.fail(
                    f"not within {seconds:.0f} s: {host_statuses(self.home)}\n{log.read_text()}"
                )
            time.sleep(0.05)

    def computing(self, run_id: str, device: str = "cpu") -> psutil.Process:
        """Wait until a run computes on a device, and say which process does it."""

        def worker() -> int | None:
            for host in host_statuses(self.home):
                for found in host.devices:
                    if (found.device, found.run_id) == (device, run_id):
                        return found.worker
            return None

        self.until(worker)
        pid = worker()
        self.until(lambda: self.uses() and self.uses()[-1] == (pid, "begin"))
        return psutil.Process(pid)

    def uses(self, slot: str = "cpu-0") -> list[tuple[int, str]]:
        """(process, begin or end) as the device's log has it."""
        log = self.home / "devices" / f"{slot}.log"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [(line["pid"], line["event"]) for line in lines if line["event"] != "held"]

    def messages(self, run_id: str) -> list[str]:
        """What the run's log says, in order."""
        return [
            record.event_log_entry.user_message or record.event_log_entry.message
            for record in self.instance.get_records_for_run(run_id).records
        ]

    def order(self, *run_ids: str) -> list[str]:
        """These runs in the order in which they got a device."""
        times = {}
        for run_id in run_ids:
            for record in self.instance.get_records_for_run(run_id).records:
                entry = record.event_log_entry
                if entry.message.startswith("Got cpu"):
                    times[run_id] = entry.timestamp
        return sorted(times, key=lambda run_id: times[run_id])

    def why(self, run_id: str) -> str:
        """Why a run failed."""
        records = self.instance.get_records_for_run(
            run_id, of_type=DagsterEventType.RUN_FAILURE
        ).records
        (event,) = [record.event_log_entry.get_dagster_event() for record in records]
        error = event.job_failure_data.error if event.event_specific_data else None
        return error.message if error else event.message or ""


def end_hosts(home: Path) -> None:
    """End all hosts of a home, which leave nothing behind."""
    left = [psutil.Process(host.pid) for host in host_statuses(home)]
    family = [*left, *(child for one in left for child in one.children(recursive=True))]
    stop_hosts(home)
    # The host removes its temporary files last.
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, "what the host started ends with it"
    assert not list(home.glob("tmp/*")), "temporary files are gone"


def with_config(**config: Any) -> pytest.MarkDecorator:
    """Run a test with a configuration of the launcher."""
    return pytest.mark.parametrize("launching", [config], indirect=True)
