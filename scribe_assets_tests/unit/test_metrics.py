"""What a scrape tells: of runs, stages and sensors as they come, and of a database that is away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    RetryPolicy,
    job,
    op,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import JobFailureData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo
from prometheus_client.parser import text_string_to_metric_families

from scribe_assets.errors import MediaError, StorageUnavailableError
from scribe_assets.failures import permanent_failures
from scribe_assets.keys import RecordingRef
from scribe_assets.local.processes import free_port
from scribe_assets.metrics.collector import ScribeCollector
from scribe_assets.metrics.runs import RECOUNT_SECONDS
from scribe_assets.settings import Settings
from scribe_assets.tags import PARTITION_TAG, WILL_RETRY_TAG

DEPLOY = Path(__file__).parents[2] / "deploy"
HEAVY = ["torch", "numpy", "boto3", "scribe_assets.definitions", "scribe_assets.storage"]


class Scrapes:
    """Scrapes of an instance, one after the other, as a monitoring system sees them."""

    def __init__(self, instance: DagsterInstance, home: Path) -> None:
        self.instance = instance
        self.collector = ScribeCollector(instance, Settings(home=home))
        self.numbers: dict[str, float] = {}
        self.scrape()

    def scrape(self) -> None:
        self.numbers = {
            sample.name + json.dumps(sample.labels): sample.value
            for family in self.collector.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """A number of the last scrape."""
        return self.numbers[name + json.dumps(labels)]

    def recordings(self) -> dict[str, float]:
        """States with a recording, of the last scrape."""
        states = ("queued", "running", "succeeded", "failed", "cancelled")
        found = {state: self("scribe_recordings", state=state) for state in states}
        return {state: count for state, count in found.items() if count}

    def run(self, run_id: str, key: str) -> None:
        """A run of a recording that waits for its turn."""
        partition = RecordingRef.from_upload_key(key).partition_key
        self.instance.add_run(
            DagsterRun("transcribe_recording", run_id=run_id, tags={PARTITION_TAG: partition})
        )

    def tell(self, run_id: str, event: DagsterEventType, at: datetime | None = None) -> None:
        """Something happens to a run."""
        data = JobFailureData(None) if event == DagsterEventType.RUN_FAILURE else None
        told = DagsterEvent(event.value, "transcribe_recording", event_specific_data=data)
        self.instance.report_dagster_event(told, run_id, timestamp=(at or now()).timestamp())


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """An instance with its files."""
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def scrapes(instance: DagsterInstance, tmp_path: Path) -> Scrapes:
    return Scrapes(instance, tmp_path)


def test_the_states_of_recordings_follow_their_runs(scrapes: Scrapes) -> None:
    assert scrapes.recordings() == {}
    for run_id, key in (("1", "a.wav"), ("2", "b.wav"), ("3", "c.wav")):
        scrapes.run(run_id, key)
    scrapes.scrape()
    assert scrapes.recordings() == {"queued": 3}
    assert scrapes("scribe_queue_runs") == 3
    assert scrapes("scribe_queue_mean_wait_seconds") > 0
    for run_id in "123":
        scrapes.tell(run_id, DagsterEventType.RUN_START)
    scrapes.scrape()
    assert scrapes.recordings() == {"running": 3}
    assert scrapes("scribe_queue_runs") == 0
    assert scrapes("scribe_queue_wait_seconds_count") == 3
    scrapes.tell("1", DagsterEventType.RUN_SUCCESS)
    scrapes.tell("2", DagsterEventType.RUN_FAILURE)
    scrapes.tell("3", DagsterEventType.RUN_CANCELED)
    scrapes.scrape()
    assert scrapes.recordings() == {"succeeded": 1, "failed": 1, "cancelled": 1}
    assert scrapes("scribe_runs_ended_total", state="succeeded") == 1
    assert scrapes("scribe_run_failures_total", kind="lost") == 1, "no step of it has failed"


def test_the_latest_run_of_a_recording_counts(scrapes: Scrapes) -> None:
    scrapes.run("1", "a.wav")
    scrapes.tell("1", DagsterEventType.RUN_START)
    scrapes.tell("1", DagsterEventType.RUN_FAILURE)
    scrapes.instance.add_run_tags("1", {WILL_RETRY_TAG: "true"})
    scrapes.scrape()
    assert scrapes.recordings() == {"queued": 1}, "it is about to be tried again"
    scrapes.run("2", "a.wav")
    scrapes.tell("2", DagsterEventType.RUN_START)
    scrapes.tell("2", DagsterEventType.RUN_SUCCESS)
    scrapes.instance.add_run_tags("1", {"somebody": "looked at it"})
    scrapes.scrape()
    assert scrapes.recordings() == {"succeeded": 1}


def test_nothing_is_counted_twice(scrapes: Scrapes) -> None:
    scrapes.run("1", "a.wav")
    scrapes.tell("1", DagsterEventType.RUN_START)
    scrapes.scrape()
    scrapes.tell("1", DagsterEventType.RUN_SUCCESS)
    for _ in range(3):
        scrapes.scrape()
        scrapes.instance.add_run_tags("1", {"at": str(time.time_ns())})
    assert scrapes("scribe_runs_ended_total", state="succeeded") == 1
    assert scrapes("scribe_queue_wait_seconds_count") == 1


def test_what_was_before_is_known_and_not_counted(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    before = Scrapes(instance, tmp_path)
    before.run("1", "a.wav")
    before.tell("1", DagsterEventType.RUN_START)
    before.tell("1", DagsterEventType.RUN_SUCCESS)
    rebuilt = RecordingRef.from_upload_key("rebuilt.wav").partition_key
    instance.report_runless_asset_event(AssetMaterialization("fused_result", partition=rebuilt))
    for _ in range(2):
        after = Scrapes(instance, tmp_path)
        after.scrape()
        assert after.recordings() == {"succeeded": 2}
        assert after("scribe_runs_ended_total", state="succeeded") == 0


def test_a_deleted_run_leaves_the_queue(scrapes: Scrapes) -> None:
    scrapes.run("1", "a.wav")
    scrapes.run("2", "b.wav")
    scrapes.scrape()
    scrapes.instance.delete_run("1")
    assert scrapes.collector.update(now() + timedelta(seconds=RECOUNT_SECONDS))
    scrapes.scrape()
    assert scrapes("scribe_queue_runs") == 1


def made(stage: str, **metadata: float) -> AssetMaterialization:
    partition = RecordingRef.from_upload_key("a.wav").partition_key
    return AssetMaterialization(stage, partition=partition, metadata=metadata)


def test_seconds_of_stages_add_up(instance: DagsterInstance, tmp_path: Path) -> None:
    instance.report_runless_asset_event(made("transcript", seconds=9.0, audio_seconds=90.0))
    scrapes = Scrapes(instance, tmp_path)
    assert scrapes("scribe_stage_compute_seconds_total", stage="transcript") == 0
    for _ in range(2):
        instance.report_runless_asset_event(made("transcript", seconds=3.0, audio_seconds=30.0))
        instance.report_runless_asset_event(made("fused_result", seconds=0.5, audio_seconds=30.0))
        scrapes.scrape()
    instance.report_runless_asset_event(made("fused_result"))  # renamed, without any audio
    scrapes.scrape()
    assert scrapes("scribe_stage_compute_seconds_total", stage="transcript") == 6
    assert scrapes("scribe_stage_audio_seconds_total", stage="transcript") == 60
    assert scrapes("scribe_audio_seconds_total") == 60
    assert scrapes.recordings() == {"succeeded": 1}


def test_failures_are_of_a_kind(scrapes: Scrapes) -> None:
    @op
    def no_media() -> None:
        with permanent_failures():
            raise MediaError("this is text")

    @op(retry_policy=RetryPolicy(max_retries=1))
    def no_storage() -> None:
        raise StorageUnavailableError("S3 does not answer")

    @job
    def text() -> None:
        no_media()

    @job
    def outage() -> None:
        no_storage()

    for work in (text, outage):
        work.execute_in_process(instance=scrapes.instance, raise_on_error=False)
    scrapes.scrape()
    assert scrapes("scribe_run_failures_total", kind="media") == 1
    assert scrapes("scribe_run_failures_total", kind="storage") == 1
    assert scrapes("scribe_s3_errors_total", where="runs") == 2, "the first try counts as well"


def tick(instance: DagsterInstance, status: TickStatus, ago: float, fault: str = "") -> None:
    """A tick of the sensor of the uploads, as the daemon stores it."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("scribe"), "__repository__")
    origin = RemoteInstigatorOrigin(repository, "uploads_sensor")
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING)
    if not instance.get_instigator_state(state.instigator_origin_id, state.selector_id):
        instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=state.instigator_name,
            instigator_type=InstigatorType.SENSOR,
            status=status,
            timestamp=now().timestamp() - ago,
            selector_id=state.selector_id,
            error=SerializableErrorInfo("it fails", [], fault) if fault else None,
        )
    )


