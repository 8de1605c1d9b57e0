"""Processes that can be told apart, and that end with their parents."""

import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from scribe_assets.errors import StackError
from scribe_assets.launcher.processes import ProcessIdentity, describe_exit, tail
from scribe_assets.local.processes import answers, free_port

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]


def test_an_identity_survives_text() -> None:
    me = ProcessIdentity.current()
    assert ProcessIdentity.parse(str(me)) == me
    with pytest.raises(ValueError, match="values to unpack"):
        ProcessIdentity.parse("12")


def test_it_is_not_taken_for_another_with_its_number() -> None:
    me = ProcessIdentity.current()
    assert me.is_alive()
    assert not replace(me, started=me.started - 1).is_alive()
    rebooted = replace(me, boot="another")
    assert not rebooted.is_alive()
    assert rebooted.is_visible()


def test_what_another_container_does_is_not_known() -> None:
    assert not replace(ProcessIdentity.current(), namespace="pid:[1]").is_visible()


def test_a_dead_process_is_dead_before_its_parent_notices() -> None:
    with subprocess.Popen(SLEEP, stdout=subprocess.PIPE) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        assert identity.is_alive()
        process.kill()
        for _ in range(100):
            if not identity.is_alive():
                break
            time.sleep(0.05)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert not identity.is_alive()


@pytest.mark.parametrize(
    ("prelude", "grace", "code"),
    [
        ("", 60.0, -signal.SIGTERM),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN);", 0.5, -signal.SIGKILL),
    ],
)
def test_it_is_asked_to_end_and_then_killed(prelude: str, grace: float, code: int) -> None:
    script = f"import signal, time; {prelude} print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        assert identity.end(grace)
        assert process.wait(10) == code
    assert not identity.end(grace)


def test_a_child_ends_with_its_parent() -> None:
    parent = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", f'''
import signal, time
from scribe_assets.launcher.processes import end_with_parent
end_with_parent({os.getpid()}, signal.SIGKILL)
print("ready", flush=True)
time.sleep(600)
'''], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = ProcessIdentity.of(int(process.stdout.readline()))
        assert child is not None
        assert child.is_alive()
        process.kill()
        for _ in range(100):
            if not child.is_alive():
                break
            time.sleep(0.05)
        assert not child.is_alive()


def test_an_exit_is_described() -> None:
    assert describe_exit(-signal.SIGSEGV) == "was killed by SIGSEGV"
    assert describe_exit(3) == "ended with exit code 3"
    assert describe_exit(-60) == "was killed by signal 60"
    assert describe_exit(None) == "ended in an unknown way"


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_text("".join(f"{number}\n" for number in range(30)))
    assert tail(log, lines=2) == "28\n29"
    size = log.stat().st_size
    with log.open("a") as file:
        file.write("new\n")
    assert tail(log, since=size) == "new"


def test_a_port_is_free_at_the_address_that_is_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port, "127.0.0.2") > port
        assert answers(port, "127.0.0.2")
        assert not answers(port, "127.0.0.3")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StackError, match="SCRIBE_HOST"):
        free_port(3000, "192.0.2.1")
