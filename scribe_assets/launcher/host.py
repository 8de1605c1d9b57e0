"""The host: the process from which runs are forked, and which gives the devices to them in turn.

It has the definitions loaded and none of the models, so that a run begins within milliseconds; it
starts the worker of a device when one is needed, and reports a run or a worker that died. One host
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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import IO, Any

import psutil
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus

from scribe_assets.dagster_internals import (
    InstanceRef,
    JobPythonOrigin,
    ReconstructableJob,
    deserialize_value,
    execute_run_iterator,
    serialize_value,
)
from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.executor import HOST_VARIABLE, priority
from scribe_assets.launcher.lease import Lease, refuse_here
from scribe_assets.launcher.processes import (
    LAST_LINES,
    ProcessIdentity,
    describe_exit,
    end_with_parent,
    open_log,
    signal_process,
    tail,
)
from scribe_assets.launcher.protocol import Connection, Listening, receive, send, wait
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.settings import Settings
from scribe_assets.tags import PROCESS_TAG

logger = logging.getLogger("scribe.launcher")

POLL_SECONDS = 0.5
ALONE_SECONDS = 15.0
"""A daemon that is started again within this time finds its runs still running."""

RUN_NICENESS = 10
"""Runs wait for their turn; on a CPU they must not take it from the one that computes."""

PATIENCE_SECONDS = 30.0
"""How long a device is kept for a run that was queued earlier and is still being converted."""


@dataclass
class Run:
    """A run under way, which is a process forked from this one.

    `order` is its place in the queue: by priority, then by age.
    """

    run_id: str
    partition: str
    order: tuple[int, int]
    process: ForkProcess
    temporary: Path
    connection: Connection | None
    needs_device: bool = False
    waiting_since: float | None = None
    waiting_told: str = ""
    device: "Device | None" = None


@dataclass
class Device:
    """A device, the worker that owns it, and the run it works for."""

    name: str
    worker: subprocess.Popen[bytes] | None = None
    connection: Connection | None = None
    address: str | None = None
    """Where the worker listens; None until it has the device."""
    leaving: bool = False
    run: Run | None = None
    granted: int = 0
    """How often the worker was given to a run."""
    log_size: int = 0
    """Of the worker's log, when the worker was started."""

    @property
    def is_free(self) -> bool:
        """Whether the worker waits for a run."""
        return self.address is not None and self.run is None and not self.leaving


