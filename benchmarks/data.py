"""Recordings to measure with: `SCRIBE_EVAL_DATA`, by default `../shared/data`; without it the
sample recording of pyannote.audio."""

import os
import platform
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scribe_assets.local.demo import sample
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.timeline import Timeline, Turn

DATA = Path(os.environ.get("SCRIBE_EVAL_DATA", "../shared/data"))
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Example:
    """A recording with its references, those that there are: `rttm` who speaks when, `seglst` who
    says what when, `text` what is said."""

    name: str
    group: str
    media: Path
    rttm: Path | None = None
    seglst: Path | None = None
    text: Path | None = None

    @cached_property
    def waveform(self) -> np.ndarray:
        """(num_samples,) float32 at 16 kHz."""
        return decode(self.media)

    @property
    def turns(self) -> Timeline:
        """The reference of an RTTM file (NIST)."""
        return reference(self.rttm) if self.rttm else Timeline([], [])


def reference(rttm: Path) -> Timeline:
    """The turns of an RTTM file (NIST)."""
    fields = [line.split() for line in rttm.read_text().splitlines() if line.strip()]
    turns = [Turn(float(f[3]), float(f[3]) + float(f[4]), f[7]) for f in fields]
    return Timeline(turns, [])


def examples() -> list[Example]:
    """All of them, in groups: `conversations`, `meetings`, `french`, or only `sample`."""
    if not DATA.is_dir():
        media = sample()
        return [Example("sample", "sample", media, rttm=media.with_suffix(".rttm"))]
    found = []
    for group in ("conversations", "meetings"):
        for media in sorted((DATA / group).glob("*.flac")):
            words = media.with_suffix(".seglst.json")
            found.append(
                Example(
                    media.stem,
                    group,
                    media,
                    rttm=media.with_suffix(".rttm"),
                    seglst=words if words.is_file() else None,
                )
            )
    for media in sorted((DATA / "french").glob("*.mp3")):
        found.append(Example(media.stem, "french", media, text=media.with_suffix(".txt")))
    return found


Measured = TypeVar("Measured")


def in_own_process(function: Callable[..., Measured], *arguments: Any) -> Measured:
    """Where it can disturb nobody, and its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_rss_gb() -> float:
    """The most memory that this process has had, in 10^9 bytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def machine() -> dict[str, Any]:
    """What it was measured on and with."""
    import torch

    packages = ("torch", "pyannote-audio", "faster-whisper", "ctranslate2", "scribe-assets")
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
