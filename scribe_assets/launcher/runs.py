"""The supervisor of runs: forks a process for each run, hears what it says, and sees to its end.

What happens on devices is none of its business, nor who listens where; that is for `workers` and
`host`.
"""

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord

from scribe_assets.dagster_internals import execute_run_iterator, reconstructable_job
from scribe_assets.launcher import liveness
from scribe_assets.launcher.connections import Connection, pair, receive, wait
from scribe_assets.launcher.interruptions import report_stopped
from scribe_assets.launcher.lease import refuse_here
from scribe_assets.launcher.messages import Acquire, DeviceNeeded, Release, RunStatus
from scribe_assets.launcher.processes import (
    LAST_LINES,
    ProcessIdentity,
    describe_exit,
    end_with_parent,
    signal_process,
)
from scribe_assets.launcher.scheduler import Place, RunView
from scribe_assets.tags import PARTITION_TAG, PRIORITY_TAG, PROCESS_TAG

logger = logging.getLogger("scribe.launcher")

HOST_VARIABLE = "SCRIBE_LAUNCHER_HOST"
"""Environment variable with the file descriptor by which a run talks to its host."""

RUN_NICENESS = 10
"""Runs wait for their turn; on a CPU they must not take it from the one that computes."""


@dataclass
class Run:
    """A run under way: a process forked from the host.

    Args:
        run_id: its name.
        partition: its partition key, empty where it has none.
        place: in the queue.
        process: that executes it.
        temporary: folder for its temporary files.
        connection: to its process; None when that has closed it.
        needs_device: it will ask for a device, or has asked.
        waiting_since: when it asked for a device, on the steady clock.
        told_to_wait: it knows what it waits for.
        device: the one it has.
    """

    run_id: str
    partition: str
    place: Place
    process: ForkProcess
    temporary: Path
    connection: Connection | None
    needs_device: bool = False
    waiting_since: float | None = None
    told_to_wait: bool = False
    device: str | None = None

    def view(self) -> RunView:
        """For the scheduler."""
        return RunView(
            self.run_id, self.place, self.needs_device, self.waiting_since, self.device is not None
        )


