"""The host: the process from which runs are forked, and which gives the devices to them in turn.

It has the definitions loaded and none of the models, so that a run begins within milliseconds. This
file is its event loop: it hears launchers, runs and workers, asks the scheduler, and passes on what
one has to tell the other. What it knows of runs is in `runs`, of workers in `workers`. One host
serves all launchers of a Dagster instance. It ends when no launcher has been there for a while, and
all that it started ends with it.

One thread only: a process with several cannot be forked safely.
"""

import faulthandler
import importlib
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from dagster import DagsterInstance

from scribe_assets.dagster_internals import (
    InstanceRef,
    JobPythonOrigin,
    deserialize_value,
    reconstructable_job,
    serialize_value,
)
from scribe_assets.launcher.code_version import code_folder, fingerprint
from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.connections import Connection, Listening, receive, tell, wait
from scribe_assets.launcher.devices import visible_devices
from scribe_assets.launcher.host_lock import HostLock
from scribe_assets.launcher.messages import (
    AskStatus,
    DeviceStatus,
    Granted,
    HostStatus,
    Launch,
    Launched,
    Message,
    Refused,
    RunStatus,
    Stale,
    Waiting,
    Watch,
    WorkerDied,
)
from scribe_assets.launcher.runs import Run, Runs
from scribe_assets.launcher.scheduler import schedule
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.launcher.workers import DeadWorker, Device, Workers
from scribe_assets.settings import Settings

logger = logging.getLogger("scribe.launcher")

POLL_SECONDS = 0.5
ALONE_SECONDS = 15.0
"""A daemon that is started again within this time finds its runs still running."""


