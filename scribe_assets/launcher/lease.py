"""Who has a device: a kernel lock, which is free again as soon as its holder has ended.

A process locks a device before it first loads a model onto it, and keeps the lock until it ends,
because a CUDA context lives that long. Any other process waits: a worker of another daemon, a
`dagster asset materialize` in a terminal, a test.

There are two lock files for each device in `SCRIBE_HOME/devices`. Whoever has locked `cuda-0.lock`
has the device. Whoever waits for it locks `cuda-0.next` first, by which the holder can see that
somebody waits. `cuda-0.log` records who had the device when; only the holder writes it.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from scribe_assets.errors import PermanentError

logger = logging.getLogger(__name__)

MAX_LOG_BYTES = 1 << 20

_refused: list[str] = []
"""Why no device may be locked in this process; empty where that is allowed."""

_held: dict[Path, IO[str]] = {}
"""The locks of this process, by their file."""


def _let_go_in_child() -> None:
    """A forked process shares its parent's locks, and would keep them when the parent has ended."""
    for lock in _held.values():
        lock.close()
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


def refuse_here(why: str) -> None:
    """Let no device be locked in this process.

    In the process of a run, it would wait for its worker to free the device, while the worker waits
    for the run.

    Args:
        why: what to tell whoever tries; see `Lease.hold`.
    """
    _refused.append(why)


@dataclass(frozen=True)
class Lease:
    """The lock of one device.

    Args:
        home: SCRIBE_HOME.
        device: `cpu`, `cpu:N`, `cuda` or `cuda:N`.
    """

    home: Path
    device: str

    @property
    def slot(self) -> str:
        """The physical device, such as `cuda-0`: CUDA_VISIBLE_DEVICES renumbers GPUs."""
        kind, _, index = self.device.partition(":")
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "") if kind == "cuda" else ""
        numbers = [number.strip() for number in visible.split(",") if number.strip()]
        position = int(index or 0)
        name = numbers[position] if position < len(numbers) else str(position)
        return f"{kind}-{name.replace('/', '-')}"

    def _file(self, suffix: str) -> Path:
        folder = self.home / "devices"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{self.slot}.{suffix}"

    def hold(self) -> None:
        """Lock the device for the rest of this process, waiting until it is free.

        Raises:
            PermanentError: this process must not have one; see `refuse_here`.
        """
        if _refused:
            raise PermanentError(_refused[0])
        path = self._file("lock")
        if path in _held:
            return
        lock = path.open("a+")
        with self._file("next").open("a+") as place:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.warning("waiting for %s, which %s has", self.device, self.holder())
                fcntl.flock(place, fcntl.LOCK_EX)
                fcntl.flock(lock, fcntl.LOCK_EX)
        _held[path] = lock
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}))
        lock.flush()
        self._log("held")

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for the device."""
        with self._file("next").open("a+") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def holder(self) -> str | None:
        """Who has the device, for people to read; None where nobody does."""
        path = self._file("lock")
        with path.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                try:
                    holder = json.loads(lock.read())
                except ValueError:  # it is just being written
                    return "another process"
                return f"process {holder['pid']}"
        return None

    @contextmanager
    def using(self) -> Iterator[None]:
        """Hold the device, and note that it is at work."""
        self.hold()
        self._log("begin")
        try:
            yield
        finally:
            self._log("end")

    def _log(self, event: str) -> None:
        path = self._file("log")
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        line = {
            "pid": os.getpid(),
            "event": event,
            "time": datetime.now(UTC).isoformat(),
            # Seconds since the machine's start, the same for all processes.
            "clock": time.clock_gettime(time.CLOCK_BOOTTIME),
        }
        with path.open("a") as log:
            log.write(json.dumps(line) + "\n")
