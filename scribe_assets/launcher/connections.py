"""How messages travel: over sockets in SCRIBE_HOME, whose folder only its owner can enter.

No wait here is without an end. A peer that is stopped, or hangs, in the middle of a message counts
as gone after `STALLED_SECONDS`; who asks for something says how long an answer may take.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TypeVar

from scribe_assets.launcher.messages import Message

__all__ = ["Connection", "Listening", "ask", "connect", "expect", "pair", "receive", "send", "wait"]

STALLED_SECONDS = 30
"""A message is a few kilobytes and is sent at once; a machine that is that slow has stopped."""

Answer = TypeVar("Answer", bound=Message)


def send(connection: Connection, message: Message) -> None:
    """Send a message.

    Raises:
        ConnectionError: the other end is gone, or does not take it.
    """
    try:
        connection.send_bytes(message.to_bytes())
    except BlockingIOError as error:
        raise ConnectionError("the other process does not take a message") from error


def tell(connection: Connection, message: Message) -> None:
    """Send a message to somebody who may just have ended; that is noticed by who listens."""
    with suppress(ConnectionError):
        send(connection, message)


def receive(connection: Connection) -> Message:
    """The next message, which has begun to arrive.

    Raises:
        EOFError: the other end is gone.
        ConnectionError: so it is, or it has stopped in the middle.
    """
    try:
        return Message.from_bytes(connection.recv_bytes())
    except BlockingIOError as error:
        raise ConnectionError("the other process has stopped in the middle of a message") from error


def ask(connection: Connection, question: Message, seconds: float) -> Message:
    """Send a message and wait for the answer.

    Raises:
        TimeoutError: there is none within so many seconds.
        EOFError: the other end is gone.
        ConnectionError: so it is.
    """
    send(connection, question)
    if not wait([connection], seconds):
        raise TimeoutError(f"no answer to {type(question).__name__} within {seconds:.0f} s")
    return receive(connection)


def expect(kind: type[Answer], message: Message) -> Answer:
    """The message as the kind that it has to be here.

    Raises:
        ConnectionError: it is another one; the other process is of another version.
    """
    if not isinstance(message, kind):
        raise ConnectionError(f"{kind.__name__} was expected, not {type(message).__name__}")
    return message


def connect(address: Path) -> Connection:
    """Connect to a listening process; raises `OSError` where there is none."""
    connecting = _bounded(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    try:
        with _short(address) as path:
            connecting.connect(path)
    except OSError:
        connecting.close()
        raise
    return Connection(connecting.detach())


def pair() -> tuple[Connection, Connection]:
    """Two ends of one connection, for a process that is about to be started."""
    ours, theirs = socket.socketpair()
    return Connection(_bounded(ours).detach()), Connection(_bounded(theirs).detach())


def _bounded(made: socket.socket) -> socket.socket:
    """A socket on which no call of the system lasts longer than `STALLED_SECONDS`."""
    limit = struct.pack("ll", STALLED_SECONDS, 0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    return made


@contextmanager
def _short(address: Path) -> Iterator[str]:
    """The address by a path that is short enough: a socket's may have 107 bytes. SCRIBE_HOME may be
    longer, the number of its open folder is not."""
    folder = os.open(address.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)


class Listening:
    """A socket that others connect to.

    Args:
        address: its place in the file system; what a killed process left there is removed.
        inherited: file descriptor of a socket that listens there already.
    """

    def __init__(self, address: Path, inherited: int | None = None) -> None:
        self.address = address
        if inherited is not None:
            self.socket = socket.socket(fileno=inherited)
            return
        address.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _short(address) as path:
            self.socket.bind(path)
        self.socket.listen(64)

    def accept(self) -> Connection:
        """The next connection."""
        accepted, _ = self.socket.accept()
        return Connection(_bounded(accepted).detach())

    def move(self, address: Path) -> None:
        """Listen at another address from now on; who is connected stays so."""
        self.address.rename(address)
        self.address = address

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()
        self.address.unlink(missing_ok=True)