def test_the_age_of_the_last_listing(scrapes: Scrapes) -> None:
    age = scrapes("scribe_sensor_age_seconds", sensor="uploads_sensor")
    assert 0 <= age < 60, "since the start, where it never looked"
    away = StorageUnavailableError.__name__
    tick(scrapes.instance, TickStatus.SKIPPED, 500)
    tick(scrapes.instance, TickStatus.FAILURE, 400, away)  # before the process was there
    tick(scrapes.instance, TickStatus.FAILURE, -1, away)
    tick(scrapes.instance, TickStatus.FAILURE, -2, "DagsterUserCodeUnreachableError")
    for _ in range(2):
        scrapes.scrape()
    assert 500 <= scrapes("scribe_sensor_age_seconds", sensor="uploads_sensor") < 560
    for kind in ("storage", "other"):
        count = scrapes("scribe_sensor_failures_total", sensor="uploads_sensor", kind=kind)
        assert count == 1
    assert scrapes("scribe_s3_errors_total", where="sensors") == 1


def test_a_database_that_is_away_is_told(scrapes: Scrapes, tmp_path: Path) -> None:
    scrapes.run("1", "a.wav")
    scrapes.scrape()
    assert scrapes("scribe_database_up") == 1
    (runs,) = tmp_path.rglob("runs.db")
    runs.rename(runs.with_suffix(".away"))
    runs.mkdir()
    scrapes.scrape()
    assert scrapes("scribe_database_up") == 0
    assert scrapes("scribe_queue_runs") == 1, "as it was last known"
    runs.rmdir()
    runs.with_suffix(".away").rename(runs)
    scrapes.scrape()
    assert scrapes("scribe_database_up") == 1


