"""What is asked of a Ray cluster, and what to tell people where it does not work."""

import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from scribe_assets.errors import SettingsError
from scribe_assets.launcher.workers import RAY_PREFIX
from scribe_assets.settings import Settings, postgres_host

CONNECT_SECONDS = 5.0
DEFAULTS = {
    # A cluster without a token executes what anybody in its network sends. Whoever wants that says
    # so by this variable.
    "RAY_AUTH_MODE": "token",
    # Recordings are private: nothing is reported to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
    # Seconds for which an answer is tried again that will not change, such as "wrong token".
    "RAY_NUM_REDIS_GET_RETRIES": "2",
}


@dataclass(frozen=True)
class Gpu:
    """A GPU of the cluster.

    Args:
        device: its name, such as `ray:10.0.0.7:0`: address of the machine, and a number.
        node: what Ray calls the machine.
        address: of the machine.
    """

    device: str
    node: str
    address: str

    @property
    def is_here(self) -> bool:
        """Whether it is in this machine."""
        return self.address in own_addresses()


def gpus(nodes: Sequence[dict[str, Any]]) -> list[Gpu]:
    """The GPUs of a cluster.

    Args:
        nodes: as `ray.nodes()` gives them.

    >>> node = {"Alive": True, "NodeID": "a1", "NodeManagerAddress": "10.0.0.7"}
    >>> [gpu.device for gpu in gpus([{**node, "Resources": {"CPU": 8.0, "GPU": 2.0}}])]
    ['ray:10.0.0.7:0', 'ray:10.0.0.7:1']
    """
    found: list[Gpu] = []
    counted: dict[str, int] = {}
    for node in sorted(nodes, key=lambda node: str(node["NodeID"])):
        if not node["Alive"]:
            continue
        address = node["NodeManagerAddress"]
        for _ in range(int(node["Resources"].get("GPU", 0))):
            # Several nodes of one address are several Ray processes on one machine.
            number = counted[address] = counted.get(address, -1) + 1
            found.append(Gpu(f"{RAY_PREFIX}{address}:{number}", node["NodeID"], address))
    return sorted(found, key=lambda gpu: gpu.device)


def usable(found: Sequence[Gpu], settings: Settings) -> tuple[list[Gpu], str]:
    """Those that can reach what Scribe keeps, and a sentence about the others, if there are any."""
    missing = []
    if not settings.has_postgres or _is_own(postgres_host(settings)):
        missing.append("Dagster's runs in a PostgreSQL that they reach (SCRIBE_POSTGRES_URL)")
    if settings.embedded_s3 or _is_own(urlsplit(settings.endpoint_url or "").hostname):
        missing.append("an S3 server that they reach (MINIO_ENDPOINT)")
    here = [gpu for gpu in found if gpu.is_here]
    elsewhere = sorted({gpu.address for gpu in found if gpu not in here})
    if not missing or not elsewhere:
        return list(found), ""
    needs = ", and ".join(missing)
    return here, f"the GPUs of {', '.join(elsewhere)} are not used, as other machines need {needs}"


def _is_own(host: str | None) -> bool:
    """Whether a host means another machine on each machine; None is Amazon's S3."""
    return host is not None and (host in ("", "localhost", "[::1]", "::1") or host[:4] == "127.")


def own_addresses() -> set[str]:
    """The addresses of this machine."""
    return {
        address.address
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }


def connect(settings: Settings) -> None:
    """Connect this process to the cluster.

    Raises:
        SettingsError: that is not possible; one sentence.
    """
    address = settings.ray_address
    host, _, port = address.rpartition(":")
    try:  # Ray itself tries for minutes
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        raise SettingsError(
            f"SCRIBE_RAY_ADDRESS: nothing answers at {address} ({error.strerror or error}); start "
            "Ray's head there, or correct the address"
        ) from None
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import AuthenticationError

    said: list[str] = []
    try:
        with _what_ray_says(said):
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
            )
    except AuthenticationError:
        why = "needs a token, and there is none; set RAY_AUTH_TOKEN_PATH to the file that has it"
    except (ConnectionError, RuntimeError, ValueError) as error:
        if any("InvalidAuthToken" in text for text in said):
            why = "refuses the token; give RAY_AUTH_TOKEN_PATH or RAY_AUTH_TOKEN the cluster's"
        else:
            why = f"cannot be used: {' '.join(str(error).split())}"
    else:
        return
    raise SettingsError(f"SCRIBE_RAY_ADDRESS: the Ray cluster at {address} {why}")


@contextmanager
def _what_ray_says(said: list[str]) -> Iterator[None]:
    """Collect what is written to standard error: why a token is refused stands nowhere else."""
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
