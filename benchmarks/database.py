"""What Dagster's storage costs a run: SQLite, as the launcher uses it, beside PostgreSQL.

    SCRIBE_POSTGRES_URL=postgresql://… python -m benchmarks.database --runs 200

Runs of six steps that do nothing, in this process: what is left is writing and reading runs and
events. In turn, so that other programs disturb both alike. The database should be an empty one.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from dagster import DagsterInstance, job, op
from pydantic import SecretStr

from benchmarks.data import RESULTS, machine
from scribe_assets.instance.config import check_database, open_instance
from scribe_assets.launcher.shortcuts import take_shortcuts
from scribe_assets.settings import Settings


@op
def begin() -> int:
    """The first step."""
    return 0


@op
def step(number: int) -> int:
    """One that needs the one before."""
    return number + 1


@job
def six_steps() -> None:
    """As many steps as a recording has."""
    number = begin()
    for _ in range(5):
        number = step(number)


def seconds_of_a_run(instance: DagsterInstance) -> float:
    """How long a run takes from its creation to its end."""
    began = time.perf_counter()
    assert six_steps.execute_in_process(instance=instance).success
    return time.perf_counter() - began


def stored_bytes(settings: Settings) -> int:
    """What the storage takes of the disk."""
    if not settings.has_postgres:
        files = (settings.home / "dagster" / "history").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())
    import psycopg2

    connection = psycopg2.connect(settings.postgres_url.get_secret_value())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (found,) = cursor.fetchone()
    connection.close()
    return int(found)


def measure(runs: int, home: Path) -> list[dict[str, Any]]:
    """By database: seconds a run (median and 90th percentile), and bytes before and after."""
    take_shortcuts()
    settings = Settings.load()
    both = [
        settings.model_copy(update={"home": home / "sqlite", "postgres_url": SecretStr("")}),
        settings.model_copy(update={"home": home / "postgres"}),
    ]
    with ExitStack() as opened:
        instances = [opened.enter_context(open_instance(one)) for one in both]
        for instance in instances:
            seconds_of_a_run(instance)  # everything is loaded
        before = [stored_bytes(one) for one in both]
        took = [[seconds_of_a_run(instance) for instance in instances] for _ in range(runs)]
    return [
        {
            "database": check_database(one).partition(" at ")[0].partition(" in ")[0],
            "runs": runs,
            "seconds": round(median(each), 4),
            "seconds_90": round(quantiles(each, n=10)[-1], 4),
            "bytes_per_run": round((stored_bytes(one) - size) / runs),
            "bytes_empty": size,
        }
        for one, each, size in zip(both, zip(*took, strict=True), before, strict=True)
    ]


def main() -> None:
    """Measure, print a table, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    if not Settings.load().has_postgres:
        parser.error("set SCRIBE_POSTGRES_URL to an empty database")
    with tempfile.TemporaryDirectory(prefix="scribe-") as home:
        databases = measure(arguments.runs, Path(home))
    report = {"machine": machine(), "databases": databases}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "database.json").write_text(json.dumps(report, indent=1))
    print("| database | ms a run, median | 90 % are below | kB a run |\n|---|---|---|---|")
    for row in databases:
        print(
            f"| {row['database']} | {row['seconds'] * 1000:.0f} | {row['seconds_90'] * 1000:.0f} "
            f"| {row['bytes_per_run'] / 1000:.0f} |"
        )


if __name__ == "__main__":
    main()
