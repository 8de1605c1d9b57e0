"""The lock that makes a host the only one of its name, and by which it is found.

A kernel lock on `SCRIBE_HOME/launcher/NAME.lock`, which holds the identity of the host's process;
its socket is `NAME.sock` beside it. The launcher takes the lock and hands it over to the host that
it starts, so that there is no moment at which a second launcher could start another one. A host
whose code is outdated renames both files and keeps them: the next host makes new ones.
"""

import fcntl
import os
from pathlib import Path
from typing import IO

from scribe_assets.launcher.processes import ProcessIdentity, is_at


class HostLock:
    """A lock that is held.

    Args:
        path: of its file.
        file: open, and locked.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path = path
        self._file = file
        self._retired = False

    @classmethod
    def acquire(cls, path: Path) -> "HostLock | None":
        """The lock; None where somebody else has it."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if not is_at(file, path):  # it was that of a host which has retired meanwhile
            file.close()
            return None
        return cls(path, file)

    @property
    def address(self) -> Path:
        """The socket of the host."""
        return self.path.with_suffix(".sock")

    def fileno(self) -> int:
        """To hand the lock over."""
        return self._file.fileno()

    def write(self, host: ProcessIdentity) -> None:
        """Say whose it is."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(host))
        self._file.flush()

    def retire(self) -> None:
        """Leave the name to another host."""
        self._retired = True
        retired = self.path.with_name(f"{self.path.stem}-{os.getpid()}.lock")
        self.path.rename(retired)
        self.path = retired

    def close(self) -> None:
        """Give this process's share of the lock back. It is free when nobody has a share."""
        self._file.close()

    def leave(self) -> None:
        """Free the lock at the end of a host."""
        if self._retired:
            self.path.unlink(missing_ok=True)
        self.close()


def host_of(lock: Path) -> ProcessIdentity | None:
    """The living host that a lock file names."""
    try:
        process = ProcessIdentity.parse(lock.read_text())
    except (FileNotFoundError, ValueError):  # no host was started, or one just is
        return None
    return process if process.is_alive() else None
