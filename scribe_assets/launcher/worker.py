"""The worker: the one process that computes on a device, with models that stay loaded.

It locks the device before it touches it, executes steps of one run after the other, and ends when
it has served its time, has grown, has nothing to do for a while, or when somebody else waits for
the device. The host starts another one when there is work.
"""

import faulthandler
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from dagster import DagsterEvent, DagsterInstance, DagsterRun

from scribe_assets.dagster_internals import (
    InstanceRef,
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
from scribe_assets.launcher.connections import Connection, Listening, expect, receive, send, wait
from scribe_assets.launcher.lease import Lease
from scribe_assets.launcher.messages import (
    Broken,
    Done,
    ExecuteStep,
    Limits,
    MayIGo,
    OpenRun,
    Ready,
    RunLeft,
    StartWorker,
    StepEvent,
)
from scribe_assets.launcher.processes import end_with_parent
from scribe_assets.launcher.shortcuts import remembered_partitions, take_shortcuts

POLL_SECONDS = 1.0


OPENING_SECONDS = 60.0
"""Who connects is a run that was given this worker, and sends its request at once."""


def main() -> None:
    """Serve until it is time to go; the host talks through the file descriptor it names."""
    take_shortcuts()
    faulthandler.enable()  # a segmentation fault says where, in the worker's log
    host = Connection(int(sys.argv[1]))
    start = expect(StartWorker, receive(host))
    end_with_parent(start.parent, signal.SIGKILL)
    instance_ref = deserialize_value(start.instance, InstanceRef)
    lease = Lease(Path(start.home), start.device)
    with DagsterInstance.from_ref(instance_ref) as instance:
        # Everything that takes time and no device, while another process may still have it.
        deserialize_value(start.job, ReconstructableJob).get_definition()
        for module in start.preload:
            importlib.import_module(module)
        lease.hold()
        listening = Listening(Path(start.address))
        send(host, Ready())
        serve(host, listening, instance, lease, start.limits)
        listening.close()


def serve(
    host: Connection, listening: Listening, instance: DagsterInstance, lease: Lease, limits: Limits
) -> None:
    """Take one run after the other, until the host agrees that this worker may go."""
    process = psutil.Process()
    memory_at_first = 0
    memory = 0
    served = 0
    last = time.monotonic()
    asked_to_go = False
    while True:
        ready = wait([host, listening.socket], POLL_SECONDS)
        if host in ready:  # the answer to the wish to go; or the host itself is gone
            return
        if listening.socket in ready:
            with listening.accept() as run:
                serve_run(run, instance)
            served += 1
            memory = process.memory_info().rss
            memory_at_first = memory_at_first or memory
            last = time.monotonic()
            asked_to_go = False
        grown = bool(served) and memory - memory_at_first > limits.growth_bytes
        idle = time.monotonic() - last > limits.idle_seconds
        if not asked_to_go and (served >= limits.runs or grown or idle or lease.is_wanted):
            # Not without a word: the host may just then have promised this worker to a run.
            send(host, MayIGo(served))
            asked_to_go = True
        elif listening.socket in ready:
            send(host, RunLeft(served))


def serve_run(run: Connection, instance: DagsterInstance) -> None:
    """Execute the steps that a run hands over, until it leaves."""
    try:
        if not wait([run], OPENING_SECONDS):
            return
        opening = expect(OpenRun, receive(run))
        with ExitStack() as cleanup:
            for path, stream in ((opening.stdout, sys.stdout), (opening.stderr, sys.stderr)):
                if path:
                    cleanup.enter_context(redirect_to_file(stream, path))
            try:
                execute = cleanup.enter_context(open_plan(instance, opening))
                send(run, Done())
                while True:
                    for event in execute(expect(ExecuteStep, receive(run))):
                        send(run, StepEvent(serialize_value(event)))
                    send(run, Done())
            except (EOFError, ConnectionError):
                raise
            except Exception:  # noqa: BLE001 - a step that fails has an event for it; this is a fault of the machinery, and fails the run
                error = serializable_error_info_from_exc_info(sys.exc_info())
                send(run, Broken(error.to_string()))
    except (EOFError, ConnectionError):  # the run has left, or has been ended
        return


@contextmanager
def open_plan(
    instance: DagsterInstance, opening: OpenRun
) -> Iterator[Callable[[ExecuteStep], Iterator[DagsterEvent]]]:
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


if __name__ == "__main__":
    # Not in the way of models: what they print is flushed line by line into the worker's log.
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
