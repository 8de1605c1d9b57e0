"""A small process that tells the host which GPUs the cluster has, as often as that changes."""

import signal
import sys
import time

from scribe_assets.errors import SettingsError
from scribe_assets.launcher.connections import Connection, send
from scribe_assets.launcher.messages import Cluster
from scribe_assets.launcher.processes import end_with_parent
from scribe_assets.launcher.ray.cluster import connect, gpus, usable
from scribe_assets.settings import Settings

POLL_SECONDS = 1.0


def main() -> None:
    """Watch until the host is gone, or the cluster."""
    host = Connection(int(sys.argv[1]))
    end_with_parent(int(sys.argv[2]), signal.SIGKILL)
    settings = Settings.load()
    try:
        connect(settings)
    except SettingsError as error:
        send(host, Cluster([], str(error)))
        return
    import ray

    told: Cluster | None = None
    while True:
        found, problem = usable(gpus(ray.nodes()), settings)
        if not found and not problem:
            problem = f"the Ray cluster at {settings.ray_address} has no GPU"
        cluster = Cluster([gpu.device for gpu in found], problem)
        if cluster != told:
            send(host, cluster)
            told = cluster
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
