"""Child processes that end with their parent, however that ends."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from scribe_assets.errors import StackError
from scribe_assets.launcher.processes import end_with_parent, open_log, tail

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 15.0
SHOWN_LINES = 15


@dataclass
class Process:
    """A running process of the stack, which writes into a log file."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def last_lines(self) -> str:
        """The end of the log."""
        return tail(self.log, SHOWN_LINES)

    def check(self) -> None:
        """Raise `StackError` if it has ended."""
        code = self.popen.poll()
        if code is not None:
            raise StackError(
                f"{self.name} ended with exit code {code}; the end of {self.log}:\n"
                f"{self.last_lines}"
            )


def start(
    name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Process:
    """Start a process in a group of its own, to be ended by `stop`.

    Args:
        name: for people.
        command: the program and its arguments.
        log: file that its output is added to.
        environment: added to this process's own.
    """
    parent = os.getpid()
    with open_log(log) as output:
        popen = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: end_with_parent(parent, signal.SIGTERM),
        )
    return Process(name, popen, log)


def stop(processes: Sequence[Process], grace: float = GRACE_SECONDS) -> None:
    """End processes with all their descendants: asked first, in this order, then killed."""
    family: dict[int, psutil.Process] = {}
    for process in processes:
        family.update(_descendants(process.popen.pid))
        if process.popen.poll() is None:
            process.popen.terminate()
    deadline = time.monotonic() + grace
    for process in processes:
        try:
            process.popen.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()
    _, alive = psutil.wait_procs(list(family.values()), timeout=3)
    for survivor in alive:
        try:
            survivor.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=3)


def _descendants(pid: int) -> dict[int, psutil.Process]:
    try:
        return {child.pid: child for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return {}


def free_port(wanted: int, host: str = LOOPBACK) -> int:
    """The wanted port of an address of this machine, or the next free one.

    Raises:
        StackError: there is none left, or the address is not of this machine.
    """
    for port in range(wanted, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise StackError(
                        f"{host} is no address of this machine; set SCRIBE_HOST to one, or to "
                        "0.0.0.0 for all"
                    ) from error
                continue
            return port
    raise StackError(
        f"no free port from {wanted} on; set SCRIBE_UI_PORT, SCRIBE_S3_PORT or SCRIBE_METRICS_PORT"
    )


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_for_port(process: Process, port: int, seconds: float, host: str = LOOPBACK) -> None:
    """Wait until a process listens.

    Raises:
        StackError: it ended, or does not listen in time.
    """
    deadline = time.monotonic() + seconds
    while not answers(port, host):
        process.check()
        if time.monotonic() > deadline:
            raise StackError(
                f"{process.name} does not answer on port {port} after {seconds:.0f} s; "
                f"the end of {process.log}:\n{process.last_lines}"
            )
        time.sleep(0.1)


def executable(name: str) -> str:
    """A program of this virtual environment, else of the system.

    Raises:
        StackError: it is in neither.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise StackError(f"the program {name} is missing; install the project again")
    return found
