"""Checks of this machine: space, programs, packages, weights, devices."""

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scribe_assets import __version__
from scribe_assets.local.doctor.finding import Finding, State
from scribe_assets.metrics.devices import Gpu, has_driver
from scribe_assets.speech.compute import cores
from scribe_assets.speech.media import ffmpeg_binary

GIB = 1024**3
NEEDED_BYTES = 5 * GIB
"""Without it, a few hours of sound with many tracks fill the disk while they are converted."""

ADVISED_BYTES = 20 * GIB
"""Room for a model that is downloaded, for logs, and for recordings on the embedded S3 server."""

PACKAGES = {
    "dagster": "Dagster",
    "torch": "torch",
    "faster-whisper": "faster-whisper",
    "pyannote-audio": "pyannote.audio",
}

TORCH_SECONDS = 300
TORCH = """
import json, torch
names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "names": names}))
"""


def disk(home: Path) -> Finding:
    """Whether there is space for what is converted and kept."""
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    text = f"{home}, {free / GIB:.1f} GiB free"
    if free >= ADVISED_BYTES:
        return Finding("home", "ok", text)
    wanted = f"{NEEDED_BYTES // GIB} GiB are needed and {ADVISED_BYTES // GIB} advised"
    state: State = "warning" if free >= NEEDED_BYTES else "failure"
    todo = "make room, or set SCRIBE_HOME to a larger disk"
    return Finding("home", state, f"{text}; {wanted}: {todo}")


def ffmpeg() -> Finding:
    """Whether ffmpeg runs."""
    answer = subprocess.run([ffmpeg_binary(), "-version"], capture_output=True, text=True)
    if answer.returncode:
        return Finding("ffmpeg", "failure", f"{ffmpeg_binary()} does not run; install it again")
    return Finding("ffmpeg", "ok", answer.stdout.partition("\n")[0])


def versions() -> Finding:
    """What is installed."""
    told = [f"Scribe {__version__}", f"Python {platform.python_version()}"]
    missing = []
    for package, name in PACKAGES.items():
        try:
            told.append(f"{name} {version(package)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        gone = f"{' and '.join(missing)} missing: install the project again"
        return Finding("versions", "failure", f"{', '.join(told)}; {gone}")
    return Finding("versions", "ok", ", ".join(told))


def gpu(cards: list[Gpu], driver: str | None, budget_gb: float) -> Finding:
    """What the driver of the GPUs tells, and whether the models have the memory they may use.

    Args:
        cards: all GPUs.
        driver: its version; None where there is none.
        budget_gb: SCRIBE_VRAM_BUDGET_GB.
    """
    if driver is None:
        return Finding("GPU", "ok", f"none with NVIDIA's driver; there are {cores()} cores")
    if not cards:
        text = f"driver {driver}, and no GPU that it shows to this process"
        return Finding("GPU", "warning", f"{text}: check the power, or what the container may see")
    told = ", ".join(f"{card.name} with {card.memory_total / GIB:.0f} GiB" for card in cards)
    text = f"{told}; driver {driver}"
    small = [card for card in cards if card.memory_total < budget_gb * 1e9]
    if small:
        smallest = min(card.memory_total for card in small) / 1e9
        todo = f"set SCRIBE_VRAM_BUDGET_GB, now {budget_gb:g}, to less than {smallest:.1f}"
        return Finding("GPU", "warning", f"{text}: {todo}")
    return Finding("GPU", "ok", text)


def driver_version() -> str | None:
    """The version of NVIDIA's driver; None where there is none."""
    import pynvml

    return str(pynvml.nvmlSystemGetDriverVersion()) if has_driver() else None


@dataclass(frozen=True)
class Torch:
    """What torch says of itself: `cuda` is the version it was built for, `names` are the GPUs that
    it can use."""

    version: str
    cuda: str | None
    names: list[str]


def ask_torch() -> Torch | str:
    """Ask torch, in a process of its own: it takes seconds and 500 MB. A sentence where it cannot
    be imported."""
    try:
        answer = subprocess.run(
            [sys.executable, "-c", TORCH], capture_output=True, text=True, timeout=TORCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"torch was not imported within {TORCH_SECONDS} s; is the machine very busy?"
    if answer.returncode:
        why = answer.stderr.strip().rpartition("\n")[2]
        return f"torch cannot be imported ({why}): install the project again"
    return Torch(**json.loads(answer.stdout))


def device(wanted: str, torch: Torch | str, cards: list[Gpu]) -> Finding:
    """On what the models compute.

    Args:
        wanted: SCRIBE_DEVICE.
        torch: see `ask_torch`.
        cards: what the driver tells.
    """
    if isinstance(torch, str):
        return Finding("device", "failure", torch)
    built = f"torch {torch.version}, " + (f"CUDA {torch.cuda}" if torch.cuda else "without CUDA")
    kind, _, index = wanted.partition(":")
    if kind == "cpu" or (kind == "auto" and not torch.names and not cards):
        return Finding("device", "ok", f"cpu, {cores()} cores; {built}")
    if kind == "cuda" and int(index or 0) >= len(torch.names):
        text = f"SCRIBE_DEVICE is {wanted}, and torch can use {len(torch.names)} GPUs ({built})"
        todo = "set it to auto or cpu, or check the driver"
        return Finding("device", "failure", f"{text}: {todo}")
    if not torch.names:
        todo = "update the driver, or install a torch with CUDA"
        text = f"there is a GPU that torch cannot use ({built})"
        return Finding("device", "warning", f"{text}, so that the CPU computes: {todo}")
    used = [torch.names[int(index)]] if index else torch.names
    return Finding("device", "ok", f"{wanted}, {', '.join(used)}; {built}")
