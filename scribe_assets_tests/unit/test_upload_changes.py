"""Changes of the uploads that times do not tell of: each is asked for, once, and cheaply."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterRun, DagsterRunStatus, RunRequest

from scribe_assets.artifacts.documents import Options, Recording
from scribe_assets.keys import RecordingRef
from scribe_assets.sensors.upload_changes import PARTS, SETTLING, changed_parts, digests, part_of
from scribe_assets.sensors.uploads_cursor import Cursor
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import (
    is_of,
    read_document,
    read_status,
    write_document,
    write_status,
)
from scribe_assets.storage.s3 import S3Object
from scribe_assets.tags import ETAG_TAG, JOB_ID_TAG, RUN_KEY_TAG
from scribe_assets_tests.people import processed, put, unit
from scribe_assets_tests.requests import counted
from scribe_assets_tests.sensor import Sensor
from scribe_assets_tests.unit.failing_storage import FailingStorage

KEY = "anne/a.wav"
REF = RecordingRef.from_upload_key(KEY)
NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=3)


def upload(sensor: Sensor, content: str, at: datetime = NOW, key: str = KEY) -> S3Object:
    return put(sensor.storage, key, content, at)


def write_options(sensor: Sensor, text: str, age: timedelta = SETTLING * 2) -> S3Object:
    return put(sensor.storage, sidecar_key(KEY), text, datetime.now(UTC) - age)


def run(sensor: Sensor, request: RunRequest, status: DagsterRunStatus) -> DagsterRun:
    """The run that the daemon makes of a request."""
    tags = {**request.tags, RUN_KEY_TAG: str(request.run_key)}
    tags["dagster/partition"] = str(request.partition_key)
    made = DagsterRun(job_name="transcribe_recording", status=status, tags=tags)
    return sensor.instance.add_run(made)


def succeed(sensor: Sensor) -> None:
    status = read_status(sensor.storage, REF)
    assert status is not None
    write_status(sensor.storage, status.model_copy(update={"state": "succeeded"}))


def test_an_upload_with_an_old_time_over_a_newer_one_is_requested_once(sensor: Sensor) -> None:
    upload(sensor, "first")
    sensor.tick()
    succeed(sensor)
    newest = upload(sensor, "second", LONG_AGO)
    requests = sensor.tick()
    assert requests[KEY].tags[ETAG_TAG] == newest.etag
    run(sensor, requests[KEY], DagsterRunStatus.STARTED)
    status = read_status(sensor.storage, REF)
    assert status is not None
    assert status.state == "queued"
    assert is_of(newest, status.source)
    assert sensor.tick() == {}


def test_the_same_content_with_an_old_time_is_requested(sensor: Sensor) -> None:
    upload(sensor, "first")
    sensor.tick()
    succeed(sensor)
    upload(sensor, "first", LONG_AGO)
    assert set(sensor.tick()) == {KEY}


@pytest.mark.parametrize("at", [NOW, LONG_AGO])
def test_a_version_that_comes_back_gets_a_run_of_its_own(sensor: Sensor, at: datetime) -> None:
    """Dagster starts no two runs with one key; the key of the first version was used before."""
    keys = []
    for content in ("first", "second", "first"):
        upload(sensor, content, at)
        request = sensor.tick()[KEY]
        run(sensor, request, DagsterRunStatus.SUCCESS)
        succeed(sensor)
        keys.append(request.run_key)
    assert len(set(keys)) == 3
    assert sensor.tick() == {}


def test_the_first_tick_of_a_newer_scribe_asks_for_nothing(sensor: Sensor) -> None:
    upload(sensor, "first")
    sensor.tick()
    cursor = Cursor.model_validate_json(sensor.cursor)
    sensor.cursor = cursor.model_copy(update={"parts": None}).model_dump_json()
    assert sensor.tick() == {}
    upload(sensor, "second", LONG_AGO)
    assert set(sensor.tick()) == {KEY}


def test_nothing_changed_costs_no_look_at_a_recording(sensor: Sensor) -> None:
    keys = [f"anne/{number}.wav" for number in range(20)]
    for key in keys:
        upload(sensor, key, LONG_AGO, key)
    sensor.tick()
    with counted(sensor.storage, "GetObject") as read:
        assert sensor.tick() == {}
        assert read == []
        changed = upload(sensor, "second", LONG_AGO - timedelta(days=1), keys[7])
        assert set(sensor.tick()) == {keys[7]}
    same_part = [key for key in keys if part_of(changed) == part_of_key(key)]
    statuses = {processed_key(RecordingRef.from_upload_key(k), "status.json") for k in same_part}
    assert set(read) == {*statuses, sidecar_key(keys[7])}


def part_of_key(key: str) -> str:
    return part_of(S3Object("uploads", key, "", 0, NOW))


def test_what_is_deleted_asks_for_nothing(sensor: Sensor) -> None:
    upload(sensor, "a")
    upload(sensor, "b", key="anne/b.wav")
    sensor.tick()
    sensor.storage.delete(sensor.storage.uploads_bucket, KEY)
    assert sensor.tick() == {}
    with counted(sensor.storage, "GetObject") as read:
        assert sensor.tick() == {}
    assert read == []


def test_a_comparison_at_which_s3_fails_is_made_again(sensor: Sensor) -> None:
    upload(sensor, "first")
    sensor.tick()
    upload(sensor, "second", LONG_AGO)
    failing = FailingStorage.over(sensor.storage, unavailable=["status.json"])
    assert sensor.tick(failing) == {}
    assert sensor.tick(failing) == {}
    assert set(sensor.tick()) == {KEY}


def test_a_request_at_which_s3_fails_is_made_again(sensor: Sensor) -> None:
    upload(sensor, "first")
    sensor.tick()
    upload(sensor, "second", LONG_AGO)
    upload(sensor, "other", key="anne/b.wav")
    failing = FailingStorage.over(sensor.storage, unavailable=[sidecar_key(KEY)])
    assert set(sensor.tick(failing)) == {"anne/b.wav"}
    assert set(sensor.tick()) == {KEY}


def test_a_tick_that_died_before_its_request_is_made_up_for(sensor: Sensor) -> None:
    """Its status was written, its cursor was not."""
    upload(sensor, "first")
    sensor.tick()
    cursor = sensor.cursor
    upload(sensor, "second", LONG_AGO)
    sensor.tick()
    sensor.cursor = cursor
    request = sensor.tick()[KEY]
    run(sensor, request, DagsterRunStatus.NOT_STARTED)
    sensor.cursor = cursor
    assert sensor.tick() == {}, "the run is on its way"


def test_a_recording_that_was_removed_is_not_made_again(sensor: Sensor) -> None:
    upload(sensor, "first")
    run(sensor, sensor.tick()[KEY], DagsterRunStatus.SUCCESS)
    key = processed_key(REF, "status.json")
    sensor.storage.delete(sensor.storage.processed_bucket, key)
    sensor.cursor = with_other_parts(sensor.cursor)
    assert sensor.tick() == {}
    upload(sensor, "second", LONG_AGO)
    assert set(sensor.tick()) == {KEY}


def with_other_parts(cursor: str) -> str:
    """The cursor with every part of the listing to be compared."""
    read = Cursor.model_validate_json(cursor)
    parts = {f"{number:02x}": "another" for number in range(PARTS)}
    return read.model_copy(update={"parts": parts}).model_dump_json()


def test_a_part_tells_of_keys_contents_and_times() -> None:
    first = S3Object("uploads", "a.wav", "1", 1, NOW)
    other = S3Object("uploads", "b.wav", "1", 1, NOW)
    known = digests([first, other])
    assert changed_parts(known, digests([first, other])) == set()
    assert changed_parts(None, known) == set()
    for changed in (
        S3Object("uploads", "a.wav", "2", 1, NOW),
        S3Object("uploads", "a.wav", "1", 1, LONG_AGO),
    ):
        assert changed_parts(known, digests([changed, other])) == {part_of(first)}
    assert part_of(first) in changed_parts(known, digests([other]))


@pytest.fixture
def transcribed(sensor: Sensor) -> Sensor:
    """The sensor, after an upload without options was transcribed."""
    processed(sensor.storage, KEY, {"S0": unit(1, 0)})
    sensor.tick()
    succeed(sensor)
    return sensor


def test_options_that_come_late_ask_for_a_run(transcribed: Sensor) -> None:
    write_options(transcribed, '{"job_id": "7", "num_speakers": 2}')
    request = transcribed.tick()[KEY]
    assert request.tags[JOB_ID_TAG] == "7"
    status = read_status(transcribed.storage, REF)
    assert status is not None
    assert (status.state, status.job_id) == ("queued", "7")
    assert transcribed.tick() == {}
    write_options(transcribed, '{"job_id": "7", "num_speakers": 3}')
    assert transcribed.tick()[KEY].run_key != request.run_key


def test_options_that_say_the_same_ask_for_nothing(transcribed: Sensor) -> None:
    storage = transcribed.storage
    recording = read_document(storage, REF, Recording)
    options = Options(language="fr")
    write_document(storage, REF, recording.model_copy(update={"options": options}))
    write_options(transcribed, '{"language": "français"}')
    assert transcribed.tick() == {}
    write_options(transcribed, '{"language": "français"}', SETTLING)
    assert transcribed.tick() == {}
    storage.delete(storage.uploads_bucket, sidecar_key(KEY))
    assert transcribed.tick() == {}


@pytest.mark.parametrize(
    ("status", "asks"),
    [
        (DagsterRunStatus.NOT_STARTED, False),
        (DagsterRunStatus.STARTED, True),
        (DagsterRunStatus.FAILURE, True),
    ],
)
def test_options_count_until_the_run_starts(
    sensor: Sensor, status: DagsterRunStatus, asks: bool
) -> None:
    upload(sensor, "first")
    first = sensor.tick()[KEY]
    run(sensor, first, status)
    write_options(sensor, '{"num_speakers": 2}')
    requests = sensor.tick()
    assert (KEY in requests) == asks
    assert not asks or requests[KEY].run_key != first.run_key
    assert sensor.tick() == {}


def test_options_of_a_version_that_is_on_its_way_are_left_to_it(transcribed: Sensor) -> None:
    write_options(transcribed, '{"num_speakers": 2}', timedelta(0))
    assert transcribed.tick() == {}
    upload(transcribed, "second", datetime.now(UTC))
    run(transcribed, transcribed.tick()[KEY], DagsterRunStatus.NOT_STARTED)
    write_options(transcribed, '{"num_speakers": 2}')  # the same ones, some time later
    assert transcribed.tick() == {}


def test_late_options_at_which_s3_fails_are_looked_at_again(transcribed: Sensor) -> None:
    write_options(transcribed, '{"num_speakers": 2}')
    failing = FailingStorage.over(transcribed.storage, unavailable=["recording.json"])
    assert transcribed.tick(failing) == {}
    failing = FailingStorage.over(transcribed.storage, unavailable=["status.json"])
    upload(transcribed, "other", key="anne/b.wav")
    assert transcribed.tick(failing) == {}
    assert set(transcribed.tick()) == {KEY, "anne/b.wav"}


def test_wrong_options_that_come_late_get_a_run_that_says_so(transcribed: Sensor) -> None:
    write_options(transcribed, "{")
    assert set(transcribed.tick()) == {KEY}
    assert transcribed.tick() == {}


def test_options_without_an_upload_are_no_fault(sensor: Sensor) -> None:
    write_options(sensor, '{"num_speakers": 2}')
    assert sensor.tick() == {}
    upload(sensor, "first", datetime.now(UTC))
    run(sensor, sensor.tick()[KEY], DagsterRunStatus.STARTED)
    assert sensor.tick() == {}
