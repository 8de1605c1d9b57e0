"""The whole stack: S3, code location, webserver, daemon; started, watched and stopped together."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit

from scribe_assets.errors import StackError
from scribe_assets.instance.config import check_database, write_config
from scribe_assets.launcher import liveness
from scribe_assets.launcher.hosts import stop_hosts
from scribe_assets.launcher.interruptions import report_lost
from scribe_assets.local.parts import (
    DAEMON,
    LOCATION,
    START_SECONDS,
    start_code_server,
    start_daemon,
    start_metrics,
    start_webserver,
    wait_for_socket,
    write_workspace,
)
from scribe_assets.local.processes import (
    GRACE_SECONDS,
    LOOPBACK,
    Process,
    answers,
    free_port,
    stop,
    wait_for_port,
)
from scribe_assets.local.s3_server import start_s3_server
from scribe_assets.settings import AWS, Settings
from scribe_assets.storage.s3 import S3Storage

METRICS_SECONDS = 10.0
"""How long the first metrics are waited for; with years of runs they take longer, and nobody else
needs them."""

FAILED_TICKS = 5
"""So often in a row the uploads sensor may fail at first: a tick may time out on a busy machine."""

# The state of our sensors as the daemon sees it: a tick means that uploads are being watched.
TICKS_QUERY = """
query Ticks($selector: SensorSelector!, $limit: Int!) {
  sensorOrError(sensorSelector: $selector) {
    ... on Sensor {
      sensorState { ticks(limit: $limit) { status timestamp error { message } } }
    }
  }
}
"""


@dataclass(frozen=True)
class RunningStack:
    """Where a running stack is."""

    pid: int
    ui_url: str
    s3_url: str
    metrics_url: str = ""
    """Empty: it was started by a version without metrics."""


@dataclass
class Stack:
    """A stack this process runs."""

    running: RunningStack
    processes: list[Process]
    metrics: Process

    def check(self) -> None:
        """Raise `StackError` if a process has ended that recordings need."""
        for process in self.processes:
            if process is not self.metrics:
                process.check()

    @property
    def has_metrics(self) -> bool:
        """Whether there are metrics still. Nothing else needs their process."""
        return self.metrics.popen.poll() is None


def find(home: Path) -> RunningStack | None:
    """The stack that another process runs in this SCRIBE_HOME."""
    with _open_lock(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            text = lock.read()
            return RunningStack(**json.loads(text)) if text else None
    return None


@contextmanager
def run(settings: Settings) -> Iterator[Stack]:
    """Start everything, wait until uploads are being watched, and stop everything at the end.

    Raises:
        StackError: a stack runs in this SCRIBE_HOME already, or a part does not start.
    """
    home = settings.home
    with ExitStack() as cleanup:
        lock = cleanup.enter_context(_held_lock(home))
        began = time.time()
        processes: list[Process] = []
        cleanup.callback(_stop_all, processes, home)
        stack = _start_all(settings, processes, cleanup)
        _wait_for_tick(stack, since=began)
        where = urlsplit(stack.running.metrics_url)
        patience = time.monotonic() + METRICS_SECONDS
        while stack.has_metrics and time.monotonic() < patience:
            if answers(where.port or 0, where.hostname or LOOPBACK):
                break
            time.sleep(0.1)
        lock.seek(0)
        lock.truncate()
        lock.write(json.dumps(asdict(stack.running)))
        lock.flush()
        cleanup.callback(lock.truncate, 0)
        yield stack


@contextmanager
def s3_alone(settings: Settings) -> Iterator[None]:
    """S3, for a command that needs no other part: the embedded server runs for its time, unless a
    stack has it running.

    Raises:
        StackError: it does not start, or a stack is just being started.
    """
    if not settings.embedded_s3 or find(settings.home):
        yield
        return
    with _held_lock(settings.home):
        process, _ = start_s3_server(settings)
        try:
            yield
        finally:
            stop([process])


@contextmanager
def _held_lock(home: Path) -> Iterator[IO[str]]:
    """The lock of the one stack in this SCRIBE_HOME, as an empty file."""
    with _open_lock(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            known = find(home)
            where = f" at {known.ui_url} (process {known.pid})" if known else ""
            raise StackError(f"Scribe already runs in {home}{where}") from None
        lock.truncate(0)  # what a killed stack left
        yield lock


def _open_lock(home: Path):  # type: ignore[no-untyped-def]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (home / "stack.lock").open("a+")


def _start_all(settings: Settings, processes: list[Process], cleanup: ExitStack) -> Stack:
    home = settings.home
    stop_hosts(home)  # of a stack that was killed a moment ago
    temporary = home / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)  # of runs that were killed
    temporary.mkdir(mode=0o700)
    check_database(settings)
    dagster_home = write_config(settings)
    # Children read these, and so does this process.
    os.environ.update(
        SCRIBE_HOME=str(home),
        DAGSTER_HOME=str(dagster_home),
        TMPDIR=str(temporary),
        PYTHONWARNINGS="ignore",
    )
    if settings.embedded_s3:
        process, server = start_s3_server(settings)
        processes.append(process)
        s3_url = server.endpoint_url
    else:
        s3_url = settings.endpoint_url or f"https://s3.amazonaws.com ({AWS})"
    S3Storage.from_settings(settings).ensure_buckets()
    fail_orphans(home)

    sockets = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="scribe-", dir="/tmp")))
    code_socket = sockets / "code.sock"
    workspace = write_workspace(home, code_socket)
    code = start_code_server(home, code_socket, settings.log)
    processes.insert(0, code)
    wait_for_socket(code, code_socket)
    host = str(settings.host)
    ui_port = free_port(settings.ui_port, host)
    web = start_webserver(home, workspace, host, ui_port, settings.log)
    processes.insert(0, web)
    processes.insert(0, start_daemon(home, workspace, settings.log))
    metrics_port = free_port(settings.metrics_port, host)
    metrics = start_metrics(home, host, metrics_port)
    processes.insert(0, metrics)
    near = LOOPBACK if settings.host.is_unspecified else host  # 0.0.0.0 is no place to ask
    wait_for_port(web, ui_port, START_SECONDS, near)
    running = RunningStack(
        os.getpid(),
        f"http://{near}:{ui_port}",
        s3_url,
        f"http://{near}:{metrics_port}/metrics",
    )
    return Stack(running, processes, metrics)


def _stop_all(processes: list[Process], home: Path) -> None:
    """Stop the daemon first, so that it starts nothing more; then the runs, which a later start
    takes up again; then the rest, S3 last."""
    if not processes:
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # an impatient second one must not leave half
    daemon = next((process for process in processes if process.name == DAEMON), None)
    if daemon:
        daemon.popen.terminate()
        with suppress(subprocess.TimeoutExpired):  # it is killed below
            daemon.popen.wait(GRACE_SECONDS)
    stop_hosts(home)
    stop(processes)


def fail_orphans(home: Path) -> None:
    """End the runs of a stack that is no more: Dagster would take them for running for ever, and
    start nothing else. They are taken up again, but for those that somebody was cancelling."""
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    with DagsterInstance.get() as instance:
        lost = [
            DagsterRunStatus.STARTING,
            DagsterRunStatus.STARTED,
            DagsterRunStatus.CANCELING,
        ]
        for run_ in instance.get_runs(RunsFilter(statuses=lost)):
            # Alive is a `dagster asset materialize` in a terminal, or in another container.
            if liveness.is_alive(instance, home, run_):
                continue
            if run_.status == DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run_)
            else:
                report_lost(instance, run_)
    liveness.clean(home)


def _wait_for_tick(stack: Stack, since: float) -> None:
    """Wait until the uploads sensor has looked at the bucket once."""
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": LOCATION,
        "sensorName": "uploads_sensor",
    }
    variables = {"selector": selector, "limit": FAILED_TICKS}
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        stack.check()
        answer = graphql(stack.running.ui_url, TICKS_QUERY, variables)
        found = answer.get("sensorOrError", {}).get("sensorState", {}).get("ticks", [])
        ticks = [tick for tick in found if tick["timestamp"] >= since]
        if ticks and ticks[0]["status"] in ("SKIPPED", "SUCCESS"):
            return
        if len(ticks) == FAILED_TICKS and all(tick["status"] == "FAILURE" for tick in ticks):
            raise StackError(f"the uploads sensor fails: {ticks[0]['error']['message']}")
        time.sleep(0.3)
    raise StackError(f"the uploads are not watched after {START_SECONDS:.0f} s; see the logs")


def graphql(ui_url: str, query: str, variables: dict[str, object]) -> dict:
    """Ask the webserver; an empty answer while it starts."""
    request = urllib.request.Request(  # noqa: S310
        f"{ui_url}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response).get("data") or {}
    except (URLError, TimeoutError, ConnectionError):
        return {}
