"""A Ray cluster of the tests' own: a head and two nodes, each in a network namespace as a machine
would be, joined by a bridge. The nodes say that they have a GPU; there is none.

Nothing of it can be reached from outside, and all of it is removed at the end.
"""

import ctypes
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

from scribe_assets.local.processes import answers, executable

HEAD = "10.77.0.1"
PORT = 6379
S3_PORT = 9000
NODES = ("10.77.0.2", "10.77.0.3")

CLONE_NEWNET = 0x40000000
START_SECONDS = 300
ATTEMPTS = 4
"""Ray gives a node up that has not started within 30 s, as happens on a busy machine."""
PROGRAM = Path(sys.executable).with_name("ray")

# Four seconds instead of twenty until a machine that cannot be reached counts as gone.
SOON_LOST = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}


def why_not() -> str | None:
    """Why there can be no such cluster here; None where there can."""
    if find_spec("ray") is None:
        return "Ray is not installed (scribe-assets[ray])"
    if not _program():
        return "there is no program 'ip' (Debian's package iproute2)"
    name = f"scribe-try-{os.getpid()}"
    if _ip("netns", "add", name).returncode:
        return "network namespaces cannot be made here"
    made = _ip("-n", name, "link", "add", "bridge", "type", "bridge")
    _ip("netns", "del", name)
    return "no bridge can be made in a network namespace here" if made.returncode else None


class RayCluster:
    """See the module. What is started while it is `entered` is on the head's machine."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="scribe-ray-", dir="/tmp"))
        self.token = self.folder / "token"
        self.token.write_text(secrets.token_hex(32))
        self.token.chmod(0o600)
        self._head = f"scribe-{os.getpid()}-head"
        self._spaces = {node: f"scribe-{os.getpid()}-{node}" for node in NODES}
        self._wire()

    @property
    def address(self) -> str:
        return f"{HEAD}:{PORT}"

    @property
    def settings(self) -> dict[str, str]:
        """For Scribe."""
        return {"SCRIBE_RAY_ADDRESS": self.address, "RAY_AUTH_TOKEN_PATH": str(self.token)}

    def _wire(self) -> None:
        _do("netns", "add", self._head)
        _do("-n", self._head, "link", "set", "lo", "up")
        _do("-n", self._head, "link", "add", "bridge", "type", "bridge")
        _do("-n", self._head, "addr", "add", f"{HEAD}/24", "dev", "bridge")
        _do("-n", self._head, "link", "set", "bridge", "up")
        for node, space in self._spaces.items():
            cable = self._cable(node)
            _do("netns", "add", space)
            _do("-n", space, "link", "set", "lo", "up")
            peer = ("type", "veth", "peer", "name", "cable", "netns", space)
            _do("-n", self._head, "link", "add", cable, *peer)
            _do("-n", self._head, "link", "set", cable, "master", "bridge", "up")
            _do("-n", space, "addr", "add", f"{node}/24", "dev", "cable")
            _do("-n", space, "link", "set", "cable", "up")

    def _cable(self, node: str) -> str:
        return f"to-{node.rpartition('.')[2]}"

    def start(self, nodes: Sequence[str] = NODES) -> None:
        """Start Ray on the head's machine, and on these nodes."""
        self._ray(
            self._head,
            {},
            *("start", "--head", f"--node-ip-address={HEAD}", f"--port={PORT}", "--num-gpus=0"),
            *("--num-cpus=1", "--include-dashboard=false", f"--temp-dir={self.folder / 'ray'}"),
            "--object-store-memory=100000000",
        )
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(self.join, nodes))

    def join(self, node: str) -> None:
        """Start Ray on a node."""
        self._ray(
            self._spaces[node],
            {"SCRIBE_HOME": str(self.home(node)), "RAY_worker_niceness": "0"},
            *("start", f"--address={self.address}", f"--node-ip-address={node}", "--num-gpus=1"),
            *("--num-cpus=1", "--object-store-memory=100000000"),
        )

    def home(self, node: str) -> Path:
        """SCRIBE_HOME of a node."""
        return self.folder / f"home-{node}"

    def actors(self, node: str) -> list[psutil.Process]:
        """The processes on a node that compute for Scribe."""
        found = _within(self._spaces[node])
        return [one for one in found if "DeviceActor" in " ".join(one.cmdline())]

    def cut_off(self, node: str) -> None:
        """Pull the cable of a node."""
        _do("-n", self._head, "link", "set", self._cable(node), "down")

    def reconnect(self, node: str) -> None:
        """Put it back."""
        _do("-n", self._head, "link", "set", self._cable(node), "up")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be on the head's machine, with all that is started meanwhile."""
        before = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self._head}", os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(there)
            os.close(before)

    def start_s3(self) -> dict[str, str]:
        """Start an S3 server on the head's machine; the settings by which it is found."""
        (self.folder / "s3").mkdir()
        keys = {"MINIO_ACCESS_KEY": "scribe-on-ray", "MINIO_SECRET_KEY": secrets.token_hex(16)}
        subprocess.Popen(
            [
                *(executable("rclone"), "serve", "s3", str(self.folder / "s3")),
                *(f"--addr={HEAD}:{S3_PORT}", "--vfs-cache-mode=off", "--config=/dev/null"),
            ],
            # rclone reads it as a CSV list, hence the quotes.
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{",".join(keys.values())}"'},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not answers(S3_PORT, HEAD):
            if time.monotonic() > deadline:
                raise TimeoutError("the S3 server does not answer")
            time.sleep(0.1)
        return {"MINIO_ENDPOINT": f"{HEAD}:{S3_PORT}", **keys}

    def remove(self) -> None:
        """End everything, and remove the namespaces."""
        for space in (*self._spaces.values(), self._head):
            _end(space)
            _ip("netns", "del", space)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ray(self, space: str, added: dict[str, str], *arguments: str) -> None:
        environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **SOON_LOST,
            **added,
        }
        log = self.folder / f"{space}.log"
        for _ in range(ATTEMPTS):
            _end(space)  # what is left of the last time
            with log.open("ab") as output:
                started = subprocess.run(
                    [_program(), "netns", "exec", space, str(PROGRAM), *arguments],
                    env=environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    timeout=START_SECONDS,
                )
            if started.returncode == 0:
                return
        raise RuntimeError(f"Ray did not start:\n{log.read_text()}")


def _program() -> str:
    return shutil.which("ip") or ""


def _ip(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([_program(), *arguments], capture_output=True, text=True)


def _do(*arguments: str) -> None:
    done = _ip(*arguments)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr}")


def _within(space: str) -> list[psutil.Process]:
    found = []
    for pid in _ip("netns", "pids", space).stdout.split():
        try:
            found.append(psutil.Process(int(pid)))
        except psutil.NoSuchProcess:
            continue
    return found


def _end(space: str) -> None:
    """End all processes of a namespace but this one, which may have entered it."""
    left = [process for process in _within(space) if process.pid != os.getpid()]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=10)


def _enter(namespace: int) -> None:
    """Move this thread, and all that it starts, into a network namespace."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")
