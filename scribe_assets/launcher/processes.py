"""Processes: telling them apart for good, ending them, and reading what they printed last."""

import ctypes
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

MAX_LOG_BYTES = 20_000_000
LAST_LINES = 60
"""Of a log, to tell why a process died: a crash prints where it was, from the inside out."""


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells a process from all others, also after a restart of the machine.

    Args:
        pid: its number, which the system gives to another process some time after its end.
        started: clock ticks from the machine's start to the process's.
        boot: the machine's start.
        namespace: of process numbers, in which `pid` holds; a container has one of its own.
    """

    pid: int
    started: int
    boot: str
    namespace: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """The process with this number; None where there is none, or only its remains."""
        try:
            # The program's name stands in brackets and may hold anything; the fields come after it.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] in "ZX":
            return None
        # Our own namespace, as the number was seen from here.
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
        return cls(pid, int(fields[19]), BOOT_ID.read_text().strip(), namespace)

    @classmethod
    def current(cls) -> "ProcessIdentity":
        """This process."""
        identity = cls.of(os.getpid())
        assert identity is not None  # noqa: S101 - it is running this
        return identity

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity":
        """The inverse of `str`.

        Raises:
            ValueError: it is not one.
        """
        pid, started, boot, namespace = text.split("/")
        return cls(int(pid), int(started), boot, namespace)

    def __str__(self) -> str:
        return f"{self.pid}/{self.started}/{self.boot}/{self.namespace}"

    def is_visible(self) -> bool:
        """Whether `is_alive` means anything here: the number of a process in another container does
        not, unless the machine was started anew since."""
        here = self.current()
        return self.boot != here.boot or self.namespace == here.namespace

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return ProcessIdentity.of(self.pid) == self

    def end(self, grace: float) -> bool:
        """Ask it to end, kill it after `grace` seconds, and say whether it was there."""
        if not self.is_alive():
            return False
        signal_process(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.is_alive():
            signal_process(self.pid, signal.SIGKILL)
        return True


def signal_process(pid: int, number: signal.Signals, group: bool = False) -> None:
    """Signal a process, or the group it leads, if it is there."""
    with suppress(ProcessLookupError):
        (os.killpg if group else os.kill)(pid, number)


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """Let the kernel signal this process when its parent has ended, however that ended.

    Only for children of a thread that lives as long as its process: the kernel means the thread.

    Args:
        parent: its process number, as the parent knows it.
        number: the signal.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def describe_exit(code: int | None) -> str:
    """How a process ended, from its exit code (negative: the signal that killed it).

    >>> describe_exit(-9), describe_exit(1)
    ('was killed by SIGKILL', 'ended with exit code 1')
    """
    if code is None:
        return "ended in an unknown way"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one with this name."""
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def open_log(log: Path) -> IO[bytes]:
    """Open a log to add to it. One that has grown too large is renamed to `.log.1`, and replaces
    the one that had this name."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def tail(log: Path, lines: int = LAST_LINES, since: int = 0) -> str:
    """The last lines of a log, of what was written after its first `since` bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
