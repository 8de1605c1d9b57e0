"""The executor: a run's steps one after the other, those that need a device in a warm worker.

A run that the launcher's host has started asks the host for a device when it comes to the first
step tagged `scribe/device`, hands that and the following ones to the worker that owns the device,
and lets go of it before it does anything else. Every other run (a `dagster asset materialize` in a
terminal, a test) executes them itself, and waits for the device's lock as everybody does.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from dagster import (
    DagsterEvent,
    InitExecutorContext,
    MetadataValue,
    executor,
)

from scribe_assets.dagster_internals import (
    CapturedLogContext,
    ComputeLogManager,
    DagsterExecutionInterruptedError,
    EngineEventData,
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    ExecutionStep,
    Executor,
    InstanceConcurrencyContext,
    KnownExecutionState,
    LocalComputeLogManager,
    PlanExecutionContext,
    PlanExecutionContextManager,
    PlanOrchestrationContext,
    ReconstructableJob,
    RetryMode,
    check_captured_interrupt,
    create_compute_log_file_key,
    dagster_event_sequence_for_step,
    deserialize_value,
    ensure_file,
    get_retries_config,
    redirect_to_file,
    serialize_value,
    touch_file,
    trigger_hook,
)
from scribe_assets.errors import DeviceWorkerError
from scribe_assets.launcher.processes import ProcessIdentity
from scribe_assets.launcher.protocol import Connection, connect, receive, send, wait
from scribe_assets.launcher.shortcuts import remembered_partitions
from scribe_assets.tags import DEVICE_TAG, PRIORITY_TAG, PROCESS_TAG

HOST_VARIABLE = "SCRIBE_LAUNCHER_HOST"
"""Environment variable with the file descriptor by which this process talks to its host."""

POLL_SECONDS = 0.2
EXPLANATION_SECONDS = 10.0


@executor(name="device_executor", config_schema={"retries": get_retries_config()})
def device_executor(init_context: InitExecutorContext) -> "DeviceExecutor":
    """Steps one after the other, those that need a device in the launcher's warm worker."""
    return DeviceExecutor(RetryMode.from_config(init_context.executor_config["retries"]))  # type: ignore[arg-type]


