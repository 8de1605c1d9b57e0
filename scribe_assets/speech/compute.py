"""How work is spread over cores, and with which precision networks run.

What belongs here is what several rooms of `speech` share. torch is imported inside the functions.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    workers: int, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """`map` by several threads, which takes an item only when it will soon be needed.

    Args:
        workers: the number of threads.
        function: called with each item.
        items: taken one by one, at most twice as many ahead as there are threads.
    """
    with ThreadPoolExecutor(workers) as pool:
        yield from _mapped(pool, workers, function, items)


def _mapped(
    pool: ThreadPoolExecutor,
    workers: int,
    function: Callable[[Item], Result],
    items: Iterable[Item],
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 2 * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def cores() -> int:
    """How many cores this process may use: OMP_NUM_THREADS, else those that it is not kept from.

    torch is not asked: CTranslate2 changes what torch would answer.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked):
        return int(asked)
    allowed = len(os.sched_getaffinity(0))
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


@contextmanager
def unshared_operators(device: "torch.device") -> Iterator[None]:
    """Let each of torch's operators run on one core, that of the thread which calls it.

    torch shares the work of one operator among all cores, and lets each of them spin until the last
    one is done; where other programs are at work, that one is not even running
    (docs/decisions/0017-a-core-a-piece.md). On a GPU nothing is changed.

    Args:
        device: on which is computed.
    """
    import torch

    if device.type != "cpu":
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def one_core_each(device: "torch.device") -> Iterator[Callable[..., Iterable[Any]]]:
    """Give a `map` that works on several items at a time, each on a core of its own.

    Within the context no operator is shared by cores. An item is taken only when it will soon be
    needed. On a GPU, which takes whole batches, it is the plain `map`.

    Args:
        device: on which the items are computed.
    """
    import torch

    if device.type != "cpu":
        yield map
        return
    workers = cores()
    with (
        unshared_operators(device),
        # The number of threads is a setting of each thread.
        ThreadPoolExecutor(workers, "core", torch.set_num_threads, (1,)) as pool,
    ):
        yield partial(_mapped, pool, workers)


def half_precision_on_gpu(device: "torch.device") -> AbstractContextManager[Any]:
    """Compute with 16 bit floats on a GPU, where that is faster and as good; else as it is."""
    import torch

    if device.type == "cuda":
        return torch.autocast("cuda", torch.float16)
    return nullcontext()
