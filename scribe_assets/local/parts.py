"""The parts of the stack that are Dagster's or ask Dagster: how each of them is started."""

import socket
import sys
import time
from pathlib import Path

import yaml

from scribe_assets.errors import StackError
from scribe_assets.local.processes import Process, executable, start
from scribe_assets.logs import LogForm

START_SECONDS = 1800.0
"""A part starts within ten seconds, and took minutes beside other programs. One that has ended is
noticed at once; this is only for one that hangs."""

LOCATION = "scribe"
DAEMON = "the daemon"
DAGSTER_OPTIONS = {"text": (), "json": ("--log-format", "json")}


def write_workspace(home: Path, code_socket: Path) -> Path:
    """The workspace file, by which webserver and daemon find the code location."""
    workspace = home / "dagster" / "workspace.yaml"
    server = {"socket": str(code_socket), "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    return workspace


def start_code_server(home: Path, code_socket: Path, form: LogForm = "text") -> Process:
    """Start the code location, which evaluates sensors; runs have processes of their own."""
    return start(
        "the code location",
        [
            *(sys.executable, "-m", "dagster", "api", "grpc", "--socket", str(code_socket)),
            *("--module-name", "scribe_assets.definitions", "--location-name", LOCATION),
            *("--use-python-environment-entry-point", "--inject-env-vars-from-instance"),
            *DAGSTER_OPTIONS[form],
        ],
        home / "logs" / "code.log",
    )


def start_webserver(
    home: Path, workspace: Path, host: str, port: int, form: LogForm = "text"
) -> Process:
    """Start Dagster's UI."""
    return start(
        "the webserver",
        [
            *(executable("dagster-webserver"), "--host", host, "--port", str(port)),
            *("--workspace", str(workspace), *DAGSTER_OPTIONS[form]),
        ],
        home / "logs" / "webserver.log",
    )


def start_daemon(home: Path, workspace: Path, form: LogForm = "text") -> Process:
    """Start the daemon: sensors, queue, monitoring, backfills."""
    return start(
        DAEMON,
        [
            *(executable("dagster-daemon"), "run", "--workspace", str(workspace)),
            *DAGSTER_OPTIONS[form],
        ],
        home / "logs" / "daemon.log",
    )


def start_metrics(home: Path, host: str, port: int) -> Process:
    """Start what a monitoring system asks."""
    return start(
        "the metrics",
        [
            *(sys.executable, "-m", "scribe_assets.metrics"),
            *("--host", host, "--port", str(port)),
        ],
        home / "logs" / "metrics.log",
    )


def wait_for_socket(process: Process, path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if path.exists() and probe.connect_ex(str(path)) == 0:
                return
        process.check()
        if time.monotonic() > deadline:
            raise StackError(f"{process.name} does not start:\n{process.last_lines}")
        time.sleep(0.1)
