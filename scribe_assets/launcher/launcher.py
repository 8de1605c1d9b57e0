"""The run launcher, as Dagster's daemon and webserver see it: it hands runs to a host."""

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from dagster import (
    Array,
    DagsterEvent,
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
from scribe_assets.device_settings import DeviceSettings
from scribe_assets.launcher import liveness
from scribe_assets.launcher.config import HostConfig, LauncherConfig
from scribe_assets.launcher.connections import Connection, ask, receive, send, wait
from scribe_assets.launcher.host_lock import host_of
from scribe_assets.launcher.hosts import START_SECONDS, HostStartError, Starter, environment
from scribe_assets.launcher.messages import (
    AskStatus,
    Launch,
    Launched,
    Message,
    Refused,
    Stale,
    Watch,
)
from scribe_assets.launcher.presence import Presence
from scribe_assets.launcher.processes import tail
from scribe_assets.launcher.shortcuts import take_shortcuts

TERMINATE_SECONDS = 6.0
ATTEMPTS = 3
STILL_STARTING_SECONDS = 20.0
"""How often to say that a run is still starting; see `start_timeout_seconds` in dagster.yaml."""


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
        preload: [my_code.libraries]   # modules imported once, before runs are forked
        worker_preload: [torch]        # and by a worker that waits for its device
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
        self._presence = Presence()

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

        This waits for a host that is starting, however slow the machine is, and holds no lock
        meanwhile: several launches may wait for the same one.

        Raises:
            DagsterLaunchFailedError: the host does not start, or refuses.
        """
        run_id = context.dagster_run.run_id
        origin = context.job_code_origin
        if origin is None:
            raise DagsterLaunchFailedError(f"run {run_id} does not say what code it runs")
        starter = self._starter(origin)
        for _ in range(ATTEMPTS):
            answer = self._ask_host(starter, context.dagster_run)
            if isinstance(answer, Launched):
                return
            if isinstance(answer, Refused):
                raise DagsterLaunchFailedError(answer.why)
            # It has ended, or its code is outdated: another one takes its place.
        raise DagsterLaunchFailedError(
            f"the host of the runs ended {ATTEMPTS} times:\n{tail(starter.log)}"
        )

    def _ask_host(self, starter: Starter, run: DagsterRun) -> Message | None:
        """The answer of a host that was asked to launch a run; None where it has ended just then.

        Raises:
            DagsterLaunchFailedError: it does not start, or does not answer.
        """
        try:
            host, is_new = starter.connection()
        except HostStartError as error:
            raise DagsterLaunchFailedError(str(error)) from error
        try:
            wait_until_loaded(self._instance, host, run)
            answer = ask(host, Launch(run.run_id), START_SECONDS)
            send(host, Watch())
        except (EOFError, ConnectionError) as error:
            host.close()
            if is_new:  # it could not load the definitions; the next one could not either
                raise DagsterLaunchFailedError(
                    f"the host of the runs does not start:\n{tail(starter.log)}"
                ) from error
            return None
        except TimeoutError as error:
            host.close()
            if stuck := host_of(starter.config.lock_file):
                stuck.end(TERMINATE_SECONDS)
            raise DagsterLaunchFailedError(
                f"the host of the runs has not answered for {START_SECONDS / 60:.0f} minutes, "
                f"and was ended:\n{tail(starter.log)}"
            ) from error
        self._presence.keep(starter.config.name, host, is_retired=isinstance(answer, Stale))
        return answer

    def terminate(self, run_id: str) -> bool:
        """End a run: asked first, killed after some seconds. Its device is free at once."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        process = liveness.process_of(self._instance, run)
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
        if run.job_code_origin:  # after a restart of the daemon its host would end, being alone
            self._presence.watch(self._starter(run.job_code_origin).config)
        if liveness.is_alive(self._instance, DeviceSettings.load().home, run) is not False:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        process = liveness.process_of(self._instance, run)
        name = f"process {process.pid}" if process else "the process"
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            f"{name}, which executed the run, is gone, and so is the one that would know why",
            run_worker_id=str(process),
        )

    def dispose(self) -> None:
        """Leave the hosts; they end when nobody else is with them."""
        self._presence.leave()

    def _starter(self, origin: JobPythonOrigin) -> Starter:
        """How the host for a code location is started."""
        home = DeviceSettings.load().home
        instance = serialize_value(self._instance.get_ref())
        code = serialize_value(origin.repository_origin)
        identity = json.dumps([instance, code, self._config.model_dump()])
        config = HostConfig(
            home=home,
            name=hashlib.sha256(identity.encode()).hexdigest()[:12],
            instance=instance,
            origin=serialize_value(origin),
            config=self._config,
        )
        return Starter(
            config,
            origin.repository_origin.executable_path or sys.executable,
            environment(home, self._config.env, self._config.vram_budget_gb),
        )


def wait_until_loaded(instance: DagsterInstance, host: Connection, run: DagsterRun) -> None:
    """Wait until a host answers, and say meanwhile that the run is still starting.

    Run monitoring fails a run whose launch was announced too long ago. That is right where the
    daemon died in the middle of a launch, and wrong while it waits here. The host does not
    know of the run yet, so that this cannot come after its start.

    Raises:
        TimeoutError: the host does not answer.
    """
    send(host, AskStatus())
    deadline = time.monotonic() + START_SECONDS
    while not wait([host], STILL_STARTING_SECONDS):
        if time.monotonic() > deadline:
            raise TimeoutError
        instance.report_dagster_event(
            DagsterEvent(
                DagsterEventType.RUN_STARTING.value,
                run.job_name,
                message="Waiting for the host of the runs, which loads the definitions",
            ),
            run.run_id,
        )
    receive(host)
