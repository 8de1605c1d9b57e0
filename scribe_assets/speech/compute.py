"""How work is spread over cores, and with which precision networks run.

What belongs here is what several rooms of `speech` share. torch is imported inside the functions.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

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
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def one_core_each(device: "torch.device") -> Iterator[Callable[..., Iterable[Any]]]:
    """Give a `map` that works on several items at a time, each on a core of its own.

    A short piece of speech is too little work to be shared by all cores: two pieces, each on a core
    of its own, take 0.6 of the time that they take one after the other on both. On a GPU, which
    takes whole batches, it is the plain `map`.

    Args:
        device: on which the items are computed.
    """
    import torch

    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield map
        return
    try:
        with ThreadPoolExecutor(threads, "core", torch.set_num_threads, (1,)) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)


def half_precision_on_gpu(device: "torch.device") -> AbstractContextManager[Any]:
    """Compute with 16 bit floats on a GPU, where that is faster and as good; else as it is."""
    import torch

    if device.type == "cuda":
        return torch.autocast("cuda", torch.float16)
    return nullcontext()
