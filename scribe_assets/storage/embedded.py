"""The file that says where the embedded S3 server of a SCRIBE_HOME is, and the names it keeps.

`local/s3_server.py` writes it when it starts the server; whoever talks to the server reads it.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

RENAMED = re.compile("[\x00-\x1f\x7f]|(?<!‛)‛(?![‛␀-␡／．])")


def is_kept_name(key: str) -> bool:
    """Whether the embedded server goes on listing an object under the key that it was given.

    rclone writes a control character of a file name as its picture (`␊` for a newline) and doubles
    a single `‛`, with which it quotes such pictures (https://rclone.org/overview/#encoding). Until
    it next reads the folder, within a minute, it lists the object under the name that it was given,
    from then on only under the other one.
    """
    return not RENAMED.search(key)


@dataclass(frozen=True)
class EmbeddedServer:
    """The port and the credentials of the embedded S3 server of a SCRIBE_HOME."""

    port: int
    access_key: str
    secret_key: str

    @property
    def endpoint_url(self) -> str:
        """The server listens on the loopback interface only."""
        return f"http://127.0.0.1:{self.port}"

    @staticmethod
    def file(home: Path) -> Path:
        """The file, which its owner alone can read."""
        return home / "s3" / "server.json"

    @classmethod
    def read(cls, home: Path) -> "EmbeddedServer | None":
        """What the file says; None before the first start."""
        try:
            return cls(**json.loads(cls.file(home).read_text()))
        except FileNotFoundError:
            return None

    def write(self, home: Path) -> None:
        """Write the file, whole or not at all."""
        file = self.file(home)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
        ) as out:
            json.dump(asdict(self), out)
        temporary.replace(file)
