"""The process that answers scrapes, until it is told to end."""

import argparse
import gc
import signal
from datetime import UTC, datetime

from dagster import DagsterInstance
from prometheus_client import CollectorRegistry, start_http_server

from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.logs import log_to_standard_error
from scribe_assets.metrics.collector import ScribeCollector
from scribe_assets.settings import Settings


def main() -> None:
    """Serve the metrics of the instance of DAGSTER_HOME."""
    parser = argparse.ArgumentParser(prog="python -m scribe_assets.metrics", description=__doc__)
    parser.add_argument("--host", required=True, help="address to listen at")
    parser.add_argument("--port", required=True, type=int)
    options = parser.parse_args()
    take_shortcuts()
    settings = Settings.load()
    log_to_standard_error()
    with DagsterInstance.get() as instance:
        collector = ScribeCollector(instance, settings)
        registry = CollectorRegistry()
        registry.register(collector)
        collector.update(datetime.now(UTC))  # now, so that no scrape has to wait for all there is
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        server, thread = start_http_server(options.port, options.host, registry)
        gc.freeze()  # what was imported is not looked through at each scrape
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    main()
