"""The worker: the one process that computes on a device, with models that stay loaded.

It locks the device before it touches it, executes steps of one run after the other, and ends when
it has served its time, has grown, has nothing to do for a while, or when somebody else waits for
the device. The host starts another one when there is work. For a device in a Ray cluster,
`ray/worker.py` serves in the same way.
"""

import faulthandler
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import psutil
from dagster import DagsterInstance

from scribe_assets.dagster_internals import InstanceRef, ReconstructableJob, deserialize_value
from scribe_assets.launcher.connections import Connection, Listening, expect, receive, send, wait
from scribe_assets.launcher.lease import Lease
from scribe_assets.launcher.messages import (
    ExecuteStep,
    Limits,
    MayIGo,
    Message,
    OpenRun,
    Ready,
    RunLeft,
    StartWorker,
)
from scribe_assets.launcher.processes import end_with_parent
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.launcher.steps import Steps

POLL_SECONDS = 1.0


OPENING_SECONDS = 60.0
"""Who connects is a run that was given this worker, and sends its request at once."""


class Work(Protocol):
    """What computes for a worker, with the device."""

    def open(self, opening: OpenRun) -> Iterator[Message]:
        """Prepare for the steps of a run; gives the answers to it."""

    def execute(self, request: ExecuteStep) -> Iterator[Message]:
        """Execute a step; gives the answers to the run."""

    def close(self) -> None:
        """The run has left."""

    def memory(self) -> int:
        """Bytes that it takes."""

    def is_wanted(self) -> bool:
        """Whether somebody else waits for the device."""


class OwnWork(Steps):
    """In the worker's own process.

    Args:
        instance: of Dagster.
        lease: of the device, which this process holds.
    """

    def __init__(self, instance: DagsterInstance, lease: Lease) -> None:
        super().__init__(instance)
        self._lease = lease
        self._process = psutil.Process()

    def memory(self) -> int:
        """Of this process."""
        return int(self._process.memory_info().rss)

    def is_wanted(self) -> bool:
        """Whether somebody waits for the lock."""
        return self._lease.is_wanted


def main() -> None:
    """Serve until it is time to go; the host talks through the file descriptor it names."""
    take_shortcuts()
    faulthandler.enable()  # a segmentation fault says where, in the worker's log
    host = Connection(int(sys.argv[1]))
    start = expect(StartWorker, receive(host))
    end_with_parent(start.parent, signal.SIGKILL)
    lease = Lease(Path(start.home), start.device)
    with prepared(start) as instance:
        lease.hold()
        serve(host, start, OwnWork(instance, lease))


def prepared(start: StartWorker) -> DagsterInstance:
    """Do everything that takes time and no device, while another process may still have it."""
    instance = DagsterInstance.from_ref(deserialize_value(start.instance, InstanceRef))
    deserialize_value(start.job, ReconstructableJob).get_definition()
    for module in start.preload:
        importlib.import_module(module)
    return instance


def serve(host: Connection, start: StartWorker, work: Work) -> None:
    """Say that the device is there, and listen for runs until it is time to go."""
    listening = Listening(Path(start.address))
    try:
        send(host, Ready())
        _serve(host, listening, work, start.limits)
    finally:
        listening.close()


def _serve(host: Connection, listening: Listening, work: Work, limits: Limits) -> None:
    """Take one run after the other, until the host agrees that this worker may go."""
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
                _serve_run(run, work)
            served += 1
            memory = work.memory()
            memory_at_first = memory_at_first or memory
            last = time.monotonic()
            asked_to_go = False
        grown = bool(served) and memory - memory_at_first > limits.growth_bytes
        idle = time.monotonic() - last > limits.idle_seconds
        if not asked_to_go and (served >= limits.runs or grown or idle or work.is_wanted()):
            # Not without a word: the host may just then have promised this worker to a run.
            send(host, MayIGo(served))
            asked_to_go = True
        elif listening.socket in ready:
            send(host, RunLeft(served))


def _serve_run(run: Connection, work: Work) -> None:
    """Execute the steps that a run hands over, until it leaves."""
    try:
        if not wait([run], OPENING_SECONDS):
            return
        answers = work.open(expect(OpenRun, receive(run)))
        while True:
            for answer in answers:
                send(run, answer)
            answers = work.execute(expect(ExecuteStep, receive(run)))
    except (EOFError, ConnectionError):  # the run has left, or has been ended
        return
    finally:
        work.close()


if __name__ == "__main__":
    # Not in the way of models: what they print is flushed line by line into the worker's log.
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