class DeviceExecutor(Executor):
    """See the module."""

    def __init__(self, retries: RetryMode) -> None:
        self._retries = retries

    @property
    def retries(self) -> RetryMode:
        """How steps are tried again."""
        return self._retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Execute a run."""
        run = plan_context.dagster_run
        host = os.environ.pop(HOST_VARIABLE, None)
        process = str(ProcessIdentity.current())
        if host is None:  # started by somebody else than the launcher, which looks after it, too
            plan_context.instance.add_run_tags(run.run_id, {PROCESS_TAG: process})
        yield DagsterEvent.engine_event(
            plan_context,
            f"Executing steps one after the other (process {os.getpid()})",
            # Here as well as in the tag, which two daemons that write at once may lose.
            EngineEventData({PROCESS_TAG: MetadataValue.text(process)}),
        )
        with ExitStack() as cleanup:
            device = None
            if host is not None:
                device = HostedDevice(Connection(int(host)), plan_context, self._retries)
                cleanup.callback(device.close)

            yield from ExecuteRunWithPlanIterable(
                execution_plan=execution_plan,
                iterator=partial(_steps, device),
                execution_context_manager=PlanExecutionContextManager(
                    job=plan_context.job,
                    retry_mode=plan_context.retry_mode,
                    execution_plan=execution_plan,
                    run_config=plan_context.run_config,
                    dagster_run=run,
                    instance=plan_context.instance,
                    raise_on_error=plan_context.raise_on_error,
                    output_capture=plan_context.output_capture,
                    step_dependency_config=self.step_dependency_config,
                ),
            )


def needs_device(step: ExecutionStep) -> bool:
    """Whether a step computes on the device."""
    return DEVICE_TAG in step.tags


def priority(tags: Mapping[str, str]) -> int:
    """Of a step or a run, from its tag; the higher the sooner."""
    try:
        return int(tags.get(PRIORITY_TAG, "0"))
    except ValueError:  # as Dagster's own queue takes it
        return 0


def _steps(
    device: "HostedDevice | None", job_context: PlanExecutionContext, execution_plan: ExecutionPlan
) -> Iterator[DagsterEvent]:
    """What Dagster's in-process executor does, but for where a step is executed."""
    context, plan = job_context, execution_plan
    on_device = {
        key
        for key in plan.step_keys_to_execute
        if needs_device(plan.get_executable_step_by_key(key))
    }
    if device:
        device.announce(bool(on_device))
    logs = context.instance.compute_log_manager
    with ExitStack() as stack:
        stack.enter_context(remembered_partitions(context.instance))
        slots = stack.enter_context(
            InstanceConcurrencyContext(context.instance, context.dagster_run)
        )
        active = stack.enter_context(
            plan.start(
                retry_mode=context.retry_mode,
                instance_concurrency_context=slots,
                step_dependency_config=context.step_dependency_config,
            )
        )
        log_key = logs.build_log_key_for_run(context.run_id, create_compute_log_file_key())
        captured = stack.enter_context(
            device.capture_logs(logs, log_key) if device else logs.capture_logs(log_key)
        )
        yield DagsterEvent.capture_logs(context, plan.step_keys_to_execute, log_key, captured)
        ready: list[ExecutionStep] = []
        while not active.is_complete:
            ready += active.get_steps_to_execute()
            yield from active.concurrency_event_iterator(context)
            if device and device.is_held and not any(map(needs_device, ready)):
                device.release(more=bool(on_device))
            if not ready:
                active.sleep_til_ready()
                continue
            # With a device in hand first what needs it, else first what does not.
            held = bool(device and device.is_held)
            step = min(ready, key=lambda step: (needs_device(step) != held, -priority(step.tags)))
            ready.remove(step)
            if device and needs_device(step):
                yield from device.acquire(context, sorted(on_device), active.get_known_state())
                events = device.execute(step, active.get_known_state())
            else:
                events = dagster_event_sequence_for_step(
                    context.for_step(step, active.get_known_state())
                )
            step_events = []
            for event in events:
                step_events.append(event)
                yield event
                active.handle_event(event)
                if event.is_step_success or event.is_step_failure:
                    on_device.discard(step.key)
            active.verify_complete(context, step.key)
            for event in active.plan_events_iterator(context):
                step_events.append(event)
                yield event
            yield from trigger_hook(context.for_step(step), step_events)


