"""How many GPUs one control machine can keep busy: a simulation with the launcher's own scheduler.

A backlog of recordings is worked off. For each, the daemon launches a run, which converts the
upload and prepares the rest on a core of the control machine, waits for a device by the rules of
`scribe_assets.launcher.scheduler`, has it for as long as its models compute, and finishes on a
core again. The daemon launches one run after the other.

    python -m benchmarks.scale [--measure] [--plot FILE]

`--measure` runs the whole stack on short recordings, and reads from the system how much processor
time each of its processes needs for a run beyond what it needs without one; `MEASURED` comes from
there. How fast a GPU is, is assumed (`SPEEDS`): nobody has measured one.
"""

import argparse
import heapq
import itertools
import json
import os
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.data import RESULTS, machine
from scribe_assets.launcher.scheduler import PATIENCE_SECONDS, DeviceView, RunView, schedule

GPUS = (1, 2, 4, 8, 16, 32, 64)
CORES = (2, 8, 32)
SPEEDS = (20.0, 100.0)
"""Seconds of sound in a second on a GPU, all stages: a slow and a fast guess."""

LENGTHS = (300.0, 3600.0)
"""Seconds of a recording."""


@dataclass(frozen=True)
class Costs:
    """What a run needs of the control machine, in seconds of one core.

    Attributes:
        launch: of the daemon, which launches one run after the other.
        around: of the run's own process and of the servers, beside the conversion.
        conversion: for each second of sound.
    """

    launch: float
    around: float
    conversion: float


MEASURED = Costs(launch=0.2, around=1.2, conversion=0.0029)


