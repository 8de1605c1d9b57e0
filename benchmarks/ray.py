"""What a recording costs more when its GPU is in a Ray cluster, and whether two nodes share work.

    python -m benchmarks.ray [--recordings 40] [--seconds 5] [--rounds 2]

The whole stack (S3, sensor, queue, PostgreSQL), with the same recordings, in turn with a worker on
this machine and with a node of a cluster in network namespaces whose GPU is a CPU. Then a second
node joins. A machine with two cores has no more of them for two nodes: what is told by that is not
the time, but that both have worked. Needs root, PostgreSQL and the extra `ray`.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import RESULTS, machine
from benchmarks.launcher import clips, through_the_stack
from scribe_assets.tags import DEVICE_TAG
from scribe_assets_tests.postgres import PostgresServer, find_programs
from scribe_assets_tests.ray_cluster import HEAD, NODES, RayCluster, why_not


def devices_of_runs(home: Path) -> dict[str, int]:
    """How many runs each device has had."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        return dict(Counter(run.tags.get(DEVICE_TAG, "none") for run in instance.get_runs()))


def measure(
    waveforms: list[Any], folder: Path, settings: dict[str, str], postgres: PostgresServer
) -> dict[str, Any]:
    """Seconds of a recording, by a stack of its own with these settings."""
    home = Path(tempfile.mkdtemp(dir=folder))
    ours = {**settings, "SCRIBE_POSTGRES_URL": postgres.new_database()}
    # Buckets of its own: what is there already is not done again.
    for name in ("UPLOADS", "PROCESSED", "IDENTITY"):
        ours[f"SCRIBE_{name}_BUCKET"] = f"{name.lower()}-{home.name.lower().replace('_', '-')}"
    os.environ.update(ours)
    try:
        found = through_the_stack(waveforms, False, home)
        return {**found, "devices": devices_of_runs(home)}
    finally:
        for name in ours:
            del os.environ[name]


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    programs = find_programs()
    if missing := why_not() or (None if programs else "PostgreSQL is not installed"):
        sys.exit(f"this cannot be measured here: {missing}")
    assert programs is not None
    waveforms = clips(arguments.recordings, arguments.seconds)
    cluster = RayCluster()
    rounds = []
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        try:
            with cluster.entered():
                cluster.start(NODES[:1])
                postgres = PostgresServer(programs, HEAD)
                try:
                    postgres.start()
                    storage = cluster.start_s3()
                    for _ in range(arguments.rounds):
                        pair = {}
                        for name, added in (("local", {}), ("ray", cluster.settings)):
                            place = (waveforms, Path(folder), {**storage, **added}, postgres)
                            pair[name] = measure(*place)
                            print(name, pair[name]["seconds_per_recording"], file=sys.stderr)
                        rounds.append(pair)
                    cluster.join(NODES[1])
                    settings = {**storage, **cluster.settings}
                    both = measure(waveforms, Path(folder), settings, postgres)
                finally:
                    postgres.remove()
        finally:
            cluster.remove()
    seconds = [
        [pair[name]["seconds_per_recording"] for name in ("local", "ray")] for pair in rounds
    ]
    report = {
        "machine": machine(),
        "seconds_of_audio": arguments.seconds,
        "rounds": rounds,
        "ratio": round(median(ray / local for local, ray in seconds), 3),
        "more_seconds_per_recording": round(median(ray - local for local, ray in seconds), 3),
        "two_nodes": both,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ray.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"seconds a recording, local and Ray: {seconds}")
    print(f"Ray by local {report['ratio']}, {report['more_seconds_per_recording']} s more")
    print(f"two nodes: {both['seconds_per_recording']} s, runs {both['devices']}")


if __name__ == "__main__":
    main()
