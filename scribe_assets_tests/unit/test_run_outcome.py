"""How runs end in status.json: in what words, in which order, and with which faults around."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from dagster import (
    DagsterEvent,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    build_sensor_context,
)
from dagster._core.events import DagsterEventType, JobFailureData
from dagster._utils.error import SerializableErrorInfo
from pydantic import SecretStr

from scribe_assets.artifacts.documents import Status
from scribe_assets.errors import StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import queued, started
from scribe_assets.sensors import run_outcome
from scribe_assets.sensors.run_end import DECISION_TIME, sentence
from scribe_assets.sensors.run_outcome import (
    MAX_UNSETTLED_AGE,
    OVERLAP,
    PAGE,
    QUIET,
    Cursor,
    Tick,
    run_outcome_sensor,
)
from scribe_assets.settings import Settings
from scribe_assets.storage.recordings import read_status, to_source, write_document, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import (
    ETAG_TAG,
    PARENT_RUN_ID_TAG,
    PARTITION_TAG,
    RETRY_NUMBER_TAG,
    WILL_RETRY_TAG,
)
from scribe_assets_tests.unit.failing_storage import FailingStorage
from scribe_assets_tests.unit.results import RESULT

EVENTS = {
    DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
    DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
}


def error(message: str, name: str, cause: SerializableErrorInfo | None) -> SerializableErrorInfo:
    return SerializableErrorInfo(message, [], name, cause)


def test_the_sentence_for_people_is_kept() -> None:
    deep = error("botocore.X: could not connect\n", "X", None)
    ours = error("scribe_assets.storage.s3.UnavailableError: S3 is off\n", "UnavailableError", deep)
    wrapped = error("dagster.DagsterExecutionStepExecutionError: …", "DagsterError", ours)
    assert sentence(wrapped) == "S3 is off"


@dataclass
class Site:
    """Recordings in S3 and runs in a Dagster that tries failed runs again."""

    storage: S3Storage
    instance: DagsterInstance
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    cursor: str | None = None
    given: list[RecordingRef] = field(default_factory=list)

    def upload(self, key: str) -> Status:
        """An upload that waits for its run."""
        self.storage.write(self.storage.uploads_bucket, key, "sound", "audio/wav")
        source = to_source(self.storage.head(self.storage.uploads_bucket, key))
        return write_status(self.storage, queued(source, None))

    def running(self, key: str, run_id: str) -> Status:
        """An upload whose run has reported."""
        waiting = self.upload(key)
        running = started(None, waiting.source, None, run_id, "transcript")
        assert running is not None
        return write_status(self.storage, running)

    def result(self, status: Status) -> None:
        """The result of a recording."""
        ref = RecordingRef(status.user_id, status.recording_id)
        changed = {
            "source": status.source,
            "recording_id": ref.recording_id,
            "user_id": ref.user_id,
        }
        write_document(self.storage, ref, RESULT.model_copy(update=changed))

    def run(self, run_id: str, status: Status | None = None, **tags: str) -> DagsterRun:
        """A run of a recording, or of something else, that has started."""
        if status is not None:
            ref = RecordingRef(status.user_id, status.recording_id)
            tags |= {PARTITION_TAG: ref.partition_key, ETAG_TAG: status.source.etag}
        made = DagsterRun(
            job_name="transcribe_recording",
            run_id=run_id,
            status=DagsterRunStatus.STARTED,
            tags=tags,
        )
        return self.instance.add_run(made)

    def end(self, run_id: str, how: DagsterRunStatus, at: datetime | None = None) -> None:
        """What Dagster stores first of an end; the tag about a retry comes later."""
        event = DagsterEvent(
            EVENTS[how].value,
            "transcribe_recording",
            event_specific_data=JobFailureData(None) if how == DagsterRunStatus.FAILURE else None,
        )
        self.instance.run_storage.handle_run_event(run_id, event, at or datetime.now(UTC))

    def tick(self, storage: S3Storage | None = None) -> None:
        """One tick of the sensor."""
        context = build_sensor_context(
            self.instance, self.cursor, resources={"storage": storage or self.storage}
        )
        run_outcome_sensor(context)
        self.cursor = context.cursor

    def tick_at(self, now: datetime) -> None:
        """One tick of the sensor at another time of the day."""
        cursor = Cursor.read(self.cursor)
        context = build_sensor_context(self.instance)
        Tick(self.instance, self.storage, context.log, cursor, now).settle_all()
        self.cursor = cursor.model_dump_json()

    def state(self, status: Status) -> str:
        return self.status(status).state

    def status(self, status: Status) -> Status:
        found = read_status(self.storage, RecordingRef(status.user_id, status.recording_id))
        assert found is not None
        return found


@pytest.fixture
def site(embedded_storage: S3Storage) -> Iterator[Site]:
    settings = {"run_retries": {"enabled": True, "max_retries": 2}}
    with DagsterInstance.ephemeral(settings=settings) as instance:
        yield Site(embedded_storage, instance)


def test_the_outcomes_of_runs(site: Site) -> None:
    good, bare, stopped, broken = (site.running(f"{name}.wav", name) for name in "abcd")
    for status in (good, bare, stopped, broken):
        site.run(status.run_id or "", status)
    site.result(good)
    site.end("a", DagsterRunStatus.SUCCESS)
    site.end("b", DagsterRunStatus.SUCCESS)
    site.end("c", DagsterRunStatus.CANCELED)
    site.end("d", DagsterRunStatus.FAILURE)
    site.instance.add_run_tags("d", {WILL_RETRY_TAG: "false"})
    site.tick()
    assert site.state(good) == "succeeded"
    assert "no result" in (site.status(bare).error or "")
    assert "cancelled" in (site.status(stopped).error or "")
    assert site.state(broken) == "failed"
    assert "without a word" in (site.status(broken).error or "")


def test_a_run_that_died_before_its_first_stage_ends_what_waits(site: Site) -> None:
    waiting, other = site.upload("a.wav"), site.upload("b.wav")
    site.run("1", waiting)
    site.run("2", other, **{ETAG_TAG: "of an older version"})
    site.instance.add_run_tags("2", {ETAG_TAG: "of an older version"})
    for run_id in "12":
        site.end(run_id, DagsterRunStatus.FAILURE)
        site.instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false"})
    site.tick()
    assert (site.state(waiting), site.state(other)) == ("failed", "queued")


def test_a_run_of_something_else_changes_nothing(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", None, **{PARTITION_TAG: "anne"})
    site.end("1", DagsterRunStatus.FAILURE)
    site.tick()
    assert site.status(status) == status


def test_a_run_that_will_be_tried_again_is_never_called_failed(site: Site) -> None:
    """Dagster stores that a run failed, and a moment later that it will be tried again."""
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE)
    site.tick()
    assert site.state(status) == "running"
    site.instance.add_run_tags("1", {WILL_RETRY_TAG: "true"})
    site.tick()
    assert site.state(status) == "queued"
    site.tick()
    assert site.state(status) == "queued"


def test_a_run_that_dagster_gives_up_is_failed(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE)
    site.tick()
    site.instance.add_run_tags("1", {WILL_RETRY_TAG: "false"})
    site.tick()
    assert site.state(status) == "failed"


def test_a_retry_that_dagster_could_not_start_is_failed_after_all(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE)
    site.instance.add_run_tags("1", {WILL_RETRY_TAG: "true"})
    site.tick()
    site.instance.add_run_tags("1", {WILL_RETRY_TAG: "false"})
    site.tick()
    assert site.state(status) == "failed"


def test_a_decision_that_never_comes_is_waited_for_some_minutes(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE, site.now)
    site.tick_at(site.now + DECISION_TIME / 2)
    assert site.state(status) == "running"
    site.tick_at(site.now + DECISION_TIME * 2)
    assert site.state(status) == "failed"
    assert Cursor.read(site.cursor).unsettled == {}


def test_without_retries_a_failed_run_is_failed_at_once(embedded_storage: S3Storage) -> None:
    with DagsterInstance.ephemeral() as instance:
        site = Site(embedded_storage, instance)
        status = site.running("a.wav", "1")
        site.run("1", status)
        site.end("1", DagsterRunStatus.FAILURE)
        site.tick()
        assert site.state(status) == "failed"


def retry_of(site: Site, run_id: str, status: Status) -> str:
    tags = {PARENT_RUN_ID_TAG: run_id, RETRY_NUMBER_TAG: "1"}
    return site.run(f"{run_id} again", status, **tags).run_id


def test_a_retry_that_has_started_is_not_overwritten(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE)
    site.tick()
    site.instance.add_run_tags("1", {WILL_RETRY_TAG: "true"})
    retry = retry_of(site, "1", status)
    running = started(status, status.source, None, retry, "fused_result")
    assert running is not None
    running = write_status(site.storage, running)
    site.tick()
    assert site.status(status) == running


@pytest.mark.parametrize(
    ("how", "will_retry", "state"),
    [
        (None, None, "queued"),
        (DagsterRunStatus.SUCCESS, None, "succeeded"),
        (DagsterRunStatus.CANCELED, None, "cancelled"),
        (DagsterRunStatus.FAILURE, "true", "queued"),
        (DagsterRunStatus.FAILURE, "false", "failed"),
        (DagsterRunStatus.FAILURE, None, "running"),
    ],
)
def test_a_run_that_is_written_down_after_its_retry_ended_takes_the_outcome_of_that(
    site: Site, how: DagsterRunStatus | None, will_retry: str | None, state: str
) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.FAILURE, site.now)
    retry = retry_of(site, "1", status)
    site.result(status)
    if how is not None:
        site.end(retry, how, site.now - timedelta(seconds=1))
    if will_retry:
        site.instance.add_run_tags(retry, {WILL_RETRY_TAG: will_retry})
    site.tick()
    assert site.state(status) == state


def test_a_success_is_not_lost_where_the_retry_was_called_queued_late(site: Site) -> None:
    status = site.upload("a.wav")  # written by the end of the first try, over the retry's report
    site.result(status)
    site.run("1", status)
    site.end("1", DagsterRunStatus.SUCCESS)
    site.tick()
    assert site.state(status) == "succeeded"


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(milliseconds=1)])
def test_hundreds_of_runs_within_the_overlap_do_not_hide_the_next_one(
    site: Site, apart: timedelta
) -> None:
    count = PAGE + 10
    for number in range(count):
        site.run(f"{number:04}")
        site.end(f"{number:04}", DagsterRunStatus.CANCELED, site.now + number * apart)
    last = site.running("a.wav", "last")
    site.run("last", last)
    site.end("last", DagsterRunStatus.CANCELED, site.now + count * apart)
    site.tick()
    assert site.state(last) == "cancelled"


def test_a_tick_without_time_still_gets_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_outcome, "NEW_SECONDS", -1.0)
    statuses = [site.running(f"{name}.wav", name) for name in "abc"]
    for status in statuses:
        site.run(status.run_id or "", status)
        site.end(status.run_id or "", DagsterRunStatus.CANCELED, site.now)
    for done in range(1, 4):
        site.tick()
        assert [site.state(status) for status in statuses].count("cancelled") == done


def test_no_end_is_settled_twice(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.CANCELED)
    site.tick()
    assert site.state(status) == "cancelled"
    # Somebody uploads the same content again: the end that was written down is not this one's.
    waiting = write_status(site.storage, queued(status.source, None))
    site.tick()
    assert site.status(status) == waiting


def test_a_run_that_ended_earlier_than_the_last_one_is_found(site: Site) -> None:
    first, late = site.running("a.wav", "1"), site.running("b.wav", "2")
    site.run("1", first)
    site.run("2", late)
    site.end("1", DagsterRunStatus.CANCELED, site.now)
    site.tick()
    site.end("2", DagsterRunStatus.CANCELED, site.now - OVERLAP / 2)
    site.tick()
    assert site.state(late) == "cancelled"


def refused(site: Site, status: Status) -> FailingStorage:
    return FailingStorage.over(site.storage, refused=[f"{status.recording_id}/status.json"])


def unavailable(site: Site, status: Status) -> FailingStorage:
    return FailingStorage.over(site.storage, unavailable=[f"{status.recording_id}/status.json"])


@pytest.mark.parametrize("fault", [refused, unavailable])
def test_a_run_that_cannot_be_settled_does_not_hold_up_the_others(
    site: Site, fault: Callable[[Site, Status], FailingStorage]
) -> None:
    bad, good = site.running("bad.wav", "1"), site.running("good.wav", "2")
    for run_id, status in (("1", bad), ("2", good)):
        site.run(run_id, status)
        site.end(run_id, DagsterRunStatus.CANCELED)
    site.tick(fault(site, bad))
    assert (site.state(bad), site.state(good)) == ("running", "cancelled")
    later = site.running("later.wav", "3")
    site.run("3", later)
    site.end("3", DagsterRunStatus.CANCELED)
    site.tick(fault(site, bad))
    assert site.state(later) == "cancelled"
    assert list(Cursor.read(site.cursor).unsettled) == ["1"]
    site.tick()
    assert site.state(bad) == "cancelled"
    assert Cursor.read(site.cursor).unsettled == {}


def test_what_can_never_be_settled_is_given_up_after_a_day(site: Site) -> None:
    bad = site.running("bad.wav", "1")
    site.run("1", bad)
    site.end("1", DagsterRunStatus.CANCELED)
    site.tick(refused(site, bad))
    cursor = Cursor.read(site.cursor)
    context = build_sensor_context(site.instance)
    later = datetime.now(UTC) + MAX_UNSETTLED_AGE + timedelta(minutes=1)
    Tick(site.instance, refused(site, bad), context.log, cursor, later).settle_all()
    assert cursor.unsettled == {}


def test_the_number_of_unsettled_runs_is_bounded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_outcome, "MAX_UNSETTLED", 2)
    statuses = [site.running(f"{name}.wav", name) for name in "abcd"]
    for status in statuses:
        site.run(status.run_id or "", status)
        site.end(status.run_id or "", DagsterRunStatus.CANCELED)
    site.tick(FailingStorage.over(site.storage, refused=["status.json"]))
    assert len(Cursor.read(site.cursor).unsettled) == 2


def test_while_s3_is_away_the_tick_fails_and_nothing_is_lost(site: Site) -> None:
    status = site.running("a.wav", "1")
    site.run("1", status)
    site.end("1", DagsterRunStatus.CANCELED)
    nobody_there = Settings(
        minio_endpoint="127.0.0.1:9", minio_access_key="a", minio_secret_key=SecretStr("b")
    )
    with pytest.raises(StorageUnavailableError):
        site.tick(S3Storage.from_settings(nobody_there))
    assert site.cursor is None
    site.tick()
    assert site.state(status) == "cancelled"


def test_a_deleted_run_is_no_longer_tried(site: Site) -> None:
    bad = site.running("bad.wav", "1")
    site.run("1", bad)
    site.end("1", DagsterRunStatus.CANCELED)
    site.tick(refused(site, bad))
    site.instance.delete_run("1")
    site.tick(refused(site, bad))
    assert Cursor.read(site.cursor).unsettled == {}


def test_the_cursor_of_an_older_installation_is_read(site: Site) -> None:
    old, new = site.running("a.wav", "1"), site.running("b.wav", "2")
    for run_id, status, at in (("1", old, site.now - 2 * OVERLAP), ("2", new, site.now)):
        site.run(run_id, status)
        site.end(run_id, DagsterRunStatus.CANCELED, at)
    site.cursor = site.now.isoformat()
    site.tick()
    assert (site.state(old), site.state(new)) == ("running", "cancelled")


def test_the_cursor_remembers_only_what_is_read_again(site: Site) -> None:
    for number in range(3):
        site.run(f"{number}")
        site.end(f"{number}", DagsterRunStatus.SUCCESS, site.now + number * OVERLAP)
    site.tick_at(site.now + 2 * OVERLAP)
    assert list(Cursor.read(site.cursor).seen) == ["2"]
    site.tick_at(site.now + 2 * OVERLAP + 2 * QUIET)
    assert Cursor.read(site.cursor).seen == {}
    site.tick_at(site.now + 2 * OVERLAP + 2 * QUIET)
    assert Cursor.read(site.cursor).seen == {}
