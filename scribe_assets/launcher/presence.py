"""Being there for the hosts: a host ends when no launcher has been connected to it for a while."""

import threading

from scribe_assets.launcher.config import HostConfig
from scribe_assets.launcher.connections import Connection, connect, send, wait
from scribe_assets.launcher.messages import Watch


class Presence:
    """The connections by which hosts know that a launcher is there. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: dict[str, Connection] = {}
        """By the name of the host."""
        self._retired: list[Connection] = []
        """To hosts with outdated code, which see their last runs to the end."""

    def keep(self, name: str, host: Connection, is_retired: bool) -> None:
        """Keep a connection open, unless there is one to this host already.

        Args:
            name: of the host.
            host: a connection over which `Watch` was sent.
            is_retired: the host has outdated code.
        """
        with self._lock:
            self._retired = [other for other in self._retired if not _has_ended(other)]
            before = self._serving.pop(name, None)
            if before and not _has_ended(before) and not is_retired:
                self._serving[name] = before
                host.close()
                return
            if before:
                self._retired.append(before)
            if is_retired:
                self._retired.append(host)
            else:
                self._serving[name] = host

    def watch(self, config: HostConfig) -> None:
        """Connect to a host that runs, if there is one and it is not known yet."""
        with self._lock:
            known = self._serving.get(config.name)
            if known and not _has_ended(known):
                return
        try:
            host = connect(config.address)
            send(host, Watch())
        except OSError:  # there is none, and no run of it
            return
        self.keep(config.name, host, is_retired=False)

    def leave(self) -> None:
        """Close all connections; the hosts end when nobody else is with them."""
        with self._lock:
            for connection in (*self._serving.values(), *self._retired):
                connection.close()
            self._serving.clear()
            self._retired.clear()


def _has_ended(host: Connection) -> bool:
    """Whether a host has closed a connection on which it never says anything."""
    return bool(wait([host], 0))
