"""The steps of a run, executed in this process: that of a worker, or of an actor elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from dagster import DagsterEvent, DagsterInstance, DagsterRun

from scribe_assets.dagster_internals import (
    KnownExecutionState,
    PlanExecutionContextManager,
    ReconstructableJob,
    RetryMode,
    create_execution_plan,
    dagster_event_sequence_for_step,
    deserialize_value,
    redirect_to_file,
    serializable_error_info_from_exc_info,
    serialize_value,
)
from scribe_assets.launcher.messages import Broken, Done, ExecuteStep, Message, OpenRun, StepEvent
from scribe_assets.launcher.shortcuts import remembered_partitions

Execute = Callable[[ExecuteStep], Iterator[DagsterEvent]]


class Steps:
    """Opened for one run, closed, opened for the next. What it gives are the answers to a run,
    `Done` or `Broken` last.

    Args:
        instance: of Dagster.
    """

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._cleanup = ExitStack()
        self._execute: Execute | None = None

    def open(self, opening: OpenRun) -> Iterator[Message]:
        """Prepare for the steps of a run, and write what they print where it says."""
        for path, stream in ((opening.stdout, sys.stdout), (opening.stderr, sys.stderr)):
            if path:
                self._cleanup.enter_context(redirect_to_file(stream, path))
        try:
            self._execute = self._cleanup.enter_context(open_plan(self._instance, opening))
        except Exception:  # noqa: BLE001 - whatever it is, it fails the run
            yield _broken()
        else:
            yield Done()

    def execute(self, request: ExecuteStep) -> Iterator[Message]:
        """Execute a step."""
        assert self._execute is not None  # noqa: S101 - or the run was told that it is broken
        try:
            for event in self._execute(request):
                yield StepEvent(serialize_value(event))
        except Exception:  # noqa: BLE001 - a step that fails has an event for it; this is a fault of the machinery, and fails the run
            yield _broken()
        else:
            yield Done()

    def close(self) -> None:
        """The run has left."""
        self._execute = None
        self._cleanup.close()


def _broken() -> Broken:
    return Broken(serializable_error_info_from_exc_info(sys.exc_info()).to_string())


@contextmanager
def open_plan(instance: DagsterInstance, opening: OpenRun) -> Iterator[Execute]:
    """Prepare for the steps of a run; gives what executes one, and yields its events, which are
    stored already."""
    job = deserialize_value(opening.job, ReconstructableJob)
    run = deserialize_value(opening.run, DagsterRun)
    plan = create_execution_plan(
        job,
        run_config=run.run_config,
        step_keys_to_execute=opening.steps,
        known_state=deserialize_value(opening.known_state, KnownExecutionState),
        repository_load_data=job.repository.repository_load_data,
    )
    manager = PlanExecutionContextManager(
        job=job,
        execution_plan=plan,
        run_config=run.run_config,
        dagster_run=run,
        instance=instance,
        retry_mode=RetryMode(opening.retries),
    )

    def execute(request: ExecuteStep) -> Iterator[DagsterEvent]:
        step = plan.get_executable_step_by_key(request.step)
        state = deserialize_value(request.known_state, KnownExecutionState)
        yield from dagster_event_sequence_for_step(manager.get_context().for_step(step, state))

    for event in manager.prepare_context():
        if event.is_failure:
            raise RuntimeError(event.message)
    try:
        with remembered_partitions(instance):
            yield execute
    finally:
        for _ in manager.shutdown_context():
            pass
