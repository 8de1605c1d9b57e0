"""How long the models take while other programs are at work on the same cores.

Each stage is computed alone ("quiet"), and beside so many processes that never rest. Who shares two
cores with two of them gets half of each: twice the quiet time is what can be had beside two, four
times beside six. More than that was lost by cores that wait for each other.

    python -m benchmarks.busy [--beside CHECKOUT] [--busy 0 2 6] [--rounds 5] [--seconds 30]

With `--beside CHECKOUT` another checkout of the project (of the commit before, for example) is
measured, too, in turn with this one in every round. Only one of the two computes at a time; each
has its models loaded and has computed everything once. Of the quiet times the least one counts,
because a machine is never quite quiet, of the others the median.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import RESULTS, examples, machine
from scribe_assets.speech.activity import speech_blocks
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.transcription.decoding import BLOCK_SECONDS
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers

CHECKOUT = Path(__file__).parents[1]
STAGES = ("voice activity", "diarization", "speaker embeddings", "transcription")
RECORDING = "interview-2spk"
"""What is measured, where it is there: half a minute and more of two people."""


NEVER_RESTS = "while True: sum(range(1000))"
"""A program that waits for nothing."""


@contextmanager
def beside(processes: int) -> Iterator[None]:
    """So many other programs at work."""
    command = [sys.executable, "-c", NEVER_RESTS]
    others = [subprocess.Popen(command) for _ in range(processes)]
    try:
        time.sleep(1.0 if others else 0.0)  # until they have started
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def serve(recording: Path, cache: Path) -> None:
    """The other end of `Side`: compute the stage that is named on stdin, print the seconds."""
    waveform = np.load(recording)
    registry = ModelRegistry(cache=cache)
    with registry.diarizer() as diarizer:
        timeline = diarize(diarizer, waveform)

    def embed() -> None:
        with registry.embedder() as model:
            embed_speakers(model, waveform, timeline)

    def find_turns() -> None:
        with registry.diarizer() as diarizer:
            diarize(diarizer, waveform)

    def hear() -> None:
        with registry.transcriber() as whisper:
            transcribe(whisper, waveform)

    actions: list[Callable[[], Any]] = [
        lambda: list(speech_blocks(waveform, BLOCK_SECONDS)),
        find_turns,
        embed,
        hear,
    ]
    by_stage = dict(zip(STAGES, actions, strict=True))
    for action in actions:
        action()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        by_stage[line.strip()]()
        print(time.perf_counter() - started, flush=True)


class Side:
    """A process with the models of one checkout.

    Args:
        checkout: whose `scribe_assets` it computes with.
        recording: NumPy's file of (num_samples,) float32 at 16 kHz.
        cache: for models.
    """

    def __init__(self, checkout: Path, recording: Path, cache: Path):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), "--serve", str(recording), str(cache)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(CHECKOUT)])},
            cwd=checkout,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "Side":
        if self._answer() != "ready":
            raise RuntimeError("it ended before it was ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def seconds(self, stage: str) -> float:
        """Compute a stage."""
        assert self._process.stdin is not None
        print(stage, file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def clip(seconds: float) -> np.ndarray:
    """The beginning of a recording, again and again where it is shorter."""
    found = {one.name: one for one in examples()}
    one = found.get(RECORDING) or next(iter(found.values()))
    return np.resize(one.waveform, int(seconds * SAMPLE_RATE))


def measure(sides: dict[str, Side], number: int, rows: list[dict[str, Any]]) -> None:
    """One round of all stages beside so many processes; adds the seconds to the rows."""
    with beside(number):
        for row in rows:
            if row["busy"] == number:
                taken = sides[row["side"]].seconds(row["stage"])
                row["seconds"].append(round(taken, 3))
                print(
                    f"\r\033[K{row['stage']}, {row['side']}, beside {number}: {taken:.2f} s",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )


def table(rows: list[dict[str, Any]]) -> str:
    """Quiet seconds, and how many times as long it takes beside others."""
    numbers = sorted({row["busy"] for row in rows})
    heads = "".join(f"{f'beside {number}':>22}" for number in numbers if number)
    lines = [f"{'':34}{'quiet (median)':>20}{heads}"]
    for stage, side in dict.fromkeys((row["stage"], row["side"]) for row in rows):
        own = {
            row["busy"]: row["seconds"]
            for row in rows
            if (row["stage"], row["side"]) == (stage, side)
        }
        quiet = min(own.get(0, [float("nan")]))
        line = f"{stage:22}{side:12}{quiet:9.3f} s"
        line += f" ({statistics.median(own[0]):.3f})" if own.get(0) else ""
        line = f"{line:54}"
        for number in numbers:
            if number:
                taken = statistics.median(own[number])
                line += f"{taken:9.3f} s{taken / quiet:8.2f} ×"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT")
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 6], help="processes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--serve", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(*arguments.serve)
        return
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder, ExitStack() as stack:
        recording = Path(folder) / "recording.npy"
        np.save(recording, clip(arguments.seconds))
        checkouts = {"this": CHECKOUT}
        if arguments.beside:
            checkouts = {"other": arguments.beside.absolute(), **checkouts}
        sides = {
            name: stack.enter_context(Side(checkout, recording, Path(folder) / "models"))
            for name, checkout in checkouts.items()
        }
        rows: list[dict[str, Any]] = [
            {"stage": stage, "side": side, "busy": number, "seconds": []}
            for number in arguments.busy
            for stage in arguments.stages
            for side in sides
        ]
        report = {
            "machine": machine(),
            "load_at_start": os.getloadavg(),
            "seconds_of_audio": arguments.seconds,
            "rows": rows,
        }
        RESULTS.mkdir(exist_ok=True)
        for turn in range(arguments.rounds):
            for number in arguments.busy:
                measure(sides, number, rows)
            (RESULTS / "busy.json").write_text(json.dumps(report, indent=2) + "\n")
            print(
                f"\r\033[Kafter round {turn + 1} of {arguments.rounds}\n{table(rows)}", flush=True
            )


if __name__ == "__main__":
    main()
