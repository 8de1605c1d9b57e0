"""Who gets a device: rules that hold for whatever runs and devices there are."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.launcher.scheduler import (
    PATIENCE_SECONDS,
    DeviceView,
    RunView,
    schedule,
)

NOW = 1000.0


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[RunView], list[DeviceView]]:
    """Runs with places of their own, in all states; and devices in all states."""
    runs = []
    priorities = draw(st.lists(st.integers(-3, 3), max_size=8))
    for number, priority in enumerate(priorities):
        needs, has = draw(st.booleans()), draw(st.booleans())
        waits = None if has else draw(st.none() | st.floats(NOW - 2 * PATIENCE_SECONDS, NOW))
        needs = needs or has or waits is not None
        runs.append(RunView(f"run {number}", (priority, number), needs, waits, has))
    devices = []
    for number in range(draw(st.integers(1, 4))):
        state = draw(st.sampled_from(["none", "starting", "free", "busy", "leaving"]))
        devices.append(
            DeviceView(
                f"cuda:{number}",
                has_worker=state != "none",
                is_ready=state in ("free", "busy", "leaving"),
                is_busy=state in ("busy", "leaving"),
            )
        )
    return runs, devices


def free(device: DeviceView) -> bool:
    return device.has_worker and device.is_ready and not device.is_busy


@given(situations())
def test_no_device_goes_to_two_runs_and_none_that_is_taken(
    situation: tuple[list[RunView], list[DeviceView]],
) -> None:
    runs, devices = situation
    plan = schedule(runs, devices, NOW)
    assert len(set(plan.grants.values())) == len(plan.grants)
    assert set(plan.grants.values()) <= {device.name for device in devices if free(device)}
    waiting = {run.run_id for run in runs if run.waiting_since is not None}
    assert set(plan.grants) <= waiting
    assert not set(plan.grants) & set(plan.waiting)


@given(situations())
def test_the_order_of_the_queue_is_kept(
    situation: tuple[list[RunView], list[DeviceView]],
) -> None:
    runs, devices = situation
    plan = schedule(runs, devices, NOW)
    places = {run.run_id: run.place for run in runs}
    asking = {run.run_id for run in runs if run.waiting_since is not None}
    for run_id in plan.grants:
        earlier = {other for other in asking if places[other] < places[run_id]}
        assert earlier <= set(plan.grants)
    assert plan.waiting == sorted(plan.waiting, key=places.__getitem__)


@given(situations())
def test_no_worker_is_started_that_nobody_needs_and_none_is_missing(
    situation: tuple[list[RunView], list[DeviceView]],
) -> None:
    runs, devices = situation
    plan = schedule(runs, devices, NOW)
    starting = sum(d.has_worker and not d.is_ready for d in devices)
    idle = sum(not d.has_worker for d in devices)
    unserved = max(0, len(plan.waiting) - starting)
    assert len(plan.starts) == min(unserved, idle)
    assert set(plan.starts) <= {device.name for device in devices if not device.has_worker}


@given(situations())
def test_whoever_was_patient_gets_a_free_device(
    situation: tuple[list[RunView], list[DeviceView]],
) -> None:
    runs, devices = situation
    late = [r if r.waiting_since is None else replace(r, waiting_since=0.0) for r in runs]
    plan = schedule(late, devices, NOW)
    asking = sum(run.waiting_since is not None for run in late)
    assert len(plan.grants) == min(asking, sum(map(free, devices)))


def test_two_runs_and_one_free_device_of_three_start_one_worker() -> None:
    """Two were started once."""
    runs = [RunView(str(n), (0, n), True, NOW, False) for n in range(2)]
    idle = [DeviceView(name, False, False, False) for name in ("cuda:1", "cuda:2")]
    plan = schedule(runs, [DeviceView("cuda:0", True, True, False), *idle], NOW)
    assert plan.grants == {"0": "cuda:0"}
    assert plan.starts == ["cuda:1"]


@dataclass
class House:
    """Runs and devices that do as they are told, step by step."""

    to_come: list[tuple[int, int, int]]
    """(priority, seconds of preparation, seconds on the device)"""
    devices: int
    now: float = 0.0
    runs: dict[str, RunView] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)
    prepared_at: dict[str, float] = field(default_factory=dict)
    holds: dict[str, tuple[str, float]] = field(default_factory=dict)
    workers: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)

    def step(self) -> None:
        """One second."""
        self.now += 1
        if self.to_come:
            priority, preparation, _ = self.to_come[0]
            name = str(len(self.runs) + len(self.done))
            self.runs[name] = RunView(name, (-priority, int(name)), True, None, False)
            self.prepared_at[name] = self.now + preparation
            self.seconds[name] = self.to_come.pop(0)[2]
        for name, run in self.runs.items():
            is_being_prepared = run.waiting_since is None and not run.has_device
            if is_being_prepared and self.now >= self.prepared_at[name]:
                self.runs[name] = replace(run, waiting_since=self.now)
        for name, (_, until) in list(self.holds.items()):
            if self.now >= until:
                del self.holds[name], self.runs[name]
                self.done.append(name)
        held = {device for device, _ in self.holds.values()}
        names = [f"cuda:{n}" for n in range(self.devices)]
        views = [DeviceView(n, n in self.workers, n in self.workers, n in held) for n in names]
        plan = schedule(list(self.runs.values()), views, self.now)
        for name, device in plan.grants.items():
            self.runs[name] = replace(self.runs[name], waiting_since=None, has_device=True)
            self.holds[name] = (device, self.now + self.seconds[name])
        self.workers |= set(plan.starts)


@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 100), st.integers(0, 20)), max_size=12),
    st.integers(1, 3),
)
def test_nobody_starves(to_come: list[tuple[int, int, int]], devices: int) -> None:
    house = House(list(to_come), devices)
    bound = sum(preparation + use + 3 for _, preparation, use in to_come)
    bound += len(to_come) * int(PATIENCE_SECONDS + 3)
    for _ in range(bound):
        house.step()
    assert len(house.done) == len(to_come)
