"""What the devices are doing, by the hosts of the launcher and by the driver of the GPUs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scribe_assets.keys import RecordingRef
from scribe_assets.launcher.hosts import host_statuses

NOBODY = ""


@dataclass(frozen=True)
class Device:
    """A device of the launcher, and the user for whose recording it works; `NOBODY` for none."""

    name: str
    is_busy: bool
    user: str


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU; `use` is the share of the last moments in which it computed, from 0 to 1, and
    None where it is divided (MIG) and does not tell."""

    number: str
    name: str
    memory_used: int
    memory_total: int
    use: float | None


def devices(home: Path) -> tuple[list[Device], int]:
    """The devices of the hosts in a SCRIBE_HOME, and how many runs wait for one."""
    hosts = host_statuses(home)
    found = [
        Device(device.device, device.run_id is not None, _user(device.partition))
        for host in hosts
        for device in host.devices
    ]
    return found, sum(run.waits_for_device for host in hosts for run in host.runs)


def _user(partition: str | None) -> str:
    """Whose recording it is. Not which: each recording would be a time series of its own."""
    try:
        return RecordingRef.from_partition_key(partition or "").user_id
    except ValueError:  # of no recording
        return NOBODY


@cache
def has_driver() -> bool:
    """Whether NVIDIA's driver is there. It stays open: where nobody else uses a GPU, opening it may
    take seconds."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


def gpus() -> Iterator[Gpu]:
    """The NVIDIA GPUs of this machine; none where there is no driver."""
    import pynvml

    if not has_driver():
        return
    try:
        for number in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            name = str(pynvml.nvmlDeviceGetName(handle))
            try:
                use = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            except pynvml.NVMLError_NotSupported:
                use = None
            yield Gpu(str(number), name, int(memory.used), int(memory.total), use)
    except pynvml.NVMLError:  # it was lost a moment ago
        return
