"""Which devices there are, and the one that a process computes on.

torch is asked in a process of its own: the host stays light.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from scribe_assets.device_settings import DeviceSettings
from scribe_assets.launcher.lease import Lease

ASK_SECONDS = 900.0
"""Importing torch takes seconds, and minutes on a machine that does not get to it."""


@contextmanager
def using_device() -> Iterator[str]:
    """Have a device for oneself; gives its name as torch takes it, such as `cuda:1`.

    In a step with `op_tags=ON_DEVICE` of a launched run it is the device of the worker that
    executes the step. In any other process (`dagster asset materialize`, a test, a script) it is
    the first one that SCRIBE_DEVICE stands for, and this waits until nobody else has it; the
    process then keeps it until it ends, as what it has loaded stays there.

    Raises:
        PermanentError: the step belongs to a launched run, and is not executed by a worker.
        SettingsError: SCRIBE_HOME or SCRIBE_DEVICE is wrong.
    """
    settings = DeviceSettings.load()
    device = _first_device(settings.device)
    with Lease(settings.home, device).using():
        yield device


@cache
def _first_device(setting: str) -> str:
    with visible_devices([], setting) as devices:
        return devices()[0]


@contextmanager
def visible_devices(wanted: list[str], setting: str) -> Iterator[Callable[[], list[str]]]:
    """The devices to use; gives a function, so that others can work while torch is imported.

    Args:
        wanted: by the configuration of the launcher; empty: as the setting says.
        setting: SCRIBE_DEVICE; `auto` is every GPU that torch sees, or one CPU where there is none.
    """
    if wanted or setting != "auto":
        yield lambda: wanted or [setting]
        return
    if find_spec("torch") is None:
        yield lambda: ["cpu"]
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
