"""What the processes of the launcher say to each other, and that no wait is for ever."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.launcher import connections
from scribe_assets.launcher.connections import Listening, ask, connect, pair, receive, send, tell
from scribe_assets.launcher.messages import (
    AskStatus,
    Go,
    Granted,
    HostStatus,
    Launch,
    Limits,
    Message,
    StartWorker,
)

texts = st.text()
numbers = st.integers(0, 10**9)
granted = st.builds(Granted, texts, texts, numbers, numbers)
started = st.builds(
    StartWorker,
    *(numbers, texts, texts, texts, texts, st.lists(texts), texts),
    st.builds(Limits, numbers, numbers, st.floats(0, 1e6)),
)
statuses = st.from_type(HostStatus)


@given(granted | started | statuses | st.builds(Launch, texts) | st.just(Go()))
def test_a_message_comes_as_it_went(message: Message) -> None:
    assert Message.from_bytes(message.to_bytes()) == message


@pytest.mark.parametrize("data", [b"", b"Nonsense {}", b"Launch {}", b"Launch [", b"\xff"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of pydantic, of codecs, and ours
        Message.from_bytes(data)


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    ours, theirs = pair()
    with ours, theirs, pytest.raises(TimeoutError, match="no answer to AskStatus"):
        ask(ours, AskStatus(), 0.1)


def test_who_stops_in_the_middle_of_a_message_counts_as_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 1)
    ours, theirs = pair()
    with ours, theirs:
        os.write(theirs.fileno(), struct.pack("!i", 100) + b"Laun")
        with pytest.raises(ConnectionError, match="stopped in the middle"):
            receive(ours)


def test_who_does_not_read_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 1)
    ours, theirs = pair()
    long = Launch("x" * 10_000_000)
    with ours, theirs, pytest.raises(ConnectionError, match="does not take"):
        send(ours, long)


def test_nobody_is_there_any_more() -> None:
    ours, theirs = pair()
    theirs.close()
    with ours:
        tell(ours, Go())
        with pytest.raises((EOFError, ConnectionError)):
            receive(ours)


def test_a_socket_in_a_deep_folder_can_move(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    listening = Listening(folder / "a.sock")
    with connect(folder / "a.sock") as before:
        listening.move(folder / "b.sock")
        with pytest.raises(OSError, match="No such file"):
            connect(folder / "a.sock")
        with connect(folder / "b.sock") as after:
            for client in (before, after):
                with listening.accept() as accepted:
                    tell(accepted, Go())
                    assert receive(client) == Go()
    listening.close()
    assert not list(folder.iterdir())