class HostedDevice:
    """A device of the launcher's host, from the side of a run."""

    def __init__(
        self, host: Connection, plan_context: PlanOrchestrationContext, retries: RetryMode
    ) -> None:
        self._plan_context = plan_context
        self._retries = retries
        self._host = host
        self._worker: Connection | None = None
        self._device = ""
        self._logs: dict[str, str] = {}

    @property
    def is_held(self) -> bool:
        """Whether the run has a device."""
        return self._worker is not None

    def announce(self, needs_device: bool) -> None:
        """Say whether the run will ask for a device: its turn is kept."""
        send(self._host, needs_device=needs_device)

    @contextmanager
    def capture_logs(
        self, logs: ComputeLogManager, log_key: Sequence[str]
    ) -> Iterator[CapturedLogContext]:
        """Capture what the run and its worker print.

        Dagster's own capture into local files starts two processes, so that what is printed also
        appears where the run was started. Here nobody watches, and they cost as much as a step.
        """
        if not isinstance(logs, LocalComputeLogManager):
            with logs.capture_logs(log_key) as captured:
                yield captured
            return
        with ExitStack() as stack:
            for name, stream, suffix in (
                ("stdout", sys.stdout, "out"),
                ("stderr", sys.stderr, "err"),
            ):
                path = logs.get_captured_local_path(log_key, suffix)
                ensure_file(path)
                stack.enter_context(redirect_to_file(stream, path))
                self._logs[name] = path
            yield CapturedLogContext(log_key)
        touch_file(logs.complete_artifact_path(log_key))

    def acquire(
        self, context: PlanExecutionContext, steps: list[str], known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Wait for a device, unless the run has one. Tells in the run's log for whom it waits.

        Args:
            context: of the run.
            steps: keys of those that will be executed on the device.
            known_state: of the run.

        Raises:
            DagsterExecutionInterruptedError: the run was ended meanwhile.
            DeviceWorkerError: the host is gone.
        """
        if self._worker:
            return
        asked = time.monotonic()
        send(self._host, acquire=True)
        while True:
            answer = self._answer()
            if "died" in answer:
                raise DeviceWorkerError(answer["died"])
            if "granted" in answer:
                break
            yield DagsterEvent.engine_event(context, answer["waiting"], EngineEventData())
        self._device = answer["device"]
        self._worker = connect(Path(answer["granted"]))
        job = self._plan_context.reconstructable_job
        assert isinstance(job, ReconstructableJob)  # noqa: S101 - hosted runs are
        # The worker begins with this while the rest is written down.
        opened = self._ask(
            "opening",
            steps=steps,
            job=serialize_value(job),
            run=serialize_value(context.dagster_run),
            known_state=serialize_value(known_state),
            retries=self._retries.for_inner_plan().value,
            stdout=self._logs.get("stdout"),
            stderr=self._logs.get("stderr"),
        )
        waited = time.monotonic() - asked
        yield DagsterEvent.engine_event(
            context,
            f"Got {self._device} after {waited:.1f} s: worker {answer['pid']}, "
            f"which has served {answer['served']} runs",
            EngineEventData(
                {
                    "device": MetadataValue.text(self._device),
                    "worker": MetadataValue.int(answer["pid"]),
                    "waited": MetadataValue.float(round(waited, 3)),
                }
            ),
        )
        context.instance.add_run_tags(context.run_id, {DEVICE_TAG: self._device})
        yield from opened

    def _answer(self) -> dict[str, Any]:
        while not wait([self._host], POLL_SECONDS):
            _stop_if_interrupted()
        try:
            return receive(self._host)
        except (EOFError, ConnectionError) as error:
            raise DeviceWorkerError("the launcher's host has ended; see launcher.log") from error

    def execute(
        self, step: ExecutionStep, known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Let the worker execute a step; its events are stored already.

        Raises:
            DagsterExecutionInterruptedError: the run was ended meanwhile.
            DeviceWorkerError: the worker died; the message says of what, with its last words.
        """
        yield from self._ask(step.key, step=step.key, known_state=serialize_value(known_state))

    def _ask(self, what: str, **request: Any) -> Iterator[DagsterEvent]:
        """Send a request at once; gives the events that answer it."""
        assert self._worker is not None  # noqa: S101 - see `acquire`
        with suppress(ConnectionError):  # a worker that is gone is noticed by who listens
            send(self._worker, **request)
        return self._answers(what, self._worker)

    def _answers(self, what: str, worker: Connection) -> Iterator[DagsterEvent]:
        try:
            while True:
                while not wait([worker], POLL_SECONDS):
                    _stop_if_interrupted()
                answer = receive(worker)
                if "event" in answer:
                    yield deserialize_value(answer["event"], DagsterEvent)
                elif "error" in answer:
                    raise DeviceWorkerError(f"{what}: {answer['error']}")
                else:
                    return
        except (EOFError, ConnectionError):
            raise DeviceWorkerError(f"{what}: {self._explanation()}") from None

    def _explanation(self) -> str:
        """Why the worker is gone; the host is its parent and knows."""
        deadline = time.monotonic() + EXPLANATION_SECONDS
        while time.monotonic() < deadline and wait([self._host], POLL_SECONDS) == []:
            _stop_if_interrupted()
        if not wait([self._host], 0):
            return f"the worker on {self._device} is gone"
        return str(self._answer().get("died", f"the worker on {self._device} is gone"))

    def release(self, more: bool) -> None:
        """Give the device back; `more` is whether the run will ask again."""
        if self._worker:
            self._worker.close()
            self._worker = None
            send(self._host, release=True, needs_device=more)

    def close(self) -> None:
        """Leave, also in the middle of a step: the host ends a worker that is left so."""
        if self._worker:
            self._worker.close()
        self._host.close()


def _stop_if_interrupted() -> None:
    if check_captured_interrupt():
        raise DagsterExecutionInterruptedError
