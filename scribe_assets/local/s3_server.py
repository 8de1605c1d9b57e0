"""The embedded S3 server: `rclone serve s3` over plain folders in SCRIBE_HOME."""

import secrets
from pathlib import Path

from scribe_assets.local.processes import Process, executable, free_port, start, wait_for_port
from scribe_assets.settings import Settings
from scribe_assets.storage.embedded import EmbeddedServer

UNFINISHED_PATTERN = ".rclone_temp_put_*"


def data_folder(home: Path) -> Path:
    """Where the objects are, as plain files: a folder a bucket."""
    return home / "s3" / "data"


def start_s3_server(settings: Settings) -> tuple[Process, EmbeddedServer]:
    """Start the server on the loopback interface, at SCRIBE_S3_PORT or the next free one.

    Its credentials are those of the settings, or are made at the first start.

    Objects are files in `home/s3/data/BUCKET/KEY`. rclone writes each to a hidden file and renames
    it, so an object appears whole or not at all.
    """
    home = settings.home
    data = data_folder(home)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for unfinished in data.rglob(UNFINISHED_PATTERN):  # of a server that was killed
        unfinished.unlink(missing_ok=True)
    known = EmbeddedServer.read(home)
    server = EmbeddedServer(
        port=free_port(settings.s3_port),
        access_key=settings.minio_access_key
        or (known.access_key if known else f"scribe{secrets.token_hex(6)}"),
        secret_key=settings.minio_secret_key.get_secret_value()
        or (known.secret_key if known else secrets.token_urlsafe(30)),
    )
    process = start(
        "the embedded S3 server",
        [
            executable("rclone"),
            "serve",
            "s3",
            # An ETag is an MD5, for which rclone would read every object again after each start and
            # whenever its listing is older than minutes; `hasher` remembers it.
            f":hasher,remote={_quoted(str(data))},hashes=md5,max_age=off:",
            "--cache-dir",
            str(home / "cache" / "rclone"),
            "--addr",
            f"127.0.0.1:{server.port}",
            "--vfs-cache-mode",
            "off",
            # How long a name that rclone does not keep is listed; see `is_kept_name`.
            "--dir-cache-time",
            "1m",
            "--config",
            "/dev/null",
            *(["--use-json-log"] if settings.log == "json" else []),
        ],
        log=home / "logs" / "s3.log",
        # In the environment, where other users cannot see it as they see a command line. rclone
        # reads it as a CSV list, hence the quotes.
        environment={"RCLONE_AUTH_KEY": f'"{server.access_key},{server.secret_key}"'},
    )
    wait_for_port(process, server.port, seconds=20)
    server.write(home)
    return process, server


def _quoted(value: str) -> str:
    """A value in one of rclone's connection strings."""
    return '"' + value.replace('"', '""') + '"'
