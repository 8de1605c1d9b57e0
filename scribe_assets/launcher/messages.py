"""What launcher, host, runs and workers say to each other: a small dataclass for each message.

| from | to | message |
|---|---|---|
| launcher | host | `Launch` -> `Launched`, `Stale` or `Refused`; `Watch`, to be there |
| `scribe` | host | `AskStatus` -> `HostStatus` |
| run | host | `DeviceNeeded`; `Acquire` -> `Waiting`, `Granted` or `WorkerDied`; `Release` |
| host | worker | `StartWorker`; `Go` |
| worker | host | `Ready`; `RunLeft` after a run has left; `MayIGo` -> `Go` |
| run | worker | `OpenRun`, then `ExecuteStep` each -> `StepEvent` …, then `Done` or `Broken` |
| watch of a Ray cluster | host | `Cluster`, as often as it changes |
| worker | actor in a Ray cluster | as a run to a worker; `Printed` comes back, too |

Messages are JSON behind the name of their class. What is Dagster's (runs, jobs, states, events) is
text that Dagster itself serialized. How they travel is in `connections.py`.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar

from pydantic import TypeAdapter


class Message:
    """The base of all messages."""

    kinds: ClassVar[dict[str, type["Message"]]] = {}

    def __init_subclass__(cls) -> None:
        Message.kinds[cls.__name__] = cls

    def to_bytes(self) -> bytes:
        """The message as it travels."""
        return f"{type(self).__name__} {json.dumps(asdict(self))}".encode()  # type: ignore[call-overload]

    @staticmethod
    def from_bytes(data: bytes) -> "Message":
        """The inverse of `to_bytes`.

        Raises:
            ValueError: there is no such message, or it has other fields.
        """
        name, _, fields = data.decode().partition(" ")
        if name not in Message.kinds:
            raise ValueError(f"there is no message {name!r}")
        message: Message = _parser(name).validate_json(fields)
        return message


@cache
def _parser(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(Message.kinds[name])


# Between a launcher, or the command line, and a host


@dataclass(frozen=True)
class Launch(Message):
    """Start this run, unless it is under way or over."""

    run_id: str


@dataclass(frozen=True)
class Launched(Message):
    """The run has a process, or needs none any more."""


@dataclass(frozen=True)
class Stale(Message):
    """The code on disk has changed: another host has to start the run."""


@dataclass(frozen=True)
class Refused(Message):
    """The run cannot be started."""

    why: str


@dataclass(frozen=True)
class Watch(Message):
    """A launcher is there; the host stays as long as this connection is open."""


@dataclass(frozen=True)
class AskStatus(Message):
    """What is going on?"""


@dataclass(frozen=True)
class DeviceStatus:
    """What a device is doing; `worker` is a process number, `partition` that of its run."""

    device: str
    doing: str
    worker: int | None
    run_id: str | None
    partition: str | None


@dataclass(frozen=True)
class RunStatus:
    """A run under way; `pid` is the number of its process."""

    run_id: str
    partition: str
    pid: int
    waits_for_device: bool


@dataclass(frozen=True)
class HostStatus(Message):
    """A host: `starting` while it loads the definitions, `retired` when its code is outdated and it
    sees its last runs to the end. Runs are in the order of the queue."""

    pid: int
    state: str
    devices: list[DeviceStatus]
    runs: list[RunStatus]


# Between a run and its host


@dataclass(frozen=True)
class DeviceNeeded(Message):
    """Whether the run will ask for a device; if so, its turn is kept."""

    needed: bool


@dataclass(frozen=True)
class Acquire(Message):
    """The run needs a device now."""


@dataclass(frozen=True)
class Waiting(Message):
    """Not yet; `why` is for people."""

    why: str


@dataclass(frozen=True)
class Granted(Message):
    """The run has the device; its worker listens at `address`."""

    device: str
    address: str
    worker_pid: int
    runs_served: int


@dataclass(frozen=True)
class WorkerDied(Message):
    """The worker that the run has, or waits for, is gone; `why` has its last words."""

    why: str


@dataclass(frozen=True)
class Release(Message):
    """The run lets go of its device; `needed_again` is whether it will ask once more."""

    needed_again: bool


# Between a host and a worker


@dataclass(frozen=True)
class Limits:
    """When a worker makes room for a fresh one."""

    runs: int
    growth_bytes: int
    idle_seconds: float


@dataclass(frozen=True)
class StartWorker(Message):
    """How a worker starts: `parent` is the host's process number, `instance` and `job` are
    serialized, `preload` are modules, `address` is where it shall listen."""

    parent: int
    home: str
    device: str
    instance: str
    job: str
    preload: list[str]
    address: str
    limits: Limits


@dataclass(frozen=True)
class Ready(Message):
    """The worker has the device, and listens."""


@dataclass(frozen=True)
class RunLeft(Message):
    """A run has left; `runs_served` counts it."""

    runs_served: int


@dataclass(frozen=True)
class MayIGo(Message):
    """The worker wants to end, if no run was promised to it since; see `RunLeft`."""

    runs_served: int


@dataclass(frozen=True)
class Go(Message):
    """The worker may end."""


# Between a run and a worker


@dataclass(frozen=True)
class OpenRun(Message):
    """Prepare for these steps of a run. `job`, `run`, `known_state` are serialized; `stdout` and
    `stderr` are files for what the steps print, if any."""

    steps: list[str]
    job: str
    run: str
    known_state: str
    retries: str
    stdout: str | None
    stderr: str | None


@dataclass(frozen=True)
class ExecuteStep(Message):
    """Execute a step; `known_state` is serialized."""

    step: str
    known_state: str


@dataclass(frozen=True)
class StepEvent(Message):
    """An event of the step, serialized; it is stored already."""

    event: str


@dataclass(frozen=True)
class Done(Message):
    """The worker is ready for the next request."""


@dataclass(frozen=True)
class Broken(Message):
    """The worker could not do it; the fault is not the step's, and fails the run. `lost` is whether
    the machine of the device has gone, for which no recording can be blamed."""

    error: str
    lost: bool = False


# Between the machine of the runs and a Ray cluster


@dataclass(frozen=True)
class Cluster(Message):
    """The devices that the cluster has now; `problem` is a sentence on why it has no more."""

    devices: list[str]
    problem: str


@dataclass(frozen=True)
class Printed(Message):
    """What was printed to `stdout` or `stderr`: bytes, each as the character of its number."""

    stream: str
    text: str
