"""The hosts of an installation as others see them: finding, starting, asking and ending them."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.connections import Connection, Listening, ask, connect, expect
from scribe_assets.launcher.host_lock import HostLock, host_of
from scribe_assets.launcher.messages import AskStatus, HostStatus
from scribe_assets.launcher.processes import ProcessIdentity, open_log, tail

START_SECONDS = 1800.0
"""How long a host may take to load the definitions. It takes three seconds, and took more than a
minute beside other programs; what counts is that its process lives, which is seen at once."""

ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1


class HostStartError(Exception):
    """A host does not start; the message has the end of its log."""


@dataclass(frozen=True)
class Starter:
    """How a host is started.

    Args:
        config: of the host.
        python: its interpreter.
        environment: all of its environment variables.
    """

    config: HostConfig
    python: str
    environment: dict[str, str]

    @property
    def log(self) -> Path:
        """What hosts print."""
        return self.config.home / "logs" / "launcher.log"

    def connection(self) -> tuple[Connection, bool]:
        """Connect to the host, which is started where there is none; and whether it was.

        A host can be connected to from the moment at which it is started; it answers when it has
        loaded the definitions.

        Raises:
            HostStartError: another process has the host's lock, and does not become a host.
        """
        deadline = time.monotonic() + START_SECONDS
        is_new = False
        while time.monotonic() < deadline:
            try:
                return connect(self.config.address), is_new
            except OSError:
                if is_new:  # it has ended already
                    break
                if lock := HostLock.acquire(self.config.lock_file):
                    self._start(lock)
                    is_new = True
                else:  # a host that ends still has it, or one that another launcher just starts
                    time.sleep(POLL_SECONDS)
        raise HostStartError(f"the host of the runs does not start:\n{tail(self.log)}")

    def _start(self, lock: HostLock) -> None:
        """Start a process that has the lock, and a socket that listens already."""
        listening = Listening(self.config.address)
        config = self.config.model_copy(
            update={
                "lock_descriptor": lock.fileno(),
                "listening_descriptor": listening.socket.fileno(),
            }
        )
        with open_log(self.log) as log:
            process = subprocess.Popen(  # noqa: S603
                [self.python, "-m", "scribe_assets.launcher.host"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                pass_fds=[lock.fileno(), listening.socket.fileno()],
                # A Ctrl-C in the terminal is for the daemon, which ends in order.
                start_new_session=True,
            )
        identity = ProcessIdentity.of(process.pid)
        if identity:
            lock.write(identity)
        # By a pipe: the instance may hold the password of a database, which `ps` must not show.
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            process.stdin.write(config.model_dump_json().encode())
            process.stdin.close()
        except BrokenPipeError:  # it ended at once, which whoever connects will see
            process.wait()
        # From here on lock and socket are the host's alone: they end with it.
        listening.socket.close()
        lock.close()


def host_statuses(home: Path) -> list[HostStatus]:
    """What the hosts of a SCRIBE_HOME are doing, those that are starting included."""
    statuses = []
    for lock in sorted((home / "launcher").glob("*.lock")):
        process = host_of(lock)
        if process is None:
            continue
        try:
            with connect(lock.with_suffix(".sock")) as host:
                statuses.append(expect(HostStatus, ask(host, AskStatus(), ANSWER_SECONDS)))
        except TimeoutError:
            statuses.append(HostStatus(process.pid, "starting", [], []))
        except (OSError, EOFError):  # it has ended meanwhile
            continue
    return statuses


def stop_hosts(home: Path, seconds: float = 15.0) -> None:
    """End the hosts of a SCRIBE_HOME, in whatever state they are, with all that they started.

    Args:
        home: SCRIBE_HOME.
        seconds: after which a host is killed that does not end by itself.
    """
    for lock in (home / "launcher").glob("*.lock"):
        if process := host_of(lock):
            process.end(seconds)


def environment(home: Path, added: dict[str, str], vram_budget_gb: float | None) -> dict[str, str]:
    """The environment of a host and of all that it starts."""
    made = {**os.environ, **added, "SCRIBE_HOME": str(home)}
    if vram_budget_gb is not None:
        made["SCRIBE_VRAM_BUDGET_GB"] = str(vram_budget_gb)
    return made