@dataclass
class Simulated:
    """One recording's run."""

    number: int
    asked: float | None = None
    device: str | None = None
    is_finishing: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a simulation.

    Attributes:
        speed: hours of sound in an hour.
        devices: share of the time in which a device was at work.
    """

    speed: float
    devices: float


class Simulation:
    """A backlog of equal recordings; see the module.

    Args:
        gpus: how many devices.
        cores: of the control machine.
        costs: of a run.
        length: of each recording, in seconds.
        speed: of a device, see `SPEEDS`.
    """

    def __init__(self, gpus: int, cores: int, costs: Costs, length: float, speed: float) -> None:
        self.costs, self.length, self.on_device = costs, length, length / speed
        self.devices: dict[str, Simulated | None] = {f"cuda:{n}": None for n in range(gpus)}
        self.queue = deque(Simulated(number) for number in range(40 * gpus + 60))
        self.under_way: dict[int, Simulated] = {}
        self.most = 3 + 2 * gpus  # max_concurrent_runs, as docs/launcher.md has it
        self.free_cores = cores
        self.for_a_core: deque[tuple[float, Callable[[], None]]] = deque()
        self.launching = False
        self.now = 0.0
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.counted = itertools.count()
        self.ended: list[float] = []

    def run(self) -> Outcome:
        """Until every recording is done; the first and the last tenth are not counted."""
        self._look()
        while self.events:
            self.now, _, happens = heapq.heappop(self.events)
            happens()
            self._look()
        tenth = len(self.ended) // 10
        took = self.ended[-tenth] - self.ended[tenth]
        counted = len(self.ended) - 2 * tenth
        at_work = counted * self.on_device / took / len(self.devices)
        return Outcome(counted * self.length / took, min(1.0, at_work))

    def _after(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + seconds, next(self.counted), happens))

    def _on_a_core(self, seconds: float, then: Callable[[], None]) -> None:
        """First come, first served."""
        self.for_a_core.append((seconds, then))

    def _look(self) -> None:
        """Whatever can begin now, begins."""
        if self.queue and not self.launching and len(self.under_way) < self.most:
            self.launching = True
            run = self.queue.popleft()
            self.under_way[run.number] = run
            self._on_a_core(self.costs.launch, lambda: self._launched(run))
        views = [
            RunView(
                str(run.number),
                (0, run.number),
                not run.is_finishing,
                run.asked,
                run.device is not None,
            )
            for run in self.under_way.values()
        ]
        devices = [
            DeviceView(name, True, True, run is not None) for name, run in self.devices.items()
        ]
        for number, name in schedule(views, devices, self.now).grants.items():
            self._granted(self.under_way[int(number)], name)
        while self.free_cores and self.for_a_core:
            seconds, then = self.for_a_core.popleft()
            self.free_cores -= 1
            self._after(seconds, lambda then=then: self._core_is_free(then))

    def _core_is_free(self, then: Callable[[], None]) -> None:
        self.free_cores += 1
        then()

    def _launched(self, run: Simulated) -> None:
        self.launching = False
        preparation = self.costs.around / 2 + self.costs.conversion * self.length
        self._on_a_core(preparation, lambda: self._asks(run))

    def _asks(self, run: Simulated) -> None:
        run.asked = self.now
        self._after(PATIENCE_SECONDS, lambda: None)  # an earlier run is waited for no longer

    def _granted(self, run: Simulated, device: str) -> None:
        run.asked, run.device, self.devices[device] = None, device, run
        self._after(self.on_device, lambda: self._left(run, device))

    def _left(self, run: Simulated, device: str) -> None:
        run.device, self.devices[device], run.is_finishing = None, None, True
        self._on_a_core(self.costs.around / 2, lambda: self._done(run))

    def _done(self, run: Simulated) -> None:
        del self.under_way[run.number]
        self.ended.append(self.now)


def measure(recordings: int, seconds: float) -> tuple[Costs, dict[str, float]]:
    """Processor time of a run on this machine, and by process, in seconds of one core.

    The first recording brings everything up. What the stack needs without a run is measured
    afterwards for as long, and taken off.
    """
    import soundfile
    from dagster import DagsterInstance

    from benchmarks.launcher import CHECKOUT, USER, clips, stack, wait_for_runs
    from scribe_assets.settings import Settings
    from scribe_assets.speech.media import SAMPLE_RATE
    from scribe_assets.storage.s3 import S3Storage

    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        home = Path(folder)
        with stack(home, False, CHECKOUT):
            os.environ["SCRIBE_HOME"] = str(home)
            storage = S3Storage.from_settings(Settings.load())
            waveforms = clips(recordings + 1, seconds)
            for number, waveform in enumerate(waveforms):
                soundfile.write(home / f"{number}.wav", waveform, SAMPLE_RATE)

            def work(numbers: range) -> None:
                for number in numbers:
                    key = f"{USER}/{number}.wav"
                    storage.upload(home / f"{number}.wav", storage.uploads_bucket, key, "audio/wav")
                with DagsterInstance.from_config(str(home / "dagster")) as instance:
                    wait_for_runs(instance, numbers.stop)

            work(range(1))
            before, began = processor_seconds(home), time.monotonic()
            work(range(1, recordings + 1))
            after, took = processor_seconds(home), time.monotonic() - began
            time.sleep(took)
            idle = processor_seconds(home)
    used = {
        name: max(0.0, 2 * after[name] - before[name] - idle[name]) / recordings for name in after
    }
    around = sum(used.values()) - used.get("daemon", 0.0) - used.get("worker", 0.0)
    conversion = MEASURED.conversion
    return Costs(used.get("daemon", 0.0), around - conversion * seconds, conversion), used


NAMES = {
    "dagster-daemon": "daemon",
    "launcher.worker": "worker",
    "launcher.host": "host and runs",
    "dagster-webserver": "web server",
    "rclone": "S3 server",
    "api grpc": "code location",
}


def processor_seconds(home: Path) -> Counter[str]:
    """By kind of process, of all that work for one home, with what they started and ended."""
    import psutil

    found: Counter[str] = Counter()
    for process in psutil.process_iter():
        try:
            if process.environ().get("SCRIBE_HOME") != str(home):
                continue
            command = " ".join(process.cmdline())
            name = next((NAMES[part] for part in NAMES if part in command), "others")
            found[name] += sum(process.cpu_times()[:4])
        except psutil.Error:  # it has just ended, and is in its parent's time
            continue
    return found


def table(outcomes: dict[tuple[float, float, int, int], Outcome]) -> str:
    """For people: hours of sound in an hour, and how busy the devices are."""
    lines = []
    for speed in SPEEDS:
        for length in LENGTHS:
            lines.append(
                f"\nrecordings of {length / 60:.0f} minutes, a GPU {speed:.0f} times real time: "
                "hours of sound in an hour, and how busy the GPUs are"
            )
            lines.append("   GPUs" + "".join(f"{cores:>11} cores" for cores in CORES))
            for gpus in GPUS:
                found = [outcomes[speed, length, cores, gpus] for cores in CORES]
                cells = "".join(f"{one.speed:11.0f} {one.devices:4.0%} " for one in found)
                lines.append(f"{gpus:7}{cells}")
    return "\n".join(lines)


def plot(outcomes: dict[tuple[float, float, int, int], Outcome], target: Path) -> None:
    """Hours of sound in an hour over the number of GPUs; straight is as good as it gets."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(1, len(LENGTHS), figsize=(9, 3.6), sharey=True)
    speed = SPEEDS[-1]
    for axes, length in zip(rows, LENGTHS, strict=True):
        axes.plot(GPUS, [speed * gpus for gpus in GPUS], ":", color="grey", label="ideal")
        for cores in CORES:
            speeds = [outcomes[speed, length, cores, gpus].speed for gpus in GPUS]
            axes.plot(GPUS, speeds, "o-", label=f"{cores} cores")
        axes.set(
            xscale="log", yscale="log", xlabel="GPUs", title=f"recordings of {length / 60:.0f} min"
        )
        axes.set_xticks(GPUS, [str(gpus) for gpus in GPUS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    rows[0].set_ylabel("hours of sound in an hour")
    rows[0].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def main() -> None:
    """Measure if asked to, simulate, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--recordings", type=int, default=24, help="of --measure")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    costs, used = MEASURED, {}
    if arguments.measure:
        costs, used = measure(arguments.recordings, 5.0)
        print(f"seconds of one core for a run: {used}")
    outcomes = {
        (speed, length, cores, gpus): Simulation(gpus, cores, costs, length, speed).run()
        for speed in SPEEDS
        for length in LENGTHS
        for cores in CORES
        for gpus in GPUS
    }
    print(costs, table(outcomes), sep="\n")
    if arguments.plot:
        plot(outcomes, arguments.plot)
    report = {
        "machine": machine(),
        "costs": asdict(costs),
        "used": used,
        "outcomes": [
            {"gpu_speed": speed, "length": length, "cores": cores, "gpus": gpus, **asdict(found)}
            for (speed, length, cores, gpus), found in outcomes.items()
        ],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scale.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