class Host:
    """See the module."""

    def __init__(self, config: HostConfig, instance: DagsterInstance, lock: IO[str]) -> None:
        self.config = config
        self.lock = lock
        self.instance = instance
        self.origin = deserialize_value(config.origin, JobPythonOrigin)
        self.home = config.home
        self.runs: dict[str, Run] = {}
        self.devices: list[Device] = []
        self.clients: list[Connection] = []
        self.launchers: list[Connection] = []
        self.last_launcher = time.monotonic()
        with visible_devices(config.config.devices) as devices:
            reconstructable_job(self.origin).get_definition()  # loaded once, for all runs
            for module in config.config.preload:
                importlib.import_module(module)
            self.devices = [Device(name) for name in devices()]
        logger.info("devices: %s", ", ".join(device.name for device in self.devices))
        self.code = code_folder(self.origin)
        self.fingerprint = fingerprint(self.code)
        self.stale = False
        # Where other hosts are told apart from those that were killed: by the process.
        self.temporary = self.home / "tmp" / f"{config.name}-{os.getpid()}"
        for left in self.home.glob(f"tmp/{config.name}-*"):
            if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
                shutil.rmtree(left, ignore_errors=True)
        self.listening = Listening(config.address)

    # The loop

    def serve(self) -> None:
        """Serve until told to stop, left alone, or replaced and done."""
        while not (self._is_abandoned() or (self.stale and not self.runs)):
            sources: dict[Any, Callable[[], None]] = {}
            if not self.stale:
                sources[self.listening.socket] = self._accept
            for client in self.clients:
                sources[client] = partial(self._hear_client, client)
            for run in self.runs.values():
                sources[run.process.sentinel] = partial(self._run_ended, run)
                if run.connection:
                    sources[run.connection] = partial(self._hear_run, run)
            for device in self.devices:
                if device.connection:
                    sources[device.connection] = partial(self._hear_worker, device)
            # Words before deaths: what a run said last, such as that it let go of its device.
            ready = sorted(
                wait(list(sources), POLL_SECONDS), key=lambda source: isinstance(source, int)
            )
            for source in ready:
                sources[source]()
            self._assign()

    def _is_abandoned(self) -> bool:
        if self.launchers:
            self.last_launcher = time.monotonic()
        return time.monotonic() - self.last_launcher > ALONE_SECONDS

    def _accept(self) -> None:
        self.clients.append(self.listening.accept())

    def _hear_client(self, client: Connection) -> None:
        """A launcher, or `scribe`."""
        try:
            message = receive(client)
        except (EOFError, ConnectionError):
            self._forget(client)
            return
        if run_id := message.get("launch"):
            if client not in self.launchers:
                self.launchers.append(client)
            try:
                answer = self._launch(run_id)
            except Exception:  # whatever the storage raises; the other runs go on
                logger.exception("run %s could not be started", run_id)
                answer = {"error": f"run {run_id} could not be started; see launcher.log"}
            tell(client, **answer)
        elif "watch" in message:
            self.launchers.append(client)
        elif "status" in message:
            tell(client, **self.status())

    def _forget(self, client: Connection) -> None:
        client.close()
        self.clients.remove(client)
        if client in self.launchers:
            self.launchers.remove(client)

    # Runs

    def _launch(self, run_id: str) -> dict[str, Any]:
        """Fork a run; one that is under way or over is not started twice, whoever asks."""
        if fingerprint(self.code) != self.fingerprint and not self.stale:
            self.stale = True
            self.listening.close()  # its place is free for the host that has the new code
            self.lock.close()
        if self.stale:
            return {"stale": True}
        record = self.instance.get_run_record_by_id(run_id)
        if record is None:
            return {"error": f"there is no run {run_id}"}
        run = record.dagster_run
        if run_id in self.runs or run.status not in (
            DagsterRunStatus.STARTING,
            DagsterRunStatus.NOT_STARTED,
        ):
            return {"ok": True}
        temporary = self.temporary / run_id
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours, theirs = _pair()
        process = get_context("fork").Process(
            target=self._execute, args=(run_id, os.getpid(), temporary, ours, theirs)
        )
        process.start()
        theirs.close()
        self.runs[run_id] = Run(
            run_id,
            run.tags.get("dagster/partition", ""),
            (-priority(run.tags), record.storage_id),
            process,
            temporary,
            ours,
        )
        return {"ok": True}

    def _execute(
        self, run_id: str, parent: int, temporary: Path, ours: Connection, theirs: Connection
    ) -> None:
        """The life of a run's process, which leads a group of its own: what it starts, such as
        ffmpeg, is found when it is gone."""
        os.setsid()
        os.nice(RUN_NICENESS)
        end_with_parent(parent, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        runs = [run.connection for run in self.runs.values()]
        workers = [device.connection for device in self.devices]
        for inherited in (ours, *self.clients, *runs, *workers):
            if inherited:
                inherited.close()
        self.listening.socket.close()
        refuse_here(
            "this step uses a model in a process without a device; "
            "give its asset op_tags=ON_DEVICE (docs/adding-an-asset.md)"
        )
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        os.environ[HOST_VARIABLE] = str(theirs.fileno())
        # The instance serves here, too: between calls it has no connection to its storage.
        self.instance.add_run_tags(run_id, {PROCESS_TAG: str(ProcessIdentity.current())})
        run = self.instance.get_run_by_id(run_id)
        if run is None or run.job_code_origin is None:
            raise ValueError(f"run {run_id} is gone, or does not say what it runs")
        job = reconstructable_job(run.job_code_origin)
        for _ in execute_run_iterator(job, run, self.instance):
            pass

    def _hear_run(self, run: Run) -> None:
        assert run.connection is not None  # noqa: S101 - or it would not be heard
        try:
            message = receive(run.connection)
        except (EOFError, ConnectionError):
            run.connection.close()
            run.connection = None
            run.needs_device = False
            run.waiting_since = None
            return
        if "needs_device" in message:
            run.needs_device = message["needs_device"]
        if "acquire" in message:
            run.waiting_since = time.monotonic()
            run.waiting_told = ""
        if "release" in message:
            run.device = None

    def _run_ended(self, run: Run) -> None:
        """See to what a run left behind, and to its state where it could not do it itself."""
        while run.connection and wait([run.connection], 0):
            self._hear_run(run)
        run.process.join()
        del self.runs[run.run_id]
        signal_process(run.process.pid or 0, signal.SIGKILL, group=True)
        shutil.rmtree(run.temporary, ignore_errors=True)
        if run.device:  # it works for nobody
            self._end_worker(run.device)
        code = run.process.exitcode
        self._settle(run.run_id, f"The process of this run {describe_exit(code)}")

    def _settle(self, run_id: str, why: str) -> None:
        """Write down the end of a run whose process is gone."""
        try:
            run = self.instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                return
            if run.status == DagsterRunStatus.CANCELING:
                self.instance.report_run_canceled(run)
                return
            words = self._last_words(run_id)
            self.instance.report_run_failed(run, f"{why}.\n{words}" if words else f"{why}.")
        except Exception:  # whatever the storage raises; run monitoring finds the run
            logger.exception("the end of run %s could not be written", run_id)

    def _last_words(self, run_id: str) -> str:
        """The end of what a run, or a worker on its behalf, wrote to its standard error."""
        logs = self.instance.compute_log_manager
        try:
            captured = self.instance.get_records_for_run(
                run_id, of_type=DagsterEventType.LOGS_CAPTURED
            ).records
            if not captured:
                return ""
            event = captured[-1].event_log_entry.get_dagster_event()
            key = logs.build_log_key_for_run(run_id, event.logs_captured_data.file_key)
            said = logs.get_log_data(key).stderr or b""
        except Exception:  # whatever the storage raises; the run ends without its last words
            logger.exception("what run %s printed could not be read", run_id)
            return ""
        return "\n".join(said.decode(errors="replace").splitlines()[-LAST_LINES:])

    # Devices

    def _assign(self) -> None:
        """Give free devices to those who wait, in the order of the queue."""
        waiting = sorted(
            (run for run in self.runs.values() if run.waiting_since is not None),
            key=lambda run: run.order,
        )
        for position, run in enumerate(waiting):
            if self._must_wait_for_earlier(run):
                break
            for device in self.devices:
                if device.worker is None and len(waiting) > self._starting():
                    self._start_worker(device)
            free = next((device for device in self.devices if device.is_free), None)
            if free is None:
                self._tell_waiting(waiting[position:])
                break
            self._grant(run, free)

    def _starting(self) -> int:
        """Devices that are free, or will be as soon as their worker is there."""
        return sum(
            device.worker is not None and device.run is None and not device.leaving
            for device in self.devices
        )

    def _must_wait_for_earlier(self, run: Run) -> bool:
        """Whether an earlier one, which is not ready yet, has the next turn."""
        assert run.waiting_since is not None  # noqa: S101 - it waits
        earlier = any(
            other.needs_device
            and other.waiting_since is None
            and other.device is None
            and other.order < run.order
            for other in self.runs.values()
        )
        return earlier and time.monotonic() - run.waiting_since < PATIENCE_SECONDS

    def _grant(self, run: Run, device: Device) -> None:
        assert run.connection is not None and device.worker is not None  # noqa: S101, PT018
        tell(
            run.connection,
            granted=device.address,
            device=device.name,
            pid=device.worker.pid,
            served=device.granted,
        )
        run.waiting_since = None
        run.device = device
        device.run = run
        device.granted += 1

    def _tell_waiting(self, waiting: list[Run]) -> None:
        occupants = [f"{device.name} {self._doing(device)}" for device in self.devices]
        for ahead, run in enumerate(waiting):
            if run.waiting_told or run.connection is None:
                continue
            run.waiting_told = f"Waiting for a device: {'; '.join(occupants)}; {ahead} runs before"
            tell(run.connection, waiting=run.waiting_told)

    def _doing(self, device: Device) -> str:
        """What a device is doing, for people to read."""
        if device.run:
            return f"works for {device.run.partition or device.run.run_id}"
        if device.address:
            return "is free"
        holder = Lease(self.home, device.name).holder()
        own = device.worker and f"process {device.worker.pid}"
        if holder and holder != own:
            return f"is held by {holder}"
        return "is being made ready" if device.worker else "is free, nothing loaded"

    def _worker_files(self, device: Device) -> tuple[Path, Path]:
        """The log and the temporary folder of a device's worker."""
        name = f"worker-{device.name.replace(':', '-')}"
        return self.home / "logs" / f"{name}.log", self.temporary / name

    def _start_worker(self, device: Device) -> None:
        log, temporary = self._worker_files(device)
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        device.granted = 0
        device.leaving = False
        with open_log(log) as output:
            device.log_size = output.tell()
            ours, theirs = _pair()
            device.worker = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "scribe_assets.launcher.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "SCRIBE_DEVICE": device.name, "TMPDIR": str(temporary)},
                start_new_session=True,
            )
            theirs.close()
        device.connection = ours
        tell(
            ours,
            parent=os.getpid(),
            home=str(self.home),
            device=device.name,
            instance=self.config.instance,
            preload=self.config.config.worker_preload,
            job=serialize_value(reconstructable_job(self.origin)),
            address=str(
                self.config.folder / f"{self.config.name}-{device.name.replace(':', '-')}.worker"
            ),
            limits={
                "runs": self.config.config.runs_per_worker,
                "growth_bytes": int(self.config.config.worker_growth_gb * 1e9),
                "idle_seconds": self.config.config.worker_idle_seconds,
            },
        )

    def _hear_worker(self, device: Device) -> None:
        assert device.connection is not None  # noqa: S101 - or it would not be heard
        try:
            message = receive(device.connection)
        except (EOFError, ConnectionError):
            self._worker_ended(device)
            return
        if "ready" in message:
            device.address = message["ready"]
        elif message["served"] == device.granted:  # else it is promised to another run already
            if device.run and device.run.device is device:
                device.run.device = None
            device.run = None
            if "go" in message:
                device.leaving = True
                tell(device.connection, go=True)

    def _end_worker(self, device: Device) -> None:
        """Kill a worker; what it holds goes with it."""
        if device.worker:
            device.worker.kill()
            self._worker_ended(device)

    def _worker_ended(self, device: Device) -> None:
        """Tell the run that the worker served, if any, of what it died."""
        assert device.worker is not None and device.connection is not None  # noqa: S101, PT018
        code = device.worker.wait()
        log, temporary = self._worker_files(device)
        signal_process(device.worker.pid, signal.SIGKILL, group=True)
        shutil.rmtree(temporary, ignore_errors=True)
        device.connection.close()
        died = f"the worker on {device.name} (process {device.worker.pid}) {describe_exit(code)}"
        concerned = device.run if device.run and device.run.device is device else None
        if (
            device.address is None and code
        ):  # it could not even start; the first one in line is told
            waiting = (run for run in self.runs.values() if run.waiting_since is not None)
            concerned = min(waiting, key=lambda run: run.order, default=None)
        if concerned and concerned.connection:
            logger.error("%s; see %s", died, log)
            # While it works for a run, what it prints goes into that run's log.
            own = device.address is not None
            words = self._last_words(concerned.run_id) if own else tail(log, since=device.log_size)
            concerned.waiting_since = concerned.device = None
            tell(concerned.connection, died=f"{died}.\n{words}" if words else f"{died}.")
        device.worker = device.connection = device.address = device.run = None

    # Others

    def status(self) -> dict[str, Any]:
        """What is going on, for `scribe status`."""
        waiting = sorted(self.runs.values(), key=lambda run: run.order)
        return {
            "pid": os.getpid(),
            "devices": [
                {
                    "device": device.name,
                    "worker": device.worker.pid if device.worker else None,
                    "doing": self._doing(device),
                    "run": device.run.run_id if device.run else None,
                    "partition": device.run.partition if device.run else None,
                }
                for device in self.devices
            ],
            "runs": [
                {
                    "run": run.run_id,
                    "partition": run.partition,
                    "pid": run.process.pid,
                    "waits": run.waiting_since is not None,
                }
                for run in waiting
            ],
        }

    def stop(self) -> None:
        """End everything, and leave runs in a state from which they are tried again."""
        for device in self.devices:
            self._end_worker(device)
        for run in list(self.runs.values()):
            run.process.kill()
            run.process.join()
            signal_process(run.process.pid or 0, signal.SIGKILL, group=True)
            shutil.rmtree(run.temporary, ignore_errors=True)
            self._settle(run.run_id, "Scribe was stopped while this run was under way")
        shutil.rmtree(self.temporary, ignore_errors=True)
        if not self.stale:  # else the address is another host's
            self.listening.close()


