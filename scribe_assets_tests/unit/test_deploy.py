"""What `deploy/start` makes, and that Compose publishes nothing to other machines."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the folder, without what an installation of ours may have made there."""
    ours = shutil.ignore_patterns(".env", "secrets", "backup")
    return shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=ours)


def start(clone: Path) -> dict[str, str]:
    """Run the script with a Compose that does nothing; the files it made."""
    environment = {"PATH": "/usr/bin:/bin", "COMPOSE": "true"}
    subprocess.run([clone / "start"], env=environment, check=True)
    made = [clone / ".env", *(clone / "secrets").iterdir()]
    return {str(file.relative_to(clone)): file.read_text() for file in made}


def test_it_makes_every_secret_once(clone: Path) -> None:
    made = start(clone)
    for secret in COMPOSE["secrets"].values():
        assert made[secret["file"]]
    assert stat.S_IMODE((clone / "secrets").stat().st_mode) == 0o700
    assert start(clone) == made, "what is there is kept"


def test_the_s3_server_knows_the_credentials(clone: Path) -> None:
    made = start(clone)
    (identity,) = json.loads(made["secrets/s3_config"])["identities"]
    assert identity["credentials"] == [
        {"accessKey": made["secrets/s3_access_key"], "secretKey": made["secrets/s3_secret_key"]}
    ]


def test_two_installations_share_no_secret(clone: Path, tmp_path: Path) -> None:
    other = shutil.copytree(clone, tmp_path / "other")
    first, second = start(clone), start(other)
    assert not [name for name in first if name != ".env" and first[name] == second[name]]


def test_only_this_machine_reaches_what_is_published() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
