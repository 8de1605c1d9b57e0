"""The host: the process from which runs are forked, and which gives the devices to them in turn.

It has the definitions loaded and none of the models, so that a run begins within milliseconds. This
file is its event loop, and what launchers ask. What it knows of runs is in `runs`, of workers in
`workers`, and who gets which device in `turns`. One host serves all launchers of an instance. It
ends when no launcher has been there for a while, and all that it started ends with it.

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
from contextlib import nullcontext
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
from scribe_assets.device_settings import DeviceSettings
from scribe_assets.launcher.code_version import code_folder, fingerprint
from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.connections import Connection, Listening, receive, tell, wait
from scribe_assets.launcher.devices import visible_devices
from scribe_assets.launcher.host_lock import HostLock
from scribe_assets.launcher.messages import (
    AskStatus,
    HostStatus,
    Launch,
    Launched,
    Message,
    Refused,
    Stale,
    Watch,
)
from scribe_assets.launcher.ray.devices import RayDevices
from scribe_assets.launcher.runs import Runs
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.launcher.turns import Turns
from scribe_assets.launcher.workers import Workers
from scribe_assets.logs import log_to_standard_error

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
        settings = DeviceSettings.load()
        address = settings.ray_address
        self.cluster = RayDevices(config.home, address) if address else None
        own = config.config.devices
        looking = nullcontext(lambda: own) if address else visible_devices(own, settings.device)
        with looking as devices:
            job.get_definition()  # loaded once, for all runs
            for module in config.config.preload:
                importlib.import_module(module)
            names = devices()
        logger.info("devices: %s", ", ".join(names) or f"those of the Ray cluster at {address}")
        self.code = code_folder(origin)
        self.fingerprint = fingerprint(self.code)
        self.temporary = _own_temporary_folder(config)
        self.runs = Runs(instance, config.home, self.temporary)
        self.workers = Workers(config, names, serialize_value(job), self.temporary)
        self.turns = Turns(self.runs, self.workers)
        if self.cluster:
            self.turns.offer(self.cluster.cluster.devices, self.cluster.cluster.problem)
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
            heard = (sources[source] for source in ready)
            for act in (self._tend_cluster, *heard, self.turns.assign):
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
            sources[run.process.sentinel] = partial(self.turns.run_ended, run)
            if run.connection:
                sources[run.connection] = partial(self.turns.hear_run, run)
        for device in self.workers:
            if device.connection:
                sources[device.connection] = partial(self.turns.hear_worker, device)
        if self.cluster and self.cluster.connection:
            sources[self.cluster.connection] = self._hear_cluster
        return sources

    def _tend_cluster(self) -> None:
        if self.cluster:
            self.cluster.tend()

    def _hear_cluster(self) -> None:
        if self.cluster and self.cluster.hear():
            self.turns.offer(self.cluster.cluster.devices, self.cluster.cluster.problem)

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
        try:
            if not self.retired and fingerprint(self.code) != self.fingerprint:
                self._retire()
            if self.retired:
                return Stale()
            record = self.instance.get_run_record_by_id(run_id)
            if record is None:
                return Refused(f"there is no run {run_id}")
            self.runs.start(record, self._close_in_child)
        except Exception:  # whatever the storage raises; there is an answer, and others go on
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
        if self.cluster and self.cluster.connection:
            self.cluster.connection.close()
        self.listening.socket.close()
        self.lock.close()

    def status(self) -> HostStatus:
        """What is going on, for `scribe status`."""
        return HostStatus(
            pid=os.getpid(),
            state="retired" if self.retired else "serving",
            devices=self.turns.devices(),
            runs=self.runs.statuses(),
        )

    def stop(self) -> None:
        """End everything, and leave runs in a state from which they are taken up again."""
        self.listening.close()  # who connects now looks for another host
        if self.cluster:
            self.cluster.stop()
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
    log_to_standard_error()
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
