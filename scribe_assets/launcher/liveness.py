"""Whether the process of a run is alive, told by a lock that the kernel takes back when it is not.

A process number alone does not tell: after a restart of a container the numbers are those of
another namespace, so that lost runs would count as running for ever, and four of them fill the
queue. The lock file lies in SCRIBE_HOME, which all processes of an installation share, whatever
container they are in. Where there is none (a run of an older version, or of another home), the
identity of the process decides, as far as it can be seen from here.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dagster import DagsterEventType, DagsterInstance, DagsterRun

from scribe_assets.launcher.processes import ProcessIdentity, is_at
from scribe_assets.tags import PROCESS_TAG

_claims: dict[Path, IO[str]] = {}
"""Locks that this process keeps until it ends."""


def claim(home: Path, run_id: str) -> None:
    """Show that this process executes the run, for as long as it lives."""
    path = _file(home, run_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Locked before it has its name: a file that is there and not locked means "dead".
    unnamed = path.with_suffix(f".{ProcessIdentity.current().pid}")
    lock = unnamed.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(path)
    _claims[path] = lock


def forget(home: Path, run_id: str) -> None:
    """Remove what `claim` left of a run that is over."""
    path = _file(home, run_id)
    path.unlink(missing_ok=True)
    if lock := _claims.pop(path, None):
        lock.close()


@contextmanager
def claimed(home: Path, run_id: str) -> Iterator[None]:
    """`claim`, for as long as the run is executed in a process that goes on living."""
    claim(home, run_id)
    try:
        yield
    finally:
        forget(home, run_id)


def is_claimed(home: Path, run_id: str) -> bool | None:
    """Whether the process that has claimed a run is alive; None where none has."""
    path = _file(home, run_id)
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            # The process may have ended in order, and removed the file, since it was opened.
            return False if is_at(lock, path) else is_claimed(home, run_id)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True


def clean(home: Path) -> None:
    """Remove the claims of processes that were killed, when their runs have been looked at."""
    for file in _file(home, "").parent.glob("*.lock"):
        if is_claimed(home, file.stem) is False:
            file.unlink(missing_ok=True)


def is_alive(instance: DagsterInstance, home: Path, run: DagsterRun) -> bool | None:
    """Whether the process that executes a run is alive; None where that cannot be seen from here:
    it has not said who it is, or it is in another container and of another SCRIBE_HOME."""
    alive = is_claimed(home, run.run_id)
    if alive is not None:
        return alive
    process = process_of(instance, run)
    return process.is_alive() if process and process.is_visible() else None


def process_of(instance: DagsterInstance, run: DagsterRun) -> ProcessIdentity | None:
    """The process that executes a run; None where it has not said so yet.

    Dagster writes a run's tags and state as one text: where two processes write at once a tag is
    lost (seen with two daemons), but no event.
    """
    if tag := run.tags.get(PROCESS_TAG):
        return ProcessIdentity.parse(tag)
    events = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    for record in events.records:
        event = record.event_log_entry.get_dagster_event()
        if process := event.engine_event_data.metadata.get(PROCESS_TAG):
            return ProcessIdentity.parse(str(process.value))
    return None


def _file(home: Path, run_id: str) -> Path:
    return home / "launcher" / "runs" / f"{run_id}.lock"
