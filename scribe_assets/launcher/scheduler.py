"""Who gets which device next: a pure function of what runs and devices are doing.

No sockets, no processes and no clock in here; the host calls `schedule` after each event and does
what it says. The rules:

- Turns go by the place in the queue: Dagster's priority first, then age.
- A run that will need a device and is still being prepared keeps its turn for `PATIENCE_SECONDS`,
  counted from when the next one in line began to wait. So a long recording is not overtaken by all
  the short ones behind it, and a device does not stand still for an hour-long conversion.
- A worker is started for a device only where a run waits that no free or starting worker will
  serve: a worker takes seconds to start and memory to keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 30.0
"""How long a device is kept for a run that was queued earlier and is still being prepared."""

Place = tuple[int, int]
"""A place in the queue, the lower the sooner: the negative priority, then the age."""


@dataclass(frozen=True)
class RunView:
    """What the scheduler has to know of a run.

    Args:
        run_id: its name.
        place: in the queue.
        needs_device: it will ask for a device, or has asked.
        waiting_since: seconds on a steady clock, when it asked for a device; None: it has not.
        has_device: it has one.
    """

    run_id: str
    place: Place
    needs_device: bool
    waiting_since: float | None
    has_device: bool


@dataclass(frozen=True)
class DeviceView:
    """What the scheduler has to know of a device.

    Args:
        name: its name.
        has_worker: there is a worker for it, or one is starting.
        is_ready: the worker owns the device.
        is_busy: the worker works for a run, or is about to end.
    """

    name: str
    has_worker: bool
    is_ready: bool
    is_busy: bool


@dataclass(frozen=True)
class Schedule:
    """What to do now: devices for runs, workers to start, and whom to tell that the devices are
    taken, in order."""

    grants: dict[str, str]
    """Run to device."""
    starts: list[str]
    """Devices."""
    waiting: list[str]
    """Runs."""


def schedule(runs: Sequence[RunView], devices: Sequence[DeviceView], now: float) -> Schedule:
    """Decide who gets a device.

    Args:
        runs: all runs under way.
        devices: all devices.
        now: seconds, on the clock of `RunView.waiting_since`.
    """
    asking = sorted((run for run in runs if run.waiting_since is not None), key=_place)
    entitled = []
    for run in asking:
        if _is_behind(run, runs, now):
            break  # whoever comes after it is behind, too
        entitled.append(run)
    free = [d.name for d in devices if d.has_worker and d.is_ready and not d.is_busy]
    starting = sum(d.has_worker and not d.is_ready and not d.is_busy for d in devices)
    grants = {run.run_id: name for run, name in zip(entitled, free, strict=False)}
    wanted = len(entitled) - len(grants) - starting
    idle = [d.name for d in devices if not d.has_worker]
    return Schedule(
        grants=grants,
        starts=idle[: max(0, wanted)],
        waiting=[run.run_id for run in entitled if run.run_id not in grants],
    )


def _place(run: RunView) -> Place:
    return run.place


def _is_behind(run: RunView, runs: Sequence[RunView], now: float) -> bool:
    """Whether the next turn is kept for an earlier run, which is still being prepared."""
    assert run.waiting_since is not None  # noqa: S101 - see `schedule`
    if now - run.waiting_since >= PATIENCE_SECONDS:
        return False
    return any(
        other.needs_device
        and other.waiting_since is None
        and not other.has_device
        and other.place < run.place
        for other in runs
    )
