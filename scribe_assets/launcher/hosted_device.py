"""A device of the launcher's host, from the side of a run: turns are asked of the host, steps are
executed by the warm worker that owns the device."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dagster import DagsterEvent, MetadataValue

from scribe_assets.dagster_internals import (
    CapturedLogContext,
    ComputeLogManager,
    DagsterExecutionInterruptedError,
    EngineEventData,
    ExecutionStep,
    KnownExecutionState,
    LocalComputeLogManager,
    PlanExecutionContext,
    PlanOrchestrationContext,
    ReconstructableJob,
    RetryMode,
    check_captured_interrupt,
    deserialize_value,
    ensure_file,
    redirect_to_file,
    serialize_value,
    touch_file,
)
from scribe_assets.errors import DeviceWorkerError
from scribe_assets.launcher.connections import Connection, connect, receive, send, tell, wait
from scribe_assets.launcher.interruptions import report_lost_device
from scribe_assets.launcher.messages import (
    Acquire,
    Broken,
    DeviceNeeded,
    ExecuteStep,
    Granted,
    Message,
    OpenRun,
    Release,
    StepEvent,
    Waiting,
    WorkerDied,
)
from scribe_assets.tags import DEVICE_TAG

POLL_SECONDS = 0.2
EXPLANATION_SECONDS = 15.0
"""How long to wait for the host to say of what a worker died; it waits for the worker's end."""


class HostedDevice:
    """A `DevicePlace`; see the module.

    Args:
        host: the connection to it.
        plan_context: of the run.
        retries: of the run.
    """

    def __init__(
        self, host: Connection, plan_context: PlanOrchestrationContext, retries: RetryMode
    ) -> None:
        self._plan_context = plan_context
        self._retries = retries
        self._host = host
        self._worker: Connection | None = None
        self._device = ""
        self._log_files: dict[str, str] = {}

    @property
    def is_held(self) -> bool:
        """Whether the run has a device."""
        return self._worker is not None

    def announce(self, needed: bool) -> None:
        """Say whether the run will ask for a device: its turn is kept."""
        tell(self._host, DeviceNeeded(needed))

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
                self._log_files[name] = path
            yield CapturedLogContext(log_key)
        touch_file(logs.complete_artifact_path(log_key))

    def acquire(
        self, context: PlanExecutionContext, steps: list[str], known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Wait for a device, unless the run has one. Tells in the run's log for whom it waits.

        Raises:
            DagsterExecutionInterruptedError: the run was ended meanwhile.
            DeviceWorkerError: the host is gone, or the worker died before it was ready.
        """
        if self._worker:
            return
        asked = time.monotonic()
        tell(self._host, Acquire())
        while isinstance(answer := self._answer_of_host(), Waiting):
            yield DagsterEvent.engine_event(context, answer.why, EngineEventData())
        if isinstance(answer, WorkerDied):
            raise DeviceWorkerError(answer.why)
        if not isinstance(answer, Granted):
            raise DeviceWorkerError(f"the launcher's host answered {type(answer).__name__}")
        self._device = answer.device
        self._worker = connect(Path(answer.address))
        # The worker begins with this while the rest is written down.
        opened = self._ask("opening", self._opening(context, steps, known_state))
        waited = time.monotonic() - asked
        yield DagsterEvent.engine_event(
            context,
            f"Got {answer.device} after {waited:.1f} s: worker {answer.worker_pid}, "
            f"which has served {answer.runs_served} runs",
            EngineEventData(
                {
                    "device": MetadataValue.text(answer.device),
                    "worker": MetadataValue.int(answer.worker_pid),
                    "waited": MetadataValue.float(round(waited, 3)),
                }
            ),
        )
        context.instance.add_run_tags(context.run_id, {DEVICE_TAG: answer.device})
        yield from opened

    def _opening(
        self, context: PlanExecutionContext, steps: list[str], known_state: KnownExecutionState
    ) -> OpenRun:
        job = self._plan_context.reconstructable_job
        assert isinstance(job, ReconstructableJob)  # noqa: S101 - that of a hosted run is
        return OpenRun(
            steps=steps,
            job=serialize_value(job),
            run=serialize_value(context.dagster_run),
            known_state=serialize_value(known_state),
            retries=self._retries.for_inner_plan().value,
            stdout=self._log_files.get("stdout"),
            stderr=self._log_files.get("stderr"),
        )

    def _answer_of_host(self) -> Message:
        while not wait([self._host], POLL_SECONDS):
            _stop_if_interrupted()
        try:
            return receive(self._host)
        except (EOFError, ConnectionError) as error:
            raise DeviceWorkerError("the launcher's host has ended; see launcher.log") from error

    def execute(
        self, context: PlanExecutionContext, step: ExecutionStep, known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Let the worker execute a step; its events are stored already.

        Raises:
            DagsterExecutionInterruptedError: the run was ended meanwhile.
            DeviceWorkerError: the worker died; the message says of what, with its last words.
        """
        del context  # the worker has its own
        yield from self._ask(step.key, ExecuteStep(step.key, serialize_value(known_state)))

    def _ask(self, what: str, request: Message) -> Iterator[DagsterEvent]:
        """Send a request at once; gives the events that answer it."""
        assert self._worker is not None  # noqa: S101 - see `acquire`
        tell(self._worker, request)
        return self._answers(what, self._worker)

    def _answers(self, what: str, worker: Connection) -> Iterator[DagsterEvent]:
        try:
            while True:
                while not wait([worker], POLL_SECONDS):
                    _stop_if_interrupted()
                answer = receive(worker)
                if isinstance(answer, StepEvent):
                    yield deserialize_value(answer.event, DagsterEvent)
                elif isinstance(answer, Broken):
                    if answer.lost:
                        context = self._plan_context
                        report_lost_device(context.instance, context.dagster_run.run_id)
                    raise DeviceWorkerError(f"{what}: {answer.error}")
                else:
                    return
        except (EOFError, ConnectionError):
            raise DeviceWorkerError(f"{what}: {self._explanation()}") from None

    def _explanation(self) -> str:
        """Why the worker is gone; the host is its parent and knows."""
        deadline = time.monotonic() + EXPLANATION_SECONDS
        while time.monotonic() < deadline:
            _stop_if_interrupted()
            if wait([self._host], POLL_SECONDS):
                answer = self._answer_of_host()
                if isinstance(answer, WorkerDied):
                    return answer.why
        return f"the worker on {self._device} is gone"

    def release(self, needed_again: bool) -> None:
        """Give the device back; `needed_again` is whether the run will ask once more."""
        if self._worker:
            self._worker.close()
            self._worker = None
            send(self._host, Release(needed_again))

    def close(self) -> None:
        """Leave, also in the middle of a step: the host ends a worker that is left so."""
        if self._worker:
            self._worker.close()
        self._host.close()


def _stop_if_interrupted() -> None:
    if check_captured_interrupt():
        raise DagsterExecutionInterruptedError
