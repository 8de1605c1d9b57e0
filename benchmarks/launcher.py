"""What a run costs beyond the computation of the models, by how runs are executed.

1. *Ways*: one recording's models in a fresh process, in a process forked from one that has the
   libraries imported, and in one that has them loaded already.
2. *Launchers*: the same recordings through the whole stack (S3, sensor, queue, results), with
   Dagster's default launcher, a process per run, and with `GpuRunLauncher`. The overhead of a
   recording is the time from the first run's start to the last run's end, by recordings, less what
   the models alone take for one, measured in this process before and after.

    python -m benchmarks.launcher [--recordings 40] [--seconds 5] [--default-recordings 40]

With `--beside CHECKOUT` it is not Dagster's launcher that is measured, but another checkout of the
project (of the commit before, for example), in turn with this one.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.data import RESULTS, machine
from scribe_assets.local.demo import sample
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers

USER = "bench"
PORTS = {"SCRIBE_UI_PORT": "13500", "SCRIBE_S3_PORT": "19500"}
LIMIT_SECONDS = 3600.0
CHECKOUT = Path(__file__).parents[1]


def clips(count: int, seconds: float) -> list[np.ndarray]:
    """Different pieces of the sample recording: (num_samples,) float32 at 16 kHz each."""
    whole = decode(sample())
    length = int(seconds * media.SAMPLE_RATE)
    starts = np.linspace(0, len(whole) - length, count).astype(int)
    return [whole[start : start + length] for start in starts]


def compute(registry: ModelRegistry, waveform: np.ndarray) -> None:
    """What the models do for one recording, and nothing else."""
    with registry.diarizer() as pipeline:
        timeline = diarize(pipeline, waveform)
    with registry.embedder() as model:
        embed_speakers(model, waveform, timeline)
    with registry.transcriber() as whisper:
        transcribe(whisper, waveform)


def models_alone(registry: ModelRegistry, waveforms: list[np.ndarray]) -> float:
    """Seconds for one recording, with the models loaded."""
    compute(registry, waveforms[0])
    started = time.perf_counter()
    for waveform in waveforms:
        compute(registry, waveform)
    return (time.perf_counter() - started) / len(waveforms)


def ways(cache: Path, waveform: np.ndarray, repeats: int) -> dict[str, float]:
    """Seconds for one recording in each way of having a process for it; the least of `repeats`."""
    script = (
        "import sys; from pathlib import Path; from benchmarks.launcher import *; "
        "compute(ModelRegistry(cache=Path(sys.argv[1])), clips(3, float(sys.argv[2]))[1])"
    )
    seconds = len(waveform) / media.SAMPLE_RATE
    command = [sys.executable, "-c", script, str(cache), str(seconds)]
    importlib.import_module("scribe_assets.speech.engine.libraries")

    def fresh() -> None:
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)

    def forked() -> None:
        child = multiprocessing.get_context("fork").Process(
            target=compute, args=(ModelRegistry(cache=cache), waveform)
        )
        child.start()
        child.join()
        if child.exitcode:
            raise RuntimeError(f"the forked process ended with {child.exitcode}")

    # The fork comes before torch has started threads here, which a child would not have.
    found = {"forked from a preloaded process": least(forked, repeats)}
    found["a process of its own"] = least(fresh, repeats)
    warm = ModelRegistry(cache=cache)
    compute(warm, waveform)
    found["a long-lived worker"] = least(lambda: compute(warm, waveform), repeats)
    return found


def least(action: Any, repeats: int) -> float:
    """Seconds that an action takes at least."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


@contextmanager
def stack(home: Path, default_launcher: bool, checkout: Path) -> Iterator[None]:
    """`scribe up` in a home of its own, with Dagster's launcher or with ours, from any checkout."""
    environment = {**os.environ, **PORTS, "SCRIBE_HOME": str(home), "PYTHONPATH": str(checkout)}
    if default_launcher:
        environment["SCRIBE_BENCH_DEFAULT_LAUNCHER"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.launcher", "--stack"],
        env=environment,
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.strip() == "ready":
                yield
                break
        else:
            raise RuntimeError(f"the stack ended with {process.wait()}; see {home}/logs")
    finally:
        process.terminate()
        process.wait()


def run_stack() -> None:
    """The other end of `stack`: `scribe up`, if asked for with the launcher taken out."""
    from scribe_assets.instance import config as instance

    if os.environ.get("SCRIBE_BENCH_DEFAULT_LAUNCHER"):
        config = yaml.safe_load(instance.packaged().read_text())
        del config["run_launcher"]
        # All models share one device, and nothing but the queue keeps the runs apart.
        config["run_coordinator"]["config"]["max_concurrent_runs"] = 1
        changed = Settings.load().home / "dagster-default.yaml"
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(yaml.safe_dump(config))
        instance.packaged = lambda: changed
    from scribe_assets.cli import main

    sys.argv = ["scribe", "up"]
    main()


def through_the_stack(
    waveforms: list[np.ndarray], default_launcher: bool, home: Path, checkout: Path = CHECKOUT
) -> dict[str, Any]:
    """Upload all, wait for all, and read from Dagster when runs started and ended."""
    import soundfile
    from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter

    from scribe_assets.storage.s3 import S3Storage

    with stack(home, default_launcher, checkout):
        os.environ["SCRIBE_HOME"] = str(home)
        storage = S3Storage.from_settings(Settings.load())
        # One first, by which everything is started and warm: the question is what the next cost.
        names = ["warm-up.wav", *(f"{number}.wav" for number in range(len(waveforms)))]
        with DagsterInstance.from_config(str(home / "dagster")) as instance:
            for batch in (names[:1], names[1:]):
                for name in batch:
                    file = home / name
                    soundfile.write(file, waveforms[names.index(name) - 1], media.SAMPLE_RATE)
                    storage.upload(file, storage.uploads_bucket, f"{USER}/{name}", "audio/wav")
                wait_for_runs(instance, names.index(batch[-1]) + 1)
            records = instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.SUCCESS]))
            records = sorted(records, key=lambda record: record.start_time or 0)[1:]
            loads: dict[str, Counter[str]] = {}
            for asset in ("diarization", "speaker_embeddings", "transcript"):
                events = instance.fetch_materializations(AssetKey(asset), limit=len(names)).records
                counted = [
                    record.asset_materialization.metadata["model_loads"].value
                    for record in events
                    if record.asset_materialization
                ]
                loads[asset] = Counter(str(count) for count in counted)
    starts = [record.start_time for record in records if record.start_time]
    ends = [record.end_time for record in records if record.end_time]
    if len(ends) != len(waveforms):
        raise RuntimeError(f"{len(ends)} of {len(waveforms)} runs succeeded; see {home}/logs")
    return {
        "recordings": len(ends),
        "seconds": round(max(ends) - min(starts), 2),
        "seconds_per_recording": round((max(ends) - min(starts)) / len(ends), 3),
        "model_loads": {asset: dict(found) for asset, found in loads.items()},
    }


