"""The actor: the process beside a GPU of a Ray cluster that executes steps, with models that stay
loaded. It is what a local worker is, and holds the same lock, on its own machine."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue

import psutil

from scribe_assets.launcher.lease import Lease
from scribe_assets.launcher.messages import (
    Broken,
    Done,
    ExecuteStep,
    Message,
    OpenRun,
    Printed,
    StartWorker,
)
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.launcher.worker import OwnWork, prepared

LOOK_SECONDS = 0.5
"""How often to look what a step has printed, while it computes."""

STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Place:
    """Where an actor is: its process number, and the folder of its machine for what it prints."""

    pid: int
    folder: Path


class DeviceActor:
    """See the module. Ray calls its methods, one after the other.

    Steps are executed in one thread, always the same, so that what they print travels meanwhile.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="steps")
        self._work: OwnWork | None = None
        self._folder = Path()
        self._read = dict.fromkeys(STREAMS, 0)

    def prepare(
        self, start: bytes, home_there: str | None, given: dict[str, str], digest: str
    ) -> Place:
        """Load everything, and wait for the device.

        Args:
            start: a `StartWorker` message, with the device by its name in the cluster.
            home_there: SCRIBE_HOME of the machine that asks; None where it is this one's, too.
            given: environment variables.
            digest: `code_digest` of the machine that asks.

        Raises:
            RuntimeError: this machine has another version of Scribe.
        """
        if digest != code_digest():
            raise RuntimeError(
                f"{os.uname().nodename} has another version of scribe_assets than the machine that "
                "runs Scribe; install the same one on all machines of the cluster"
            )
        # Ray allows one thread to who asks for no CPU. What was given may say how many.
        os.environ.pop("OMP_NUM_THREADS", None)
        os.environ.update(given)
        return self._thread.submit(self._prepare, Message.from_bytes(start), home_there).result()

    def _prepare(self, start: Message, home_there: str | None) -> Place:
        assert isinstance(start, StartWorker)  # noqa: S101 - see `prepare`
        os.environ["SCRIBE_DEVICE"] = device = own_device()
        from scribe_assets.settings import Settings

        home = Settings.load().home
        self._folder = own_folder(home)
        tempfile.tempdir = os.environ["TMPDIR"] = str(self._folder)
        take_shortcuts()
        start = replace(start, device=device, home=str(home))
        if home_there:
            start = replace(start, instance=moved(start.instance, home_there, str(home)))
        instance = prepared(start)
        lease = Lease(home, device)
        lease.hold()
        self._work = OwnWork(instance, lease)
        return Place(os.getpid(), self._folder)

    def open(self, opening: bytes) -> Iterator[bytes]:
        """See `Work`; gives messages."""
        message = Message.from_bytes(opening)
        assert self._work and isinstance(message, OpenRun)  # noqa: S101, PT018
        for stream in STREAMS:
            (self._folder / stream).write_bytes(b"")
            self._read[stream] = 0
        stdout, stderr = (str(self._folder / stream) for stream in STREAMS)
        message = replace(message, stdout=stdout, stderr=stderr)
        yield from self._answers(self._work.open(message))

    def execute(self, request: bytes) -> Iterator[bytes]:
        """See `Work`; gives messages."""
        message = Message.from_bytes(request)
        assert self._work and isinstance(message, ExecuteStep)  # noqa: S101, PT018
        yield from self._answers(self._work.execute(message))

    def close(self) -> list[Printed]:
        """See `Work`; gives what was printed last."""
        assert self._work  # noqa: S101
        self._thread.submit(self._work.close).result()
        return list(self._printed())

    def memory(self) -> int:
        """See `Work`."""
        assert self._work  # noqa: S101
        return self._work.memory()

    def is_wanted(self) -> bool:
        """See `Work`."""
        assert self._work  # noqa: S101
        return self._work.is_wanted()

    def _answers(self, answers: Iterable[Message]) -> Iterator[bytes]:
        """What a thread answers, and what it prints meanwhile."""
        messages: SimpleQueue[Message] = SimpleQueue()
        self._thread.submit(_hand_over, answers, messages)
        answer: Message | None = None
        while not isinstance(answer, Done | Broken):
            try:
                answer = messages.get(timeout=LOOK_SECONDS)
            except Empty:
                answer = None
            for printed in self._printed():
                yield printed.to_bytes()
            if answer:
                yield answer.to_bytes()

    def _printed(self) -> Iterator[Printed]:
        yield from read_from(Place(os.getpid(), self._folder), self._read)


def _hand_over(answers: Iterable[Message], messages: SimpleQueue[Message]) -> None:
    """Answer, in the thread of the steps."""
    try:
        for answer in answers:
            messages.put(answer)
    except BaseException:  # noqa: BLE001 - a step that exits ends a worker; a thread would hide it
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def read_from(place: Place, read: dict[str, int]) -> list[Printed]:
    """What was printed after so many bytes of each stream, which are counted on."""
    found = []
    for stream in STREAMS:
        file = place.folder / stream
        if not file.exists():
            continue
        with file.open("rb") as opened:
            opened.seek(read[stream])
            if data := opened.read():
                read[stream] += len(data)
                found.append(Printed(stream, data.decode("latin-1")))
    return found


def own_device() -> str:
    """The device that Ray has given to this process: as it sees it, and no other.

    A node may be told to have GPUs that it has not; each is then a slot on the CPU.
    """
    import torch

    if torch.cuda.is_available():
        return "cuda:0"
    number = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0]
    return f"cpu:{number}" if number.isdecimal() else "cpu"


def own_folder(home: Path) -> Path:
    """A folder for what this process prints and keeps for a while; those of killed ones go."""
    for left in home.glob("tmp/ray-*"):
        if not psutil.pid_exists(int(left.name.rpartition("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    folder = home / "tmp" / f"ray-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def moved(instance: str, home_there: str, home: str) -> str:
    """A serialized instance with its folders on this machine.

    >>> moved('{"base_dir": "/srv/scribe/dagster", "a": "/srv/scribe-b"}', "/srv/scribe", "/data")
    '{"base_dir": "/data/dagster", "a": "/srv/scribe-b"}'
    """
    there, here = json.dumps(home_there)[1:-1], json.dumps(home)[1:-1]
    return re.sub(rf"{re.escape(there)}(?![\w.-])", lambda _: here, instance)


def code_digest() -> str:
    """What tells one version of this package from another."""
    spec = importlib.util.find_spec("scribe_assets")
    assert spec and spec.origin  # noqa: S101, PT018 - this is a module of it
    folder = Path(spec.origin).parent
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
