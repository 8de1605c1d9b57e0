"""Who has a device: between real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scribe_assets.launcher.lease import Lease

HOLD = """
import sys
from pathlib import Path
from scribe_assets.launcher.lease import Lease
lease = Lease(Path(sys.argv[1]), sys.argv[2])
with lease.using():
    print("held", flush=True)
    sys.stdin.readline()
print("done", flush=True)
sys.stdin.readline()
"""
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start processes that hold a device until they are told to go on."""
    started = []

    def one(device: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def says(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def wait_until(condition: Callable[[], bool]) -> None:
    import time

    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come about")


def test_it_is_kept_until_the_process_ends(start: Start, tmp_path: Path) -> None:
    lease = Lease(tmp_path, "cpu")
    assert lease.holder() is None
    first = start("cpu")
    says(first, "held")
    assert lease.holder() == f"process {first.pid}"
    assert not lease.is_wanted
    tell(first)
    says(first, "done")  # it has a CUDA context still, on a GPU

    second = start("cpu")
    wait_until(lambda: lease.is_wanted)
    assert lease.holder() == f"process {first.pid}"
    tell(first)
    says(second, "held")
    assert lease.holder() == f"process {second.pid}"
    assert not lease.is_wanted


def test_the_kernel_takes_it_from_the_dead(start: Start, tmp_path: Path) -> None:
    first, second = start("cuda:1"), None
    says(first, "held")
    second = start("cuda:1")
    wait_until(lambda: Lease(tmp_path, "cuda:1").is_wanted)
    first.send_signal(signal.SIGKILL)
    says(second, "held")


def test_devices_are_independent(start: Start) -> None:
    for device in ("cpu", "cpu:1", "cuda", "cuda:1"):
        says(start(device), "held")


def test_its_log_tells_who_had_it_when(start: Start, tmp_path: Path) -> None:
    process = start("cpu")
    says(process, "held")
    tell(process)
    says(process, "done")
    lines = [json.loads(line) for line in (tmp_path / "devices" / "cpu-0.log").open()]
    assert [(line["pid"], line["event"]) for line in lines] == [
        (process.pid, event) for event in ("held", "begin", "end")
    ]


@pytest.mark.parametrize(
    ("device", "visible", "slot"),
    [
        ("cpu", None, "cpu-0"),
        ("cpu:1", None, "cpu-1"),
        ("cuda", None, "cuda-0"),
        ("cuda:1", "", "cuda-1"),
        ("cuda:0", "2,3", "cuda-2"),
        ("cuda:1", "2,3", "cuda-3"),
        ("cpu", "2,3", "cpu-0"),
    ],
)
def test_a_gpu_has_one_lock_whatever_its_number_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, visible: str | None, slot: str
) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert Lease(tmp_path, device).slot == slot


def test_a_forked_process_does_not_keep_it(tmp_path: Path) -> None:
    """A run is forked from a process that may hold a device; it must not outlive it there."""
    script = """
import os, sys, time
from pathlib import Path
from scribe_assets.launcher.lease import Lease
Lease(Path(sys.argv[1]), "cpu").hold()
child = os.fork()
if child == 0:
    print("forked", os.getpid(), flush=True)
    time.sleep(600)
os._exit(0)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline().split()[1])
        parent.wait()
        try:
            wait_until(lambda: Lease(tmp_path, "cpu").holder() is None)
        finally:
            os.kill(child, signal.SIGKILL)