def wait_for_runs(instance: Any, count: int) -> None:
    """Wait until so many runs have ended, and show how many have."""
    from dagster import DagsterRunStatus, RunsFilter

    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
    deadline = time.monotonic() + LIMIT_SECONDS
    while (now := instance.get_runs_count(RunsFilter(statuses=ended))) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{now} of {count} runs ended within {LIMIT_SECONDS:.0f} s")
        print(f"\r{now} of {count} runs", end="", file=sys.stderr, flush=True)
        time.sleep(1)
    print(f"\r{count} runs        ", file=sys.stderr)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--default-recordings", type=int, default=None, metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=3, help="of --beside")
    parser.add_argument("--stack", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stack:
        run_stack()
        return
    waveforms = clips(arguments.recordings, arguments.seconds)
    if arguments.beside:
        print(beside(arguments.beside.absolute(), waveforms, arguments.rounds))
        return
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        cache = Path(folder) / "models"
        by_way = ways(cache, clips(3, arguments.seconds)[1], repeats=2)
        registry = ModelRegistry(cache=cache)
        before = models_alone(registry, waveforms)
        default = through_the_stack(
            waveforms[: arguments.default_recordings], True, Path(folder) / "default"
        )
        ours = through_the_stack(waveforms, False, Path(folder) / "ours")
        after = models_alone(registry, waveforms)
    alone = (before + after) / 2
    for found in (default, ours):
        found["overhead_per_recording"] = round(found["seconds_per_recording"] - alone, 3)
    report = {
        "machine": machine(),
        "seconds_of_audio": arguments.seconds,
        "models_alone": {"before": round(before, 3), "after": round(after, 3)},
        "ways": {name: round(seconds, 2) for name, seconds in by_way.items()},
        "launchers": {"Dagster's default": default, "GpuRunLauncher": ours},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "launcher.json").write_text(json.dumps(report, indent=2) + "\n")
    print(table(report))


def beside(checkout: Path, waveforms: list[np.ndarray], rounds: int) -> str:
    """Seconds of a recording through the stack of this checkout and of another one, in turn."""
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        pairs = []
        for number in range(rounds):
            pair = [
                through_the_stack(waveforms, False, Path(folder) / f"{number}-{name}", code)
                for name, code in (("other", checkout), ("this", CHECKOUT))
            ]
            pairs.append([found["seconds_per_recording"] for found in pair])
            print(f"other {pairs[-1][0]:.2f} s, this {pairs[-1][1]:.2f} s", file=sys.stderr)
    ratios = sorted(this / other for other, this in pairs)
    return (
        f"{len(waveforms)} recordings a round; seconds each, other and this: {pairs}; "
        f"this by other: median {ratios[len(ratios) // 2]:.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}"
    )


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    alone = sum(report["models_alone"].values()) / 2
    lines = [f"{'a recording in':42}{'seconds':>9}"]
    lines += [f"{name:42}{seconds:9.2f}" for name, seconds in report["ways"].items()]
    lines += ["", f"{'launcher':22}{'runs':>6}{'s each':>9}{'models':>9}{'overhead':>10}"]
    for name, found in report["launchers"].items():
        lines.append(
            f"{name:22}{found['recordings']:6}{found['seconds_per_recording']:9.2f}"
            f"{alone:9.2f}{found['overhead_per_recording']:10.2f}"
        )
    default, ours = report["launchers"].values()
    ratio = default["overhead_per_recording"] / max(0.01, ours["overhead_per_recording"])
    lines.append(f"{ratio:.0f} times less overhead; loads {ours['model_loads']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
