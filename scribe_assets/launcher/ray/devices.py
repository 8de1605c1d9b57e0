"""The devices of a Ray cluster, as the host hears of them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from scribe_assets.device_settings import DeviceSettings
from scribe_assets.errors import SettingsError
from scribe_assets.launcher.connections import Connection, expect, pair, receive, wait
from scribe_assets.launcher.messages import Cluster
from scribe_assets.launcher.processes import open_log, tail

START_AGAIN_SECONDS = 3.0
ANSWER_SECONDS = 60.0


class RayDevices:
    """The process that watches the cluster. It ends where the cluster cannot be used, and is
    started again: tokens are corrected, heads come back.

    Args:
        home: SCRIBE_HOME.
        address: of the cluster.
    """

    def __init__(self, home: Path, address: str) -> None:
        self.cluster = Cluster([], f"the Ray cluster at {address} is being asked")
        self.connection: Connection | None = None
        self._address = address
        self._log = home / "logs" / "ray.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._start_again = 0.0

    def tend(self) -> None:
        """Start the process, if there is none.

        Raises:
            OSError: that is not possible now.
        """
        if self.connection or time.monotonic() < self._start_again:
            return
        self._start_again = time.monotonic() + START_AGAIN_SECONDS
        ours, theirs = pair()
        module = "scribe_assets.launcher.ray.watch"
        try:
            with open_log(self._log) as output:
                self._process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self.connection = ours

    def hear(self) -> bool:
        """Take what the process says, or its end; returns whether `cluster` has changed."""
        assert self.connection is not None  # noqa: S101 - or it would not be heard
        before = self.cluster
        try:
            self.cluster = expect(Cluster, receive(self.connection))
        except (EOFError, ConnectionError):
            self.stop()
            self._start_again = time.monotonic() + START_AGAIN_SECONDS
        return self.cluster != before

    def ask(self) -> Cluster:
        """What the cluster has, or what is wrong with it, once.

        Raises:
            OSError: the process cannot be started.
        """
        self.tend()
        try:
            if self.connection and wait([self.connection], ANSWER_SECONDS):
                self.hear()
            if self.connection is None:  # it ended without a word
                return Cluster([], f"Ray cannot be used:\n{tail(self._log, lines=5)}")
            return self.cluster
        finally:
            self.stop()

    def stop(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self.connection:
            self.connection.close()
            self.connection = None


def check_cluster(settings: DeviceSettings) -> str:
    """Ask the cluster what it has, and return that for people.

    Raises:
        SettingsError: it cannot be used, or not all of it; one sentence.
    """
    cluster = RayDevices(settings.home, settings.ray_address).ask()
    if cluster.problem:
        raise SettingsError(cluster.problem)
    return f"cluster at {settings.ray_address}: {', '.join(cluster.devices)}"
