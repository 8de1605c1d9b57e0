"""Which devices there are. torch is asked in a process of its own: the host stays light."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ASK_SECONDS = 900.0
"""Importing torch takes seconds, and minutes on a machine that does not get to it."""


@contextmanager
def visible_devices(wanted: list[str], setting: str) -> Iterator[Callable[[], list[str]]]:
    """The devices to use; gives a function, so that others can work while torch is imported.

    Args:
        wanted: by the configuration of the launcher; empty: as the setting says.
        setting: SCRIBE_DEVICE; `auto` is every GPU, or one CPU where there is none.
    """
    if wanted or setting != "auto":
        yield lambda: wanted or [setting]
        return
    command = [sys.executable, "-c", "import torch; print(torch.cuda.device_count())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:  # noqa: S603

        def answer() -> list[str]:
            try:
                count, _ = asking.communicate(timeout=ASK_SECONDS)
            except subprocess.TimeoutExpired:
                asking.kill()
                raise RuntimeError(f"torch was not imported within {ASK_SECONDS:.0f} s") from None
            if asking.returncode:
                raise RuntimeError("torch cannot be imported; install the project again")
            return [f"cuda:{number}" for number in range(int(count))] or ["cpu"]

        yield answer