@pytest.mark.usefixtures("instance")
def test_the_process_answers_and_ends(tmp_path: Path) -> None:
    port = free_port(19464)
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "SCRIBE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "scribe_assets.metrics", "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", str(port)], env=environment)
    try:
        text = ""
        while not text:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    text = answer.read().decode()
            except OSError:
                time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == 0
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["scribe_database_up"].samples[0].value == 1


def test_the_process_stays_small() -> None:
    code = (
        "import sys, scribe_assets.metrics.__main__\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stderr


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bscribe_[a-z0-9_]+", text))


def test_dashboard_and_alerts_ask_for_what_there_is(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    suffixes = {"counter": ["_total"], "summary": ["_sum", "_count"]}
    exposed = {
        family.name + suffix
        for family in ScribeCollector(instance, Settings(home=tmp_path)).collect()
        for suffix in suffixes.get(family.type, [""])
    }
    dashboard = json.loads((DEPLOY / "grafana" / "scribe.json").read_text())
    shown = {t["expr"] for panel in dashboard["panels"] for t in panel["targets"]}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    alerts = {rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    assert shown
    assert alerts
    for expression in shown | alerts:
        asked = names_in(expression)
        assert asked, expression
        assert asked <= exposed, expression
    documented = names_in((DEPLOY.parent / "docs" / "watching.md").read_text())
    assert documented == exposed, "every metric is explained, and no other"