class Runs:
    """See the module.

    Args:
        instance: of Dagster; it serves in forked processes, too, as its storage has no connection
            between calls, or leaves its connections to the process that made them.
        home: SCRIBE_HOME.
        temporary: folder for the temporary files of all runs.
    """

    def __init__(self, instance: DagsterInstance, home: Path, temporary: Path) -> None:
        self._instance = instance
        self._home = home
        self._temporary = temporary
        self.under_way: dict[str, Run] = {}

    def start(self, record: RunRecord, close_inherited: Callable[[], None]) -> None:
        """Fork a process for a run, unless it is under way or over: whoever asks, it starts once.

        Args:
            record: of the run.
            close_inherited: closes, in the new process, what belongs to the host alone.
        """
        run = record.dagster_run
        to_start = (DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED)
        if run.run_id in self.under_way or run.status not in to_start:
            return
        temporary = self._temporary / run.run_id
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours, theirs = pair()

        def live() -> None:
            ours.close()
            close_inherited()
            self._execute(run.run_id, temporary, theirs)

        parent = os.getpid()
        process = get_context("fork").Process(target=_led_by(parent, live))
        process.start()
        theirs.close()
        self.under_way[run.run_id] = Run(
            run_id=run.run_id,
            partition=run.tags.get(PARTITION_TAG, ""),
            place=(-priority_of(run), record.storage_id),
            process=process,
            temporary=temporary,
            connection=ours,
        )

    def _execute(self, run_id: str, temporary: Path, host: Connection) -> None:
        """The life of a run's process."""
        for run in self.under_way.values():
            if run.connection:
                run.connection.close()
        refuse_here(
            "this step uses a model in a process without a device; "
            "give its asset op_tags=ON_DEVICE, and its job the device_executor"
        )
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        os.environ[HOST_VARIABLE] = str(host.fileno())
        liveness.claim(self._home, run_id)
        self._instance.add_run_tags(run_id, {PROCESS_TAG: str(ProcessIdentity.current())})
        dagster_run = self._instance.get_run_by_id(run_id)
        if dagster_run is None or dagster_run.job_code_origin is None:
            raise ValueError(f"run {run_id} is gone, or does not say what it runs")
        job = reconstructable_job(dagster_run.job_code_origin)
        for _ in execute_run_iterator(job, dagster_run, self._instance):
            pass

    def hear(self, run: Run, now: float) -> bool:
        """Take a message of a run's process; returns whether it has let go of its device.

        Args:
            run: under way, with a message to be read.
            now: the steady clock.
        """
        assert run.connection is not None  # noqa: S101 - or it would not be heard
        try:
            message = receive(run.connection)
        except (EOFError, ConnectionError):
            run.connection.close()
            run.connection = None
            run.needs_device = False
            run.waiting_since = None
            return False
        if isinstance(message, DeviceNeeded):
            run.needs_device = message.needed
        elif isinstance(message, Acquire):
            run.waiting_since = now
            run.told_to_wait = False
        elif isinstance(message, Release):
            run.needs_device = message.needed_again
            return True
        return False

    def last_messages(self, run: Run) -> bool:
        """Whether a run whose process has ended has said something that was not heard yet."""
        return run.connection is not None and bool(wait([run.connection], 0))

    def ended(self, run: Run) -> None:
        """See to what an ended process left behind, and to the run's state, where it could not."""
        code = self._bury(run)
        self._settle(run.run_id, f"The process of this run {describe_exit(code)}")

    def statuses(self) -> list[RunStatus]:
        """All runs in the order of the queue, for `scribe status`."""
        return [
            RunStatus(run.run_id, run.partition, run.process.pid or 0, bool(run.waiting_since))
            for run in sorted(self.under_way.values(), key=lambda run: run.place)
        ]

    def stop(self) -> None:
        """End all runs, and leave them in a state from which they are taken up again."""
        for run in list(self.under_way.values()):
            run.process.kill()
            self._bury(run)
            self._settle(run.run_id, None)

    def _bury(self, run: Run) -> int | None:
        """Remove all that a run's process leaves; returns its exit code."""
        run.process.join()
        del self.under_way[run.run_id]
        if run.connection:
            run.connection.close()
        # It led a group of its own: what it started, such as ffmpeg, goes with it.
        signal_process(run.process.pid or 0, signal.SIGKILL, group=True)
        shutil.rmtree(run.temporary, ignore_errors=True)
        liveness.forget(self._home, run.run_id)
        return run.process.exitcode

    def _settle(self, run_id: str, why: str | None) -> None:
        """Write down the end of a run whose process is gone; `why` is None where Scribe stops."""
        try:
            run = self._instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                return
            if run.status == DagsterRunStatus.CANCELING:
                self._instance.report_run_canceled(run)
            elif why is None:
                report_stopped(self._instance, run)
            else:
                words = self.last_words(run_id)
                self._instance.report_run_failed(run, f"{why}.\n{words}" if words else f"{why}.")
        except Exception:  # whatever the storage raises; run monitoring finds the run
            logger.exception("the end of run %s could not be written", run_id)

    def last_words(self, run_id: str) -> str:
        """The end of what a run, or a worker on its behalf, wrote to its standard error."""
        logs = self._instance.compute_log_manager
        try:
            captured = self._instance.get_records_for_run(
                run_id, of_type=DagsterEventType.LOGS_CAPTURED
            ).records
            if not captured:
                return ""
            event = captured[-1].event_log_entry.get_dagster_event()
            key = logs.build_log_key_for_run(run_id, event.logs_captured_data.file_key)
            printed = logs.get_log_data(key).stderr or b""
        except Exception:  # whatever the storage raises; the run ends without its last words
            logger.exception("what run %s printed could not be read", run_id)
            return ""
        return "\n".join(printed.decode(errors="replace").splitlines()[-LAST_LINES:])


def priority_of(run: DagsterRun) -> int:
    """Of a run, from its tag; the higher the sooner."""
    return as_priority(run.tags.get(PRIORITY_TAG))


def as_priority(tag: str | None) -> int:
    """The priority that a tag names; 0 for one that is no number, as Dagster's own queue takes it.

    >>> as_priority("5"), as_priority("high"), as_priority(None)
    (5, 0, 0)
    """
    try:
        return int(tag or "0")
    except ValueError:
        return 0


def _led_by(parent: int, live: Callable[[], None]) -> Callable[[], None]:
    """What a forked process does first: it leads a group of its own, makes way for those who
    compute, ends with the host however that ends, and is ended by signals as any other process."""

    def begin() -> None:
        os.setsid()
        os.nice(RUN_NICENESS)
        end_with_parent(parent, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        live()

    return begin