def _pair() -> tuple[Connection, Connection]:
    from socket import socketpair

    ours, theirs = socketpair()
    return Connection(ours.detach()), Connection(theirs.detach())


def tell(connection: Connection, **message: Any) -> None:
    """Send a message to somebody who may just have ended, which will be heard in its turn."""
    with suppress(ConnectionError):
        send(connection, **message)


def reconstructable_job(origin: JobPythonOrigin) -> ReconstructableJob:
    """The job behind an origin."""
    from scribe_assets.dagster_internals import reconstructable_job

    return reconstructable_job(origin)


@contextmanager
def visible_devices(wanted: list[str]) -> Iterator[Callable[[], list[str]]]:
    """The devices to use: those that are wanted by name, else SCRIBE_DEVICE; by default every GPU,
    or one CPU where there is none. torch is asked in a process of its own: this one stays light."""
    device = Settings.load().device
    if wanted or device != "auto":
        yield lambda: wanted or [device]
        return
    command = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asked:  # noqa: S603

        def answer() -> list[str]:
            told, _ = asked.communicate()
            if asked.returncode:
                raise RuntimeError("torch cannot be imported; install the project again")
            return [f"cuda:{number}" for number in range(int(told))] or ["cpu"]

        yield answer


def code_folder(origin: JobPythonOrigin) -> Path | None:
    """The package or the folder that a code location is loaded from."""
    pointer = origin.repository_origin.code_pointer
    if file := getattr(pointer, "python_file", None):
        return Path(file).absolute().parent
    package = str(getattr(pointer, "module", "")).partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return Path(file).parent if file else None


def fingerprint(code: Path | None) -> int:
    """Changes when a Python file in the folder does."""
    files = sorted(code.rglob("*.py")) if code else []
    return hash(tuple((file.name, file.stat().st_mtime_ns) for file in files))


def main() -> None:
    """Run a host; its configuration comes on standard input."""
    import fcntl

    faulthandler.enable()
    take_shortcuts()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logger.setLevel(logging.INFO)
    config = HostConfig.model_validate_json(sys.stdin.read())
    config.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (config.folder / f"{config.name}.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another launcher was first, and its host serves this one, too
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with DagsterInstance.from_ref(deserialize_value(config.instance, InstanceRef)) as instance:
        host = Host(config, instance, lock)
        try:
            host.serve()
        except StopHost:
            logger.info("told to stop")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            host.stop()


class StopHost(Exception):  # noqa: N818 - not an error
    """A signal asks the host to stop."""


def _stop(_number: int, _frame: Any) -> None:
    raise StopHost


if __name__ == "__main__":
    main()
