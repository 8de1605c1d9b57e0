"""ffmpeg as a process: which binary, how it is bounded, and what it complains about."""

import re
import resource
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO

from scribe_assets.speech.media.limits import MediaLimits

MAX_LINES = 20
MAX_LINE = 200
"""Of ffmpeg's complaints, so many different lines of so many characters are kept. A damaged hour
has one for each of its frames."""

EXPECTED = ("not on whitelist", "Last message repeated")
"""Said of every video: its pictures are not decoded."""


def ffmpeg_binary() -> str:
    """Path of the ffmpeg that is used: the packaged one, which is the one that was tested.

    The variable IMAGEIO_FFMPEG_EXE of the package chooses another one.
    """
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass
class Complaints:
    """What ffmpeg says, without repetitions and addresses in memory."""

    hidden: str
    lines: list[str] = field(default_factory=list)
    total: int = 0

    def add(self, line: str) -> None:
        """Keep a line that is new. `hidden`, a path of this machine, is never kept."""
        line = line.replace(self.hidden, "the file")
        line = re.sub(r"^(\[[^]]*\] *)+", "", line.strip())[:MAX_LINE]
        line = re.sub(r"0x[0-9a-f]{6,}", "…", line)
        if not line or any(words in line for words in EXPECTED):
            return
        self.total += 1
        if line not in self.lines and len(self.lines) < MAX_LINES:
            self.lines.append(line)

    def __str__(self) -> str:
        more = self.total - len(self.lines)
        return "\n".join([*self.lines, f"({more} more like these)"] if more else self.lines)


class BoundedFfmpeg:
    """A running ffmpeg that writes to a pipe, and is stopped when it takes too much.

    Attributes:
        output: what it writes.
        complaints: complete after `wait`.
        stopped: why it was stopped, for people; None where it ended by itself.
    """

    def __init__(self, arguments: list[str], hidden: str, limits: MediaLimits):
        self.complaints = Complaints(hidden)
        self.stopped: str | None = None
        self._limits = limits
        self._alive_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603
            [ffmpeg_binary(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout  # noqa: S101
        assert self._process.stderr  # noqa: S101
        self.output = self._process.stdout
        _bound(self._process.pid, limits)
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,))
        self._watchdog = threading.Thread(target=self._watch)
        self._listener.start()
        self._watchdog.start()

    def alive(self) -> None:
        """Tell that something has come from it."""
        self._alive_at = time.monotonic()

    def stop(self, why: str) -> None:
        """End it. The first reason counts."""
        self.stopped = self.stopped or why
        self._process.kill()

    def wait(self) -> int:
        """The exit code, after it has ended."""
        self.output.close()
        code = self._process.wait()
        self._listener.join()
        self._watchdog.join()
        return code

    def _listen(self, errors: IO[bytes]) -> None:
        with errors:
            for line in iter(lambda: errors.readline(4096), b""):
                self.complaints.add(line.decode(errors="replace"))

    def _watch(self) -> None:
        while True:
            try:
                self._process.wait(1.0)
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() > self._alive_at + self._limits.stall_seconds:
                    self.stop(f"nothing came from ffmpeg for {self._limits.stall_seconds:.0f} s")


def _bound(pid: int, limits: MediaLimits) -> None:
    """Let the kernel refuse it more memory and processor time than it may take."""
    memory, seconds = int(limits.memory_gb * 2**30), int(limits.cpu_hours * 3600)
    try:
        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
        resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except ProcessLookupError:  # it has ended already
        return