class Host:
    """See the module.

    Args:
        config: what the host was started with.
        instance: of Dagster.
        lock: that makes it the only host of its name.
        listening: where launchers connect; some may be waiting already.
    """

    def __init__(
        self, config: HostConfig, instance: DagsterInstance, lock: HostLock, listening: Listening
    ) -> None:
        self.lock = lock
        self.listening = listening
        self.instance = instance
        self.clients: list[Connection] = []
        self.launchers: list[Connection] = []
        self.retired = False
        self.told_to_stop = False
        origin = deserialize_value(config.origin, JobPythonOrigin)
        job = reconstructable_job(origin)
        with visible_devices(config.config.devices, Settings.load().device) as devices:
            job.get_definition()  # loaded once, for all runs
            for module in config.config.preload:
                importlib.import_module(module)
            names = devices()
        logger.info("devices: %s", ", ".join(names))
        self.code = code_folder(origin)
        self.fingerprint = fingerprint(self.code)
        self.temporary = _own_temporary_folder(config)
        self.runs = Runs(instance, config.home, self.temporary)
        self.workers = Workers(config, names, serialize_value(job), self.temporary)
        # Not before everything is loaded: on a busy machine that took longer than `ALONE_SECONDS`,
        # and the host ended as abandoned at its first look, host after host.
        self.last_seen_launcher = time.monotonic()

    # The loop

    def serve(self) -> None:
        """Serve until told to stop, left alone, or replaced and done."""
        while not self._is_done():
            sources = self._sources()
            # Messages before deaths: what a run said last, such as that it let go of its device.
            ready = sorted(
                wait(list(sources), POLL_SECONDS), key=lambda source: isinstance(source, int)
            )
            for act in (*(sources[source] for source in ready), self._assign):
                try:
                    act()
                except OSError:  # a full disk, or too many open files: the runs go on
                    logger.exception("the host goes on after a fault of the system")
                    time.sleep(POLL_SECONDS)

    def _sources(self) -> dict[Any, Callable[[], None]]:
        """What may have something to say, and what to do when it has."""
        sources: dict[Any, Callable[[], None]] = {self.listening.socket: self._accept}
        for client in self.clients:
            sources[client] = partial(self._hear_client, client)
        for run in self.runs.under_way.values():
            sources[run.process.sentinel] = partial(self._run_ended, run)
            if run.connection:
                sources[run.connection] = partial(self._hear_run, run)
        for device in self.workers:
            if device.connection:
                sources[device.connection] = partial(self._hear_worker, device)
        return sources

    def _is_done(self) -> bool:
        now = time.monotonic()
        if self.launchers:
            self.last_seen_launcher = now
        if self.retired and not self.runs.under_way:
            logger.info("replaced, and done")
            return True
        if now - self.last_seen_launcher > ALONE_SECONDS:
            logger.info("no launcher is there any more")
            return True
        return self.told_to_stop

    # Launchers, and the command line

    def _accept(self) -> None:
        self.clients.append(self.listening.accept())

    def _hear_client(self, client: Connection) -> None:
        try:
            message = receive(client)
        except (EOFError, ConnectionError):
            client.close()
            self.clients.remove(client)
            if client in self.launchers:
                self.launchers.remove(client)
            return
        if isinstance(message, Launch):
            tell(client, self._launch(message.run_id))
        elif isinstance(message, Watch):
            self.launchers.append(client)
        elif isinstance(message, AskStatus):
            tell(client, self.status())

    def _launch(self, run_id: str) -> Message:
        if not self.retired and fingerprint(self.code) != self.fingerprint:
            self._retire()
        if self.retired:
            return Stale()
        try:
            record = self.instance.get_run_record_by_id(run_id)
            if record is None:
                return Refused(f"there is no run {run_id}")
            self.runs.start(record, self._close_in_child)
        except Exception:  # whatever the storage raises; the other runs go on
            logger.exception("run %s could not be started", run_id)
            return Refused(f"run {run_id} could not be started; see launcher.log")
        return Launched()

    def _retire(self) -> None:
        """Make room for a host that has the new code: its place is free when this one has moved to
        another name, under which `scribe` and the stack still find it."""
        self.retired = True
        logger.info("the code has changed; another host takes over")
        self.lock.retire()
        self.listening.move(self.lock.address)

    def _close_in_child(self) -> None:
        """What a forked process must not keep open, or it would outlive the host there."""
        for client in self.clients:
            client.close()
        for device in self.workers:
            if device.connection:
                device.connection.close()
        self.listening.socket.close()
        self.lock.close()

    # Runs and workers

    def _hear_run(self, run: Run) -> None:
        if self.runs.hear(run, time.monotonic()) and run.device:
            self.workers.devices[run.device].released = True
            run.device = None

    def _run_ended(self, run: Run) -> None:
        while self.runs.last_messages(run):
            self._hear_run(run)
        if run.device:  # its worker is in the middle of a step, for nobody
            self.workers.end(self.workers.devices[run.device])
        self.runs.ended(run)

    def _hear_worker(self, device: Device) -> None:
        run = self.runs.under_way.get(device.run_id or "")
        dead = self.workers.hear(device)
        if dead:
            self._worker_died(device, dead)
        elif run and device.run_id is None and run.device == device.name:
            run.device = None  # it left without a word

    def _worker_died(self, device: Device, dead: DeadWorker) -> None:
        """Tell the run that it served, or the first one in line if it could not even start."""
        run = self.runs.under_way.get(dead.run_id or "")
        if dead.never_ready:
            asking = (r for r in self.runs.under_way.values() if r.waiting_since is not None)
            run = min(asking, key=lambda run: run.place, default=None)
        if run is None:
            return
        logger.error("%s; see %s", dead.description, self.workers.log(device))
        # While it works for a run, what it prints goes into that run's log.
        words = dead.log_tail if dead.never_ready else self.runs.last_words(run.run_id)
        self._tell_died(run, f"{dead.description}.\n{words}" if words else f"{dead.description}.")

    def _tell_died(self, run: Run, why: str) -> None:
        run.waiting_since = run.device = None
        if run.connection:
            tell(run.connection, WorkerDied(why))

    def _assign(self) -> None:
        """Do what the scheduler says."""
        plan = schedule(
            [run.view() for run in self.runs.under_way.values()],
            [device.view() for device in self.workers],
            time.monotonic(),
        )
        for run_id, name in plan.grants.items():
            self._grant(self.runs.under_way[run_id], self.workers.devices[name])
        for name in plan.starts:
            try:
                self.workers.start(self.workers.devices[name])
            except OSError as error:
                logger.exception("the worker of %s could not be started", name)
                first = self.runs.under_way[plan.waiting[0]]
                self._tell_died(first, f"the worker on {name} could not be started: {error}.")
                return
        self._tell_waiting([self.runs.under_way[run_id] for run_id in plan.waiting])

    def _grant(self, run: Run, device: Device) -> None:
        assert run.connection is not None and device.worker is not None  # noqa: S101, PT018
        served = device.grants
        address = str(self.workers.address(device))
        tell(run.connection, Granted(device.name, address, device.worker.pid, served))
        run.waiting_since = None
        run.device = device.name
        self.workers.grant(device, run.run_id)

    def _tell_waiting(self, waiting: list[Run]) -> None:
        occupants = [f"{device.name} {self._doing(device)}" for device in self.workers]
        for ahead, run in enumerate(waiting):
            if run.connection and not run.told_to_wait:
                run.told_to_wait = True
                why = f"Waiting for a device: {'; '.join(occupants)}; {ahead} runs before"
                tell(run.connection, Waiting(why))

    def _doing(self, device: Device) -> str:
        run = self.runs.under_way.get(device.run_id or "")
        return self.workers.doing(device, run.partition if run else None)

    def status(self) -> HostStatus:
        """What is going on, for `scribe status`."""
        runs = self.runs.under_way
        return HostStatus(
            pid=os.getpid(),
            state="retired" if self.retired else "serving",
            devices=[
                DeviceStatus(
                    device=device.name,
                    doing=self._doing(device),
                    worker=device.worker.pid if device.worker else None,
                    run_id=device.run_id,
                    partition=runs[device.run_id].partition if device.run_id in runs else None,
                )
                for device in self.workers
            ],
            runs=[
                RunStatus(run.run_id, run.partition, run.process.pid or 0, bool(run.waiting_since))
                for run in sorted(runs.values(), key=lambda run: run.place)
            ],
        )

    def stop(self) -> None:
        """End everything, and leave runs in a state from which they are taken up again."""
        self.listening.close()  # who connects now looks for another host
        self.workers.stop()
        self.runs.stop()
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.lock.leave()


