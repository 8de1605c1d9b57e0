"""Conversion of an hour beside ffmpeg alone: real-time factor and memory.

ffmpeg alone is the plainest command that gives 16 kHz mono FLAC of each track. It puts nothing on
the file's own timeline, and looks into no channel. Both run in turn, in one run of this program.

    python -m benchmarks.conversion [--minutes 60] [--rounds 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data import RESULTS, machine
from scribe_assets.local.demo import sample
from scribe_assets.speech.media import ffmpeg_binary

OURS = "from pathlib import Path; import sys; from scribe_assets.speech.conversion import convert; "
OURS += "print(convert(Path(sys.argv[1]), Path(sys.argv[2]) / 'audio.flac').choice.reason)"


@dataclass(frozen=True)
class Material:
    """An upload of an hour: its name, how ffmpeg makes it, and how many tracks it has."""

    name: str
    options: tuple[str, ...]
    tracks: int = 1
    video: bool = False


MATERIALS = [
    Material("mp3", ("-ac", "2", "-ar", "44100", "-b:a", "128k")),
    Material("m4a", ("-ac", "2", "-ar", "48000", "-b:a", "128k")),
    Material(
        "mp4", ("-ac", "2", "-ar", "48000", "-c:v", "libx264", "-preset", "ultrafast"), 1, True
    ),
    Material("mkv", ("-ac", "1", "-ar", "48000", "-c:a", "libopus"), tracks=6),
]


def make(material: Material, minutes: float, folder: Path) -> Path:
    """The sample recording again and again; in several tracks, each a second later."""
    target = folder / f"{material.tracks}-tracks.{material.name}"
    seconds = f"{minutes * 60:.0f}"
    inputs: list[str] = []
    for number in range(material.tracks):
        inputs += ["-stream_loop", "-1", "-itsoffset", str(number), "-i", str(sample())]
    maps = [text for number in range(material.tracks) for text in ("-map", str(number))]
    if material.video:
        inputs += ["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=5"]
        maps += ["-map", str(material.tracks)]
    _ffmpeg(*inputs, *maps, "-t", seconds, *material.options, str(target))
    return target


def _ffmpeg(*arguments: str) -> None:
    command = [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", *arguments]
    subprocess.run(command, check=True)


def alone(source: Path, tracks: int, folder: Path) -> list[str]:
    """The command of ffmpeg alone."""
    outputs: list[str] = []
    for number in range(tracks):
        outputs += ["-map", f"0:a:{number}", "-ac", "1", "-ar", "16000", "-sample_fmt", "s16"]
        outputs.append(str(folder / f"alone-{number}.flac"))
    return [ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(source), *outputs]


def run(command: Sequence[str]) -> dict[str, float]:
    """Run a command: its wall time, the processor time of it and its children, and their memory."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = code
    if code:
        raise RuntimeError(f"{command[0]} failed")
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,
    }


def measure(material: Material, minutes: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Both in turn, and the medians of their ratios."""
    source = make(material, minutes, folder)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(run(alone(source, material.tracks, folder)))
        ours.append(run([sys.executable, "-c", OURS, str(source), str(folder)]))
    source.unlink()

    def ratio(what: str) -> float:
        pairs = zip(ours, theirs, strict=True)
        return round(statistics.median(our[what] / their[what] for our, their in pairs), 3)

    return {
        "material": f"{minutes:g} min {source.name}",
        "real_time_factor": round(
            statistics.median(one["seconds"] for one in ours) / (minutes * 60), 5
        ),
        "peak_gb": round(max(one["peak_gb"] for one in ours), 3),
        "time_against_ffmpeg": ratio("seconds"),
        "cpu_against_ffmpeg": ratio("cpu_seconds"),
        "ours": ours,
        "ffmpeg": theirs,
    }


def main() -> None:
    """Measure each material, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for material in MATERIALS:
            row = measure(material, arguments.minutes, arguments.rounds, Path(folder))
            rows.append(row)
            print(
                f"{row['material']:24} RTF {row['real_time_factor']:.5f}  {row['peak_gb']:.2f} GB  "
                f"time {row['time_against_ffmpeg']:.2f} and processor time "
                f"{row['cpu_against_ffmpeg']:.2f} of ffmpeg alone",
                flush=True,
            )
    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine(), "rows": rows}
    (RESULTS / "conversion.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
