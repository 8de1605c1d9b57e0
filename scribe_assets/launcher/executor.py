"""The executor: a run's steps one after the other, those that need a device where there is one.

A run that the launcher's host has started hands such steps to a warm worker (`hosted_device`).
Every other run (a `dagster asset materialize` in a terminal, a test) executes all of them in its
own process, and waits for the lock of the device as everybody does. What the executor needs of a
place with a device is `DevicePlace`.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from dagster import DagsterEvent, InitExecutorContext, MetadataValue, executor

from scribe_assets.dagster_internals import (
    ActiveExecution,
    EngineEventData,
    ExecuteRunWithPlanIterable,
    ExecutionPlan,
    ExecutionStep,
    Executor,
    InstanceConcurrencyContext,
    PlanExecutionContext,
    PlanExecutionContextManager,
    PlanOrchestrationContext,
    RetryMode,
    create_compute_log_file_key,
    dagster_event_sequence_for_step,
    get_retries_config,
    trigger_hook,
)
from scribe_assets.device_settings import DeviceSettings
from scribe_assets.launcher.connections import Connection
from scribe_assets.launcher.device_place import DevicePlace, OwnProcess
from scribe_assets.launcher.hosted_device import HostedDevice
from scribe_assets.launcher.interruptions import weigh_step_failure
from scribe_assets.launcher.liveness import claimed
from scribe_assets.launcher.processes import ProcessIdentity
from scribe_assets.launcher.runs import HOST_VARIABLE, as_priority
from scribe_assets.launcher.shortcuts import remembered_partitions
from scribe_assets.tags import DEVICE_TAG, PRIORITY_TAG, PROCESS_TAG


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
        with ExitStack() as cleanup:
            if host is None:
                # Not started by the launcher, which looks after the run all the same.
                cleanup.enter_context(claimed(DeviceSettings.load().home, run.run_id))
                plan_context.instance.add_run_tags(run.run_id, {PROCESS_TAG: process})
                place: DevicePlace = OwnProcess()
            else:
                place = HostedDevice(Connection(int(host)), plan_context, self._retries)
            cleanup.callback(place.close)
            yield DagsterEvent.engine_event(
                plan_context,
                f"Executing steps one after the other (process {os.getpid()})",
                # Here as well as in the tag, which two daemons that write at once may lose.
                EngineEventData({PROCESS_TAG: MetadataValue.text(process)}),
            )
            yield from ExecuteRunWithPlanIterable(
                execution_plan=execution_plan,
                iterator=partial(_steps, place),
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


def _steps(
    place: DevicePlace, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
) -> Iterator[DagsterEvent]:
    """What Dagster's in-process executor does, but for where a step is executed.

    The names of the arguments after the first one are Dagster's.
    """
    context, plan = job_context, execution_plan
    on_device = {
        key
        for key in plan.step_keys_to_execute
        if needs_device(plan.get_executable_step_by_key(key))
    }
    place.announce(bool(on_device))
    logs = context.instance.compute_log_manager
    with ExitStack() as stack:
        stack.enter_context(remembered_partitions(context.instance))
        slots = InstanceConcurrencyContext(context.instance, context.dagster_run)
        active = stack.enter_context(
            plan.start(
                retry_mode=context.retry_mode,
                instance_concurrency_context=stack.enter_context(slots),
                step_dependency_config=context.step_dependency_config,
            )
        )
        log_key = logs.build_log_key_for_run(context.run_id, create_compute_log_file_key())
        captured = stack.enter_context(place.capture_logs(logs, log_key))
        yield DagsterEvent.capture_logs(context, plan.step_keys_to_execute, log_key, captured)
        ready: list[ExecutionStep] = []
        while not active.is_complete:
            ready += active.get_steps_to_execute()
            yield from active.concurrency_event_iterator(context)
            if place.is_held and not any(map(needs_device, ready)):
                place.release(needed_again=bool(on_device))
            if not ready:
                active.sleep_til_ready()
                continue
            step = _next(ready, place.is_held)
            ready.remove(step)
            events: list[DagsterEvent] = []
            for event in _step(place, context, step, sorted(on_device), active):
                events.append(event)
                yield event
                if event.is_step_success or event.is_step_failure:
                    on_device.discard(step.key)
            yield from trigger_hook(context.for_step(step), events)


def _next(ready: list[ExecutionStep], is_held: bool) -> ExecutionStep:
    """The step to execute now: with a device in hand first what needs it, so that it is soon free
    for others; without one first what does not. Then by priority."""

    def rank(step: ExecutionStep) -> tuple[bool, int]:
        return needs_device(step) != is_held, -as_priority(step.tags.get(PRIORITY_TAG))

    return min(ready, key=rank)


def _step(
    place: DevicePlace,
    context: PlanExecutionContext,
    step: ExecutionStep,
    on_device: list[str],
    active: ActiveExecution,
) -> Iterator[DagsterEvent]:
    """Execute a step where it belongs, and tell the plan what came of it."""
    if needs_device(step):
        yield from place.acquire(context, on_device, active.get_known_state())
        events = place.execute(context, step, active.get_known_state())
    else:
        step_context = context.for_step(step, active.get_known_state())
        events = dagster_event_sequence_for_step(step_context)
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            weigh_step_failure(context.instance, context.run_id, error)
        yield event
        active.handle_event(event)
    active.verify_complete(context, step.key)
    yield from active.plan_events_iterator(context)
