"""A stack as others watch it: its metrics over HTTP, its logs as JSON lines."""

import json
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scribe_assets.local.processes import executable
from scribe_assets_tests.e2e.test_stack import LIMIT_SECONDS, environment, family

pytestmark = pytest.mark.stack

METRICS = "scribe_assets.metrics"
SENSORS = {"uploads_sensor", "identity_bank_sensor", "run_outcome_sensor"}
NO_METRICS = "there are no metrics any more"


def numbers(url: str) -> dict[str, dict[str, float]]:
    """By metric, its numbers by their labels."""
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        families = list(text_string_to_metric_families(answer.read().decode()))
    found: dict[str, dict[str, float]] = {}
    for sample in [sample for one in families for sample in one.samples]:
        found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


def ages_of_sensors(url: str) -> dict[str, float]:
    """When every sensor has looked, how long ago that was."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        ages = numbers(url)["scribe_sensor_age_seconds"]
        if ages.keys() >= SENSORS:
            return ages
        time.sleep(0.5)
    pytest.fail(f"only {sorted(ages)} have looked")


def test_a_stack_is_watched_from_outside(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [executable("scribe"), "up"],
        env=environment(tmp_path) | {"SCRIBE_LOG": "json"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(json.loads(line))
        if said[-1]["event"] == "ready":
            assert max(ages_of_sensors(said[-1]["metrics"]).values()) < LIMIT_SECONDS
            assert numbers(said[-1]["metrics"])["scribe_database_up"] == {"": 1}
            (watching,) = [one for one in family(process.pid) if METRICS in one.cmdline()]
            watching.kill()  # nothing else needs it
        if said[-1]["event"].startswith(NO_METRICS):
            process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    expected = ["starting …", "ready", NO_METRICS, "stopped"]
    assert [told["event"][: len(NO_METRICS)] for told in said] == expected
    lines = {log.name: log.read_text().splitlines() for log in (tmp_path / "logs").iterdir()}
    assert {"daemon.log", "code.log", "webserver.log", "s3.log"} <= lines.keys()
    for line in [line for log in lines.values() for line in log]:
        assert json.loads(line)["level"]
