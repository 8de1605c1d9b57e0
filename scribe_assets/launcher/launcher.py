"""The run launcher: from Dagster's queue to the host that executes runs."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import (
    Array,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    Field,
    Noneable,
    Permissive,
    StringSource,
)

from scribe_assets.dagster_internals import (
    CheckRunHealthResult,
    ConfigurableClass,
    ConfigurableClassData,
    DagsterLaunchFailedError,
    JobPythonOrigin,
    LaunchRunContext,
    RunLauncher,
    WorkerStatus,
    serialize_value,
)
from scribe_assets.launcher.config import HostConfig, LauncherConfig
from scribe_assets.launcher.processes import ProcessIdentity, open_log, tail
from scribe_assets.launcher.protocol import Connection, connect, receive, send
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.settings import Settings
from scribe_assets.tags import PROCESS_TAG

START_SECONDS = 60.0
TERMINATE_SECONDS = 6.0
ATTEMPTS = 3


class GpuRunLauncher(RunLauncher, ConfigurableClass):
    """Executes the runs of this machine, the heavy part of each strictly one at a time per device.

    ```yaml
    run_launcher:
      module: scribe_assets.launcher
      class: GpuRunLauncher
      config:                      # all of it is optional
        devices: ["cuda:0", "cuda:1"]  # SCRIBE_DEVICE, which by default is every GPU, or one CPU
        vram_budget_gb: 8              # SCRIBE_VRAM_BUDGET_GB; models are released to stay under it
        runs_per_worker: 200           # then the process that holds the models is replaced,
        worker_growth_gb: 4            # or when it has grown by so much,
        worker_idle_seconds: 600       # or when it had nothing to do, and others may want the GPU
        preload: [scribe_assets.preload]  # modules imported once, before runs are forked
        worker_preload: [scribe_assets.speech.libraries]  # and by a worker that waits for a device
        env: {OMP_NUM_THREADS: "4"}    # added to the environment of all runs
    ```

    A run is a process forked from a host that has the definitions loaded. Its steps tagged
    `scribe/device` are executed by the one worker of a device, in which models stay loaded; the
    queue is that of Dagster, priorities included. Both need `scribe_assets.launcher.executor`,
    which the definitions set; runs of jobs with another executor are executed as well, all steps in
    their own processes.

    Which device a run has or waits for stands in its log, its tags and in `scribe status`. A
    process that dies fails its own run within seconds, with the reason; so does `run_monitoring`
    where the host has died, too.
    """

    def __init__(
        self, config: LauncherConfig, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__()
        take_shortcuts()  # in the daemon and the webserver, too, which create runs
        self._config = config
        self._inst_data = inst_data
        self._hosts: dict[str, Connection] = {}
        self._retired: list[Connection] = []
        """Hosts with code of yesterday; they see their runs to the end as long as we are here."""
        self._lock = threading.Lock()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """For Dagster."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        """The schema, checked when Dagster reads `dagster.yaml`."""
        return {
            "devices": Field(Array(StringSource), is_required=False),
            "runs_per_worker": Field(int, is_required=False),
            "worker_growth_gb": Field(float, is_required=False),
            "worker_idle_seconds": Field(float, is_required=False),
            "vram_budget_gb": Field(Noneable(float), is_required=False),
            "preload": Field(Array(str), is_required=False),
            "worker_preload": Field(Array(str), is_required=False),
            "env": Field(Permissive(), is_required=False),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "GpuRunLauncher":
        """For Dagster."""
        return cls(LauncherConfig.model_validate(config_value), inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a run to the host, which is started where there is none.

        Raises:
            DagsterLaunchFailedError: the host does not start, or refuses.
        """
        run = context.dagster_run
        origin = context.job_code_origin
        if origin is None:
            raise DagsterLaunchFailedError(f"run {run.run_id} does not say what code it runs")
        with self._lock:
            for _ in range(ATTEMPTS):
                host = self._host(origin)
                try:
                    send(host, launch=run.run_id)
                    answer = receive(host)
                except (EOFError, ConnectionError):  # it ended; another one takes its place
                    self._drop(host)
                    continue
                if "stale" in answer:
                    self._drop(host, retire=True)
                    continue
                if "error" in answer:
                    raise DagsterLaunchFailedError(answer["error"])
                return
        raise DagsterLaunchFailedError(
            f"the host of the runs ended {ATTEMPTS} times; see {self._log}"
        )

    def terminate(self, run_id: str) -> bool:
        """End a run: asked first, killed after some seconds. Its device is free at once."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        process = process_of(self._instance, run)
        was_there = process is not None and process.is_visible() and process.end(TERMINATE_SECONDS)
        again = self._instance.get_run_by_id(run_id)
        if not was_there and again and not again.is_finished:
            self._instance.report_run_canceled(again)  # nobody is left to say so
        return was_there

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the very process that executes the run is alive.

        Run monitoring takes all but RUNNING and SUCCESS for dead, so what cannot be seen from here
        is RUNNING: a run of another container, or one of an executor that is not ours.
        """
        self._watch(run)
        process = process_of(self._instance, run)
        if process is None or not process.is_visible() or process.is_alive():
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            f"process {process.pid}, which executed the run, is gone, and so is the one that would "
            "know why",
            run_worker_id=str(process),
        )

    def dispose(self) -> None:
        """Leave the hosts; they end when nobody else is with them."""
        for host in (*self._hosts.values(), *self._retired):
            host.close()
        self._hosts.clear()
        self._retired.clear()

    @property
    def _log(self) -> Path:
        return Settings.load().home / "logs" / "launcher.log"

    def _watch(self, run: DagsterRun) -> None:
        """Be with the host of a run: after a restart of the daemon it would end for lack of one."""
        if run.job_code_origin is None:
            return
        config = self._host_config(run.job_code_origin)
        with self._lock:
            if config.name in self._hosts:
                return
            try:
                host = connect(config.address)
                send(host, watch=True)
            except OSError:  # there is none, and no run of it
                return
            self._hosts[config.name] = host

    def _host(self, origin: JobPythonOrigin) -> Connection:
        """The host for a code location."""
        config = self._host_config(origin)
        if config.name in self._hosts:
            return self._hosts[config.name]
        deadline = time.monotonic() + START_SECONDS
        process: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            try:
                self._hosts[config.name] = connect(config.address)
            except OSError:
                if process is None or process.poll() is not None:
                    if process and process.returncode:
                        break
                    process = self._start(origin, config)
                time.sleep(0.1)
            else:
                return self._hosts[config.name]
        raise DagsterLaunchFailedError(f"the host of the runs does not start:\n{tail(self._log)}")

    def _start(self, origin: JobPythonOrigin, config: HostConfig) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self._config.env, "SCRIBE_HOME": str(config.home)}
        if self._config.vram_budget_gb is not None:
            environment["SCRIBE_VRAM_BUDGET_GB"] = str(self._config.vram_budget_gb)
        with open_log(self._log) as log:
            process = subprocess.Popen(  # noqa: S603
                [
                    origin.repository_origin.executable_path or sys.executable,
                    *("-m", "scribe_assets.launcher.host"),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                # A Ctrl-C in the terminal is for the daemon, which ends in order.
                start_new_session=True,
            )
        # By a pipe: the instance may hold the password of a database, which `ps` must not show.
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(config.model_dump_json().encode())
        process.stdin.close()
        return process

    def _host_config(self, origin: JobPythonOrigin) -> HostConfig:
        home = Settings.load().home
        instance = serialize_value(self._instance.get_ref())
        code = serialize_value(origin.repository_origin)
        identity = json.dumps([instance, code, self._config.model_dump()])
        return HostConfig(
            home=home,
            name=hashlib.sha256(identity.encode()).hexdigest()[:12],
            instance=instance,
            origin=serialize_value(origin),
            config=self._config.model_dump(),
        )

    def _drop(self, host: Connection, retire: bool = False) -> None:
        self._hosts = {name: known for name, known in self._hosts.items() if known is not host}
        if retire:
            self._retired.append(host)
        else:
            host.close()


def process_of(instance: DagsterInstance, run: DagsterRun) -> ProcessIdentity | None:
    """The process that executes a run; None where it has not said so yet.

    Dagster writes a run's tags and state as one text: where two write at once a tag is lost, but
    no event.
    """
    if tag := run.tags.get(PROCESS_TAG):
        return ProcessIdentity.parse(tag)
    told = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    for record in told.records:
        event = record.event_log_entry.get_dagster_event()
        if process := event.engine_event_data.metadata.get(PROCESS_TAG):
            return ProcessIdentity.parse(str(process.value))
    return None


def hosts(home: Path) -> list[dict[str, Any]]:
    """What the hosts of a SCRIBE_HOME are doing; see `Host.status`."""
    answers = []
    for address in sorted((home / "launcher").glob("*.sock")):
        try:
            with connect(address) as host:
                send(host, status=True)
                answers.append(receive(host))
        except (OSError, EOFError):  # the socket of a worker, or of a host that was killed
            continue
    return answers


def stop_hosts(home: Path, seconds: float = 15.0) -> None:
    """End the hosts of a SCRIBE_HOME with all that they started."""
    known = [ProcessIdentity.of(host["pid"]) for host in hosts(home)]
    for process in known:
        if process:
            process.end(seconds)
