"""How launcher, host, runs and workers talk: JSON messages over sockets in SCRIBE_HOME.

| from | to | message |
|---|---|---|
| launcher | host | `launch` a run → `ok`, `stale` or `error`; `watch`, to be there |
| `scribe` | host | `status` → what is going on |
| run | host | `needs_device`, or not; `acquire` → `waiting`, `granted`, `died`; `release` |
| host | worker | how to start |
| worker | host | `ready` with its address; `free` after a run has left; `go`, may I? → `go` |
| run | worker | a step to execute → its events, then `done` or `error` |

The folder of the sockets can be entered by its owner alone.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client, Connection, wait
from pathlib import Path
from typing import Any

__all__ = ["Connection", "Listening", "connect", "receive", "send", "wait"]


def send(connection: Connection, **message: Any) -> None:
    """Send a message."""
    connection.send_bytes(json.dumps(message).encode())


def receive(connection: Connection) -> dict[str, Any]:
    """The next message; raises `EOFError` or `ConnectionError` where the other end is gone."""
    return json.loads(connection.recv_bytes())


def connect(address: Path) -> Connection:
    """Connect to a listening process; raises `OSError` where there is none."""
    with _short(address) as path:
        connection = Client(path, family="AF_UNIX")
    assert isinstance(connection, Connection)  # noqa: S101 - as it is for a socket
    return connection


@contextmanager
def _short(address: Path) -> Iterator[str]:
    """A socket's path may have 107 bytes; SCRIBE_HOME may be longer, its descriptor is not."""
    folder = os.open(address.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)


class Listening:
    """A socket that others connect to."""

    def __init__(self, address: Path) -> None:
        address.unlink(missing_ok=True)  # of a process that was killed
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(address) as path:
            self.socket.bind(path)
        self.socket.listen(64)

    def accept(self) -> Connection:
        """The next connection."""
        accepted, _ = self.socket.accept()
        return Connection(accepted.detach())

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
        self.address.unlink(missing_ok=True)
