"""The worker of a device in a Ray cluster: to host and runs a worker like any other, but what
computes is an actor beside the GPU, on another machine.

The actor belongs to this process: it ends with it, however this process ends, within a tenth of a
second, and Ray gives its GPU to nobody else before. So a run is cancelled, a fresh worker started,
and a stopped Scribe leaves nothing behind, just as on one machine.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scribe_assets.errors import SettingsError
from scribe_assets.launcher.connections import Connection, expect, receive
from scribe_assets.launcher.messages import (
    Broken,
    ExecuteStep,
    Message,
    OpenRun,
    Printed,
    StartWorker,
)
from scribe_assets.launcher.processes import end_with_parent
from scribe_assets.launcher.ray.actor import DeviceActor, Place, code_digest, read_from
from scribe_assets.launcher.ray.cluster import Gpu, connect, gpus
from scribe_assets.launcher.worker import serve
from scribe_assets.settings import Settings, secrets

OURS = ("SCRIBE_", "MINIO_", "AWS_", "HF_", "OMP_")
OF_THIS_MACHINE = ("SCRIBE_HOME", "SCRIBE_DEVICE", "SCRIBE_RAY_ADDRESS", "SCRIBE_LAUNCHER_HOST")

STATE_SECONDS = 5.0
"""How often an actor without work is asked how it is."""

LAST_WORDS_SECONDS = 10.0
LOST_SECONDS = 3.0
"""How long to look whether the machine of a dead actor has gone, too."""


class ActorGone(Exception):  # noqa: N818 - an end, not an error of ours
    """The actor has died; `lost` is whether its machine is gone."""

    def __init__(self, why: str, lost: bool) -> None:
        super().__init__(why)
        self.lost = lost


class ActorWork:
    """A `Work`; see the module.

    Args:
        actor: its handle.
        gpu: its own.
        place: what it says of itself.
    """

    def __init__(self, actor: Any, gpu: Gpu, place: Place) -> None:
        self._actor = actor
        self._gpu = gpu
        self._place = place
        self._gone: ActorGone | None = None
        self._asked = 0.0
        self._is_wanted = False
        self._logs: dict[str, Path] = {}
        self._printed: dict[str, int] = {}

    def open(self, opening: OpenRun) -> Iterator[Message]:
        """See `Work`."""
        files = {"stdout": opening.stdout, "stderr": opening.stderr}
        self._logs = {name: Path(file) for name, file in files.items() if file}
        self._printed = dict.fromkeys(files, 0)
        return self._answers("open", opening)

    def execute(self, request: ExecuteStep) -> Iterator[Message]:
        """See `Work`."""
        return self._answers("execute", request)

    def close(self) -> None:
        """See `Work`.

        Raises:
            ActorGone: it has died.
        """
        if self._gone:
            raise self._gone
        self._write_printed(self._ask("close"))
        self._logs = {}

    def memory(self) -> int:
        """See `Work`."""
        return int(self._ask("memory"))

    def is_wanted(self) -> bool:
        """See `Work`; also how the end of an actor is noticed that has nothing to do."""
        if time.monotonic() - self._asked > STATE_SECONDS:
            self._is_wanted = bool(self._ask("is_wanted"))
            self._asked = time.monotonic()
        return self._is_wanted

    def _ask(self, method: str) -> Any:
        import ray

        try:
            return ray.get(getattr(self._actor, method).remote())
        except ray.exceptions.RayActorError as error:
            raise _end_of(self._gpu, error) from None

    def _answers(self, method: str, request: Message) -> Iterator[Message]:
        import ray

        try:
            for answer in getattr(self._actor, method).remote(request.to_bytes()):
                message = Message.from_bytes(ray.get(answer))
                if isinstance(message, Printed):
                    self._write_printed([message])
                else:
                    yield message
        except ray.exceptions.RayTaskError as error:  # a fault of ours in the actor
            yield Broken(str(error))
        except ray.exceptions.RayError as error:
            self._gone = _end_of(self._gpu, error)
            if not self._gone.lost:
                self._fetch_last_words()
            yield Broken(f"{self._gone}\n{self._last_words()}".strip(), lost=self._gone.lost)

    def _write_printed(self, printed: list[Printed]) -> None:
        for message in printed:
            data = message.text.encode("latin-1")
            self._printed[message.stream] += len(data)
            if log := self._logs.get(message.stream):
                with log.open("ab") as file:
                    file.write(data)

    def _fetch_last_words(self) -> None:
        """What a dead actor printed last is still on its machine."""
        import ray

        remote: Any = ray.remote(read_from)
        reading = remote.options(num_cpus=0, scheduling_strategy=_on(self._gpu))
        try:
            printed = ray.get(
                reading.remote(self._place, dict(self._printed)), timeout=LAST_WORDS_SECONDS
            )
        except ray.exceptions.RayError as error:  # the run ends without them
            print(f"its last words could not be read: {error}", file=sys.stderr)  # noqa: T201
            return
        self._write_printed(printed)

    def _last_words(self) -> str:
        from scribe_assets.launcher.processes import tail

        return tail(self._logs["stderr"]) if "stderr" in self._logs else ""


def _on(gpu: Gpu) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(gpu.node, soft=False)


def _end_of(gpu: Gpu, error: Exception) -> ActorGone:
    """What to say of an actor that has died."""
    if _is_lost(gpu):
        return ActorGone(f"{gpu.address}, the machine of {gpu.device}, has left the cluster", True)
    reason = str(error).strip().splitlines()[-1].partition(" Some common causes")[0]
    reason = reason.rpartition("Worker exit detail: ")[2]
    return ActorGone(f"the process that computes on {gpu.device} has died: {reason}", False)


def _is_lost(gpu: Gpu) -> bool:
    """Whether a machine has gone. Where Ray is stopped there, its processes go a little before."""
    import ray

    deadline = time.monotonic() + LOST_SECONDS
    while time.monotonic() < deadline:
        try:
            nodes = ray.nodes()
        except (ray.exceptions.RayError, ConnectionError, RuntimeError):  # nor is there a cluster
            return True
        if not any(node["Alive"] and node["NodeID"] == gpu.node for node in nodes):
            return True
        time.sleep(0.5)
    return False


def environment(settings: Settings, variables: Mapping[str, str], is_here: bool) -> dict[str, str]:
    """The environment variables that an actor is given: Scribe's settings are those of the machine
    that Scribe was started on. Files with secrets are read there, and SCRIBE_HOME is each machine's
    own.

    Args:
        settings: those of this machine.
        variables: of this process.
        is_here: the actor is on this machine, too.
    """
    given = {
        name: value
        for name, value in variables.items()
        if name.startswith(OURS) and name not in OF_THIS_MACHINE and not name.endswith("_FILE")
    }
    if is_here:
        given["SCRIBE_HOME"] = str(settings.home)
    return given | secrets(settings)


def main() -> None:
    """Serve until it is time to go; the host talks through the file descriptor it names."""
    host = Connection(int(sys.argv[1]))
    start = expect(StartWorker, receive(host))
    end_with_parent(start.parent, signal.SIGKILL)
    try:
        with_actor(host, start)
    except (ActorGone, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - the worker's log
        if not isinstance(error, ActorGone) or not error.lost:
            sys.exit(1)
        time.sleep(LOST_SECONDS)  # the host hears of it from the watch, and starts none here


def with_actor(host: Connection, start: StartWorker) -> None:
    """Start an actor, and serve.

    Raises:
        ActorGone: it has died, or there is no cluster any more, or no such GPU in it.
        SettingsError: a setting is wrong.
    """
    settings = Settings.load()
    try:
        connect(settings)
    except SettingsError as error:
        raise ActorGone(str(error), lost=True) from None
    import ray

    found = next((gpu for gpu in gpus(ray.nodes()) if gpu.device == start.device), None)
    if found is None:
        raise ActorGone(f"{start.device} has left the cluster", lost=True)
    remote: Any = ray.remote(DeviceActor)
    options = {"num_gpus": 1, "num_cpus": 0, "max_restarts": 0, "scheduling_strategy": _on(found)}
    actor = remote.options(**options).remote()
    given = environment(settings, os.environ, found.is_here)
    try:
        # A database on this machine is at the same place for an actor here.
        home = start.home if settings.has_postgres and not found.is_here else None
        place: Place = ray.get(actor.prepare.remote(start.to_bytes(), home, given, code_digest()))
    except ray.exceptions.RayTaskError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the host tells the run that waits
        sys.exit(1)
    except ray.exceptions.RayActorError as error:
        raise _end_of(found, error) from None
    serve(host, start, ActorWork(actor, found, place))


if __name__ == "__main__":
    main()
