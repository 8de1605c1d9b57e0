"""Time and memory of the whole chain from ten minutes to six hours.

The recordings are made of the conversations one after the other, each followed by silence that
lasts `--pause` times as long, as a day's recording would have it. Every length is processed in a
process of its own, whose peak memory is read; the audio lies in a file and is read as needed.

    python -m benchmarks.long [--hours 0.167 1 6] [--pause 2.5]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import RESULTS, examples, in_own_process, machine, peak_rss_gb
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.media import SAMPLE_RATE, AudioFile
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers


def generate(hours: float, pause: float, target: Path) -> float:
    """Write a recording of so many hours and return the share of it that is conversation."""
    import soundfile

    parts = [one.waveform for one in examples() if one.group in ("conversations", "sample")]
    left, talk = int(hours * 3600 * SAMPLE_RATE), 0
    total = left
    with soundfile.SoundFile(target, "w", SAMPLE_RATE, 1, subtype="PCM_16") as file:
        number = 0
        while left > 0:
            part = parts[number % len(parts)][:left]
            silence = np.zeros(min(int(pause * len(part)), left - len(part)), np.float32)
            file.write(part)
            file.write(silence)
            talk += len(part)
            left -= len(part) + len(silence)
            number += 1
    return talk / total


def measure(media: Path, cache: Path) -> dict[str, Any]:
    """Seconds of each stage, and the peak memory of this process."""
    registry = ModelRegistry(cache=cache)
    seconds: dict[str, float] = {}
    with AudioFile(media) as waveform:
        started = time.perf_counter()
        with registry.diarizer() as pipeline:
            loaded = time.perf_counter()
            timeline = diarize(pipeline, waveform)
        seconds["diarization"] = time.perf_counter() - loaded
        with registry.embedder() as model:
            begun = time.perf_counter()
            embed_speakers(model, waveform, timeline)
        seconds["speaker embeddings"] = time.perf_counter() - begun
        with registry.transcriber() as whisper:
            begun = time.perf_counter()
            said = transcribe(whisper, waveform)
        seconds["transcription"] = time.perf_counter() - begun
        begun = time.perf_counter()
        result = fuse(said, timeline)
        seconds["fusion"] = time.perf_counter() - begun
        duration = len(waveform) / SAMPLE_RATE
    return {
        "hours": round(duration / 3600, 3),
        "seconds": {stage: round(taken, 2) for stage, taken in seconds.items()},
        "total_seconds": round(time.perf_counter() - started, 1),
        "peak_rss_gb": peak_rss_gb(),
        "speakers": len(timeline.speakers),
        "words": sum(len(segment.words) for segment in result),
        "removed": said.removed,
        "languages": sorted({segment.language or "" for segment in said.segments}),
    }


def plot(rows: list[dict[str, Any]], target: Path) -> None:
    """Minutes and memory over hours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    rows = sorted(rows, key=lambda row: row["hours"])
    hours = [row["hours"] for row in rows]
    for stage in ("diarization", "speaker embeddings", "transcription"):
        left.plot(hours, [row["seconds"][stage] / 60 for row in rows], "o-", label=stage)
    left.plot(hours, [row["total_seconds"] / 60 for row in rows], "o-", color="k", label="all")
    left.set(xlabel="hours of recording", ylabel="minutes of computation")
    left.legend()
    right.plot(hours, [row["peak_rss_gb"] for row in rows], "o-", color="k")
    right.set(xlabel="hours of recording", ylabel="peak memory of the process (GB)", ylim=(0, 4))
    for panel in (left, right):
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
    left.set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1 / 6, 1, 6])
    parser.add_argument("--pause", type=float, default=2.5, help="silence by talk")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        for hours in arguments.hours:
            media = Path(folder) / "long.flac"
            talk = generate(hours, arguments.pause, media)
            row = in_own_process(measure, media, Path(folder) / "models")
            rows.append({**row, "talk": round(talk, 3)})
            print(rows[-1], flush=True)
            (RESULTS / "long.json").write_text(
                json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n"
            )
    plot(rows, RESULTS / "long.png")


if __name__ == "__main__":
    main()
