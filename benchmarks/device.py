"""Time and memory of a device, and where in a program they go."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import Any
from unittest import mock

TOP = 8
"""So many operators are listed by the time they take."""


@dataclass
class Measured:
    """Seconds of each round, and the most memory of the device in 10^9 bytes: what torch had
    allocated, and what the driver saw, CTranslate2's included; None without a GPU."""

    seconds: list[float] = field(default_factory=list)
    torch_gb: float | None = None
    device_gb: float | None = None


class Memory:
    """The most memory of a device within the context; `peaks` afterwards. Of the driver's figure
    that counts which this process did not hold before."""

    def __init__(self, device: str):
        self._is_gpu = device.startswith("cuda")
        self._index = int(device.partition(":")[2] or 0)
        self._most, self._done = 0, Event()
        self.peaks: tuple[float | None, float | None] = (None, None)

    def __enter__(self) -> "Memory":
        if self._is_gpu:
            import pynvml
            import torch

            torch.cuda.reset_peak_memory_stats(self._index)
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(self._index)
            self._thread = Thread(target=self._watch)
            self._thread.start()
        return self

    def _watch(self) -> None:
        import pynvml

        while not self._done.wait(0.01):
            self._most = max(self._most, pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    def __exit__(self, *_: object) -> None:
        if self._is_gpu:
            import torch

            self._done.set()
            self._thread.join()
            allocated = torch.cuda.max_memory_allocated(self._index)
            self.peaks = (round(allocated / 1e9, 2), round(self._most / 1e9, 2))


def timed(device: str, rounds: int, action: Callable[[], Any]) -> tuple[Any, Measured]:
    """The result of an action, and what it took after a first time that does not count."""
    result, measured = action(), Measured()
    with Memory(device) as memory:
        for _ in range(rounds):
            _wait(device)
            started = time.perf_counter()
            result = action()
            _wait(device)
            measured.seconds.append(round(time.perf_counter() - started, 4))
    measured.torch_gb, measured.device_gb = memory.peaks
    return result, measured


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)


@contextmanager
def shares(owner: Any, methods: dict[str, str]) -> Iterator[dict[str, float]]:
    """Seconds spent in some methods of an object, by the names given to them; summed over threads,
    of which several may be in one at a time."""
    taken = dict.fromkeys(methods.values(), 0.0)

    def counted(name: str, original: Callable[..., Any], *args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(*args, **options)
        finally:
            taken[name] += time.perf_counter() - started

    with mock.patch.multiple(
        owner,
        **{
            method: partial(counted, name, getattr(owner, method))
            for method, name in methods.items()
        },
    ):
        yield taken


def top_operators(device: str, action: Callable[[], Any]) -> list[tuple[str, float]]:
    """torch's operators by the time that they themselves take on the device, in milliseconds; only
    those of the thread that calls, which on a CPU leaves the work to others."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device.startswith("cuda")
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * on_gpu
    with profile(activities=activities) as profiler:
        action()
        _wait(device)
    kind = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = [(row.key, getattr(row, kind) / 1000) for row in profiler.key_averages()]
    return sorted(rows, key=lambda row: -row[1])[:TOP]
