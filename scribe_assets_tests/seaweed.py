"""SeaweedFS as `deploy/compose.yaml` runs it, with secrets of `deploy/start`, on loopback ports."""

import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from scribe_assets.local.processes import LOOPBACK, executable, free_port

DEPLOY = Path(__file__).parents[1] / "deploy"

START_SECONDS = 120.0
STOP_SECONDS = 60.0


class SeaweedServer:
    """See the module.

    Args:
        folder: an empty one, for its data, secrets and log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.secrets = folder / "secrets"
        self.process: subprocess.Popen[bytes] | None = None
        shutil.copy(DEPLOY / "start", folder)
        made = {"PATH": "/usr/bin:/bin", "COMPOSE": "true"}
        subprocess.run([folder / "start"], env=made, check=True)
        self.port = free_port(18333)
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        own = {
            "-dir": self.data,
            "-s3.config": self.secrets / "s3_config",
            "-s3.port": self.port,
            "-s3.ip.bind": LOOPBACK,
            "-master.port": free_port(19333),
            "-volume.port": free_port(18080),
            "-filer.port": free_port(18888),
            "-volume.preStopSeconds": 1,
        }
        service = compose["services"]["s3"]
        known = (part.partition("=") for part in service["command"])
        options = {name: value for name, _, value in known} | own
        variables = {name: str(value) for name, value in service["environment"].items()}
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)} | variables
        self.command = [executable("weed")]
        self.command += [
            f"{name}={value}" if value != "" else name for name, value in options.items()
        ]

    @property
    def settings(self) -> dict[str, str]:
        """What Scribe has to know of it."""
        return {
            "MINIO_ENDPOINT": f"http://{LOOPBACK}:{self.port}",
            "MINIO_ACCESS_KEY_FILE": str(self.secrets / "s3_access_key"),
            "MINIO_SECRET_KEY_FILE": str(self.secrets / "s3_secret_key"),
        }

    def start(self) -> None:
        """Start it, and wait until it says that it is well."""
        self.data.mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_well():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail((self.folder / "log").read_text()[-3000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """End it at once, as a crash would; what it has stored stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as a person does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def _is_well(self) -> bool:
        try:
            url = f"http://{LOOPBACK}:{self.port}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False