def _own_temporary_folder(config: HostConfig) -> Path:
    """The host's folder for temporary files; those of hosts that were killed are removed."""
    for left in config.home.glob(f"tmp/{config.name}-*"):
        if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    return config.home / "tmp" / f"{config.name}-{os.getpid()}"


class StopHost(BaseException):
    """A signal asks a host to stop that is still loading the definitions.

    Not an `Exception`, which the code that is being loaded might catch.
    """


def main() -> None:
    """Run a host; its configuration comes on standard input. Its lock, and the socket on which it
    listens, are open already, by the file descriptors that are named there."""
    faulthandler.enable()
    take_shortcuts()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    config = HostConfig.model_validate_json(sys.stdin.read())
    lock = HostLock(config.lock_file, os.fdopen(config.lock_descriptor, "r+"))
    listening = Listening(config.address, config.listening_descriptor)
    with DagsterInstance.from_ref(deserialize_value(config.instance, InstanceRef)) as instance:
        _on_signal(_stop_loading)
        try:
            host = Host(config, instance, lock, listening)
        except StopHost:
            logger.info("told to stop before it had begun")
            return

        def stop_serving(_number: int, _frame: Any) -> None:
            # Between two events: an exception here was once taken for a fault of the event that
            # was being handled, and the host went on.
            host.told_to_stop = True

        _on_signal(stop_serving)
        try:
            host.serve()
        finally:
            host.stop()


def _on_signal(act: Callable[[int, Any], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, act)


def _stop_loading(_number: int, _frame: Any) -> None:
    raise StopHost


if __name__ == "__main__":
    main()
