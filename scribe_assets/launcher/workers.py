"""The supervisor of workers: starts the one worker of a device, hears what it says, and ends it.

Which run a device works for is decided by `scheduler`, and carried out by `host`.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.connections import Connection, pair, receive, tell
from scribe_assets.launcher.lease import Lease
from scribe_assets.launcher.messages import Go, Limits, MayIGo, Ready, RunLeft, StartWorker
from scribe_assets.launcher.processes import describe_exit, open_log, signal_process, tail
from scribe_assets.launcher.scheduler import DeviceView

RAY_PREFIX = "ray:"
"""What the name of a device begins with that is in a Ray cluster."""

EXIT_SECONDS = 10.0
"""How long a worker that has said goodbye may take to end: libraries clean up after themselves."""


@dataclass
class Device:
    """A device and the worker that owns it, or is about to.

    Args:
        name: of the device.
        worker: its process.
        connection: to the worker.
        is_ready: the worker has the device.
        is_leaving: the worker is about to end, as it asked to.
        run_id: the run that the worker works for. A run that has let go is still here until the
            worker has noticed.
        released: the run has let go.
        grants: how often this worker was given to a run.
        log_size: bytes of the worker's log at its start.
        is_there: it may be used; otherwise it goes when its worker has ended.
    """

    name: str
    worker: "subprocess.Popen[bytes] | None" = None
    connection: Connection | None = None
    is_ready: bool = False
    is_leaving: bool = False
    run_id: str | None = None
    released: bool = False
    grants: int = 0
    log_size: int = 0
    is_there: bool = True

    def view(self) -> DeviceView:
        """For the scheduler."""
        busy = self.run_id is not None or self.is_leaving or not self.is_there
        return DeviceView(self.name, self.worker is not None, self.is_ready, busy)


@dataclass(frozen=True)
class DeadWorker:
    """What is left of a worker: what to say of it, and the run that it worked for, if any.

    `never_ready` tells that it ended with an error before it had the device; `log_tail` is then
    what it printed.
    """

    description: str
    run_id: str | None
    never_ready: bool
    log_tail: str


class Workers:
    """See the module.

    Args:
        config: of the host.
        names: of the devices.
        job: serialized; a worker loads its definitions before it has the device.
        temporary: folder for the temporary files of all workers.
    """

    def __init__(self, config: HostConfig, names: list[str], job: str, temporary: Path) -> None:
        self._config = config
        self._job = job
        self._temporary = temporary
        self.devices = {name: Device(name) for name in names}

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    def offer(self, names: list[str]) -> None:
        """Note which devices of other machines there are now; those of this one stay."""
        for device in list(self):
            if is_elsewhere(device.name):
                device.is_there = device.name in names
                if not device.is_there and not device.is_ready:
                    self.end(device)
                    self.devices.pop(device.name, None)
        for name in names:
            self.devices.setdefault(name, Device(name))

    def address(self, device: Device) -> Path:
        """Where the worker of a device listens."""
        return self._config.folder / f"{self._config.name}-{_file_name(device)}.worker"

    def log(self, device: Device) -> Path:
        """What the worker of a device prints while it works for nobody."""
        return self._config.home / "logs" / f"worker-{_file_name(device)}.log"

    def _temporary_of(self, device: Device) -> Path:
        return self._temporary / f"worker-{_file_name(device)}"

    def start(self, device: Device) -> None:
        """Start the worker of a device.

        Raises:
            OSError: that is not possible, with a full disk for example.
        """
        temporary = self._temporary_of(device)
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open_log(self.log(device)) as output:
            device.log_size = output.tell()
            ours, theirs = pair()
            device.worker = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", _module(device.name), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_setting(device.name), "TMPDIR": str(temporary)},
                start_new_session=True,
            )
            theirs.close()
        device.connection = ours
        device.grants = 0
        tell(ours, self._how_to_start(device))

    def _how_to_start(self, device: Device) -> StartWorker:
        config = self._config.config
        return StartWorker(
            parent=os.getpid(),
            home=str(self._config.home),
            device=device.name,
            instance=self._config.instance,
            job=self._job,
            preload=config.worker_preload,
            address=str(self.address(device)),
            limits=Limits(
                runs=config.runs_per_worker,
                growth_bytes=int(config.worker_growth_gb * 1e9),
                idle_seconds=config.worker_idle_seconds,
            ),
        )

    def grant(self, device: Device, run_id: str) -> None:
        """Note that the worker works for a run from now on."""
        device.run_id = run_id
        device.released = False
        device.grants += 1

    def hear(self, device: Device) -> DeadWorker | None:
        """Take a message of a worker; returns what is left of it, if it has ended."""
        assert device.connection is not None  # noqa: S101 - or it would not be heard
        try:
            message = receive(device.connection)
        except (EOFError, ConnectionError):
            return self._bury(device)
        if isinstance(message, Ready):
            device.is_ready = True
        elif isinstance(message, RunLeft | MayIGo) and message.runs_served == device.grants:
            # With fewer runs served than granted, it is promised to another run already.
            device.run_id = None
            if isinstance(message, MayIGo):
                device.is_leaving = True
                tell(device.connection, Go())
        return None

    def end(self, device: Device) -> DeadWorker | None:
        """Kill a worker, if there is one; what it holds of the device goes with it."""
        if device.worker is None:
            return None
        device.worker.kill()
        return self._bury(device)

    def _bury(self, device: Device) -> DeadWorker:
        """Wait for the end of a worker that has closed its connection or was killed."""
        worker, connection = device.worker, device.connection
        assert worker is not None and connection is not None  # noqa: S101, PT018
        try:
            code = worker.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            code = worker.wait()
        signal_process(worker.pid, signal.SIGKILL, group=True)
        shutil.rmtree(self._temporary_of(device), ignore_errors=True)
        connection.close()
        dead = DeadWorker(
            f"the worker on {device.name} (process {worker.pid}) {describe_exit(code)}",
            run_id=None if device.released else device.run_id,
            never_ready=not device.is_ready and bool(code),
            log_tail=tail(self.log(device), since=device.log_size),
        )
        if device.is_there:
            self.devices[device.name] = Device(device.name)
        else:
            self.devices.pop(device.name, None)
        return dead

    def stop(self) -> None:
        """End all workers."""
        for device in list(self):
            self.end(device)

    def doing(self, device: Device, partition: str | None) -> str:
        """What a device is doing, for people to read; `partition` is that of its run."""
        if device.run_id:
            return f"works for {partition or device.run_id}"
        if device.is_ready:
            return "is free"
        if is_elsewhere(device.name):
            return "is being made ready" if device.worker else "is free, nothing loaded"
        holder = Lease(self._config.home, device.name).holder()
        own = device.worker and f"process {device.worker.pid}"
        if holder and holder != own:
            return f"is held by {holder}"
        return "is being made ready" if device.worker else "is free, nothing loaded"


def is_elsewhere(name: str) -> bool:
    """Whether a device is in a Ray cluster, by its name."""
    return name.startswith(RAY_PREFIX)


def _module(name: str) -> str:
    """The worker of a device."""
    return f"scribe_assets.launcher{'.ray' if is_elsewhere(name) else ''}.worker"


def _setting(name: str) -> dict[str, str]:
    """What tells a worker its device; the one elsewhere is told by Ray."""
    return {} if is_elsewhere(name) else {"SCRIBE_DEVICE": name}


def _file_name(device: Device) -> str:
    return device.name.replace(":", "-")
