"""A PostgreSQL server of the tests' own, in a folder that is removed. It listens on the loopback
interface, or at an address of the tests' own network of namespaces."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from scribe_assets.local.processes import free_port

PASSWORD = "hush%2Fhush"
"""As it stands in a URL; it has a slash."""

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def find_programs() -> Path | None:
    """The folder with `postgres` and `initdb`, which Debian keeps out of PATH; None without."""
    beside = shutil.which("postgres")
    folders = [Path(beside).resolve().parent] if beside else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((found for found in folders if (found / "initdb").exists()), None)


class PostgresServer:
    """See the module. Its time zone is another one than that of Dagster's times.

    Args:
        programs: folder of `postgres` and `initdb`.
        address: where it listens.
    """

    def __init__(self, programs: Path, address: str = "127.0.0.1") -> None:
        self.programs = programs
        self.address = address
        self.port = free_port(15432)
        self.folder = Path(tempfile.mkdtemp(prefix="scribe-postgres-", dir="/tmp"))
        self.process: subprocess.Popen[bytes] | None = None
        self.databases = 0
        # PostgreSQL refuses to run as root.
        self.who: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            self.who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        secret = self.folder / "secret"
        secret.write_text(f"{PASSWORD.replace('%2F', '/')}\n")
        secret.chmod(0o644)  # in a folder that only the server's user can enter
        self._run(
            *("initdb", "--username=scribe", f"--pwfile={secret}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"--pgdata={self.data}"),
        )
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://scribe:{PASSWORD}@{self.address}:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        import psycopg2

        self.databases += 1
        name = f"test{self.databases}"
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        connection.close()
        return self.url(name)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import psycopg2

        settings = {
            "listen_addresses": self.address,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "Asia/Tokyo",
            "fsync": "off",
            "max_connections": "200",
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(self.programs / "postgres"), "-D", str(self.data)),
                    *(
                        part
                        for name, value in settings.items()
                        for part in ("-c", f"{name}={value}")
                    ),
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self.who,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg2.connect(self.url("postgres")).close()
                return
            except psycopg2.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail((self.folder / "log").read_text())
                time.sleep(0.1)

    def kill(self) -> None:
        """End it at once, as a crash would, for all that it knows; its data stay."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it as a person does, whoever is connected."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def remove(self) -> None:
        """Stop it, and remove all that it has left."""
        self.kill()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), *arguments],
            cwd="/",
            check=True,
            capture_output=True,
            **self.who,
        )
