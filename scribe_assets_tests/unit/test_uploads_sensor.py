"""The uploads sensor: nothing lost, nothing twice, and nobody held up by the faults of others."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.errors import StorageRefusedError, StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import started
from scribe_assets.sensors.uploads_cursor import MAX_REQUESTS, OVERLAP, Cursor, content, pending
from scribe_assets.storage.layout import is_upload, processed_key, sidecar_key
from scribe_assets.storage.recordings import to_source, write_status
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets.tags import ETAG_TAG, JOB_ID_TAG, UPLOAD_TAG, USER_TAG
from scribe_assets_tests.sensor import Sensor, partition
from scribe_assets_tests.unit.failing_storage import FailingStorage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def an_upload(key: str, minutes: float = 0, etag: str = "1") -> S3Object:
    return S3Object("uploads", key, etag, 1, NOON + timedelta(minutes=minutes))


def test_a_new_upload_is_requested_once() -> None:
    upload = an_upload("a.wav")
    assert pending([upload], set(), Cursor()) == [upload]
    cursor = Cursor().advanced([upload])
    assert pending([upload], {partition(upload)}, cursor) == []


def test_an_overwritten_upload_is_requested_again() -> None:
    old, new = an_upload("a.wav"), an_upload("a.wav", 5, etag="2")
    cursor = Cursor().advanced([old])
    assert pending([new], {partition(old)}, cursor) == [new]


def test_the_same_content_uploaded_again_is_requested_again() -> None:
    old, new = an_upload("a.wav"), an_upload("a.wav", 5)
    assert pending([new], {partition(old)}, Cursor().advanced([old])) == [new]


def test_a_multipart_upload_that_began_before_the_watermark_is_found() -> None:
    recent, late = an_upload("recent.wav"), an_upload("late.mp4", -600)
    cursor = Cursor().advanced([recent])
    assert pending([late, recent], {partition(recent)}, cursor) == [late]


def test_a_file_with_an_old_time_is_found() -> None:
    recent = an_upload("recent.wav")
    old = S3Object("uploads", "1999.wav", "1", 1, datetime(1999, 1, 1, tzinfo=UTC))
    assert pending([old, recent], {partition(recent)}, Cursor().advanced([recent])) == [old]


def test_the_cursor_forgets_what_the_overlap_no_longer_covers() -> None:
    old, new = an_upload("a.wav"), an_upload("b.wav", OVERLAP.total_seconds() / 60 + 1)
    cursor = Cursor().advanced([old]).advanced([new])
    assert list(cursor.seen) == [content(new)]


def test_a_flood_is_taken_in_portions_with_one_time_for_all() -> None:
    flood = [an_upload(f"{i}.wav") for i in range(MAX_REQUESTS * 2 + 1)]
    cursor, known, seen = Cursor(), set[str](), list[S3Object]()
    for _ in range(3):
        batch = pending(flood, known, cursor)
        seen += batch
        known |= {partition(upload) for upload in batch}
        cursor = cursor.advanced(batch)
    assert sorted(u.key for u in seen) == sorted(u.key for u in flood)
    assert pending(flood, known, cursor) == []


# What happens to a bucket, tick by tick: (name, minutes since the tick before, how late it shows).
events = st.lists(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 600), st.integers(0, 1400))),
    max_size=8,
)


@given(events)
def test_every_version_that_is_there_at_a_tick_is_requested_exactly_once(
    ticks: list[list[tuple[str, int, int]]],
) -> None:
    bucket: dict[str, S3Object] = {}
    cursor, known, requested, written, clock = Cursor(), set[str](), list[str](), set[str](), 0
    for number, puts in enumerate(ticks):
        for name, later, delay in puts:
            clock += later
            bucket[name] = an_upload(name, clock - delay, etag=f"{number}-{clock}-{delay}")
        written |= {content(upload) for upload in bucket.values()}
        batch = pending(list(bucket.values()), known, cursor)
        requested += [content(upload) for upload in batch]
        known |= {partition(upload) for upload in batch}
        cursor = Cursor.model_validate_json(cursor.advanced(batch).model_dump_json())
    assert len(requested) == len(set(requested))
    assert set(requested) == written


@pytest.mark.parametrize(
    "key",
    [
        "anne/",
        "a.wav.scribe.json",
        "../a.wav",
        "./a.wav",
        "anne/.",
        "anne/.DS_Store",
        "anne/._talk.m4a",
        "anne/.fuse_hidden0001",
        "anne/.nfs00a1",
        "anne/.Trash-1000/files/talk.m4a",
        ".minio.sys/tmp/a",
        "anne/Thumbs.db",
        "anne/Desktop.ini",
        "anne/~$minutes.docx",
        "anne/talk.m4a.part",
        "anne/Talk.mp4.CRDOWNLOAD",
        "anne/talk.wav.tmp",
        "anne/__MACOSX/talk.wav",
        "anne/@eaDir/talk.wav/x",
    ],
)
def test_what_is_no_recording(key: str) -> None:
    assert not is_upload(key)


@pytest.mark.parametrize(
    "key",
    [
        "a.wav",
        "anne/a",
        "anne/b.c/d.mp4",
        "anne/result.json",
        "anne/../a.wav",
        "anne/part",
        "~a/b~",
    ],
)
def test_what_is_a_recording(key: str) -> None:
    assert is_upload(key)


def test_what_is_requested_for_an_upload(sensor: Sensor) -> None:
    bucket = sensor.storage.uploads_bucket
    sensor.storage.write(bucket, sidecar_key("anne/a.wav"), '{"job_id": "7"}', "application/json")
    sensor.put("anne/a.wav")
    listed = sensor.storage.objects(bucket)  # whose time may be a second from that of a HEAD
    (upload,) = [item for item in listed if item.key == "anne/a.wav"]
    run = sensor.tick()["anne/a.wav"]
    assert run.partition_key == partition(upload)
    assert run.run_key == f"{partition(upload)}:{upload.etag}:{upload.last_modified:%Y%m%dT%H%M%S}"
    expected = {USER_TAG: "anne", UPLOAD_TAG: "anne/a.wav", ETAG_TAG: upload.etag, JOB_ID_TAG: "7"}
    assert {name: run.tags.get(name) for name in expected} == expected
    assert sensor.state("anne/a.wav") == "queued"
    assert sensor.tick() == {}


def test_a_sensor_that_was_reset_changes_no_status(sensor: Sensor) -> None:
    sensor.put("a.wav")
    sensor.tick()
    upload = sensor.storage.head(sensor.storage.uploads_bucket, "a.wav")
    running = started(None, to_source(upload), None, "1", "transcript")
    assert running is not None
    write_status(sensor.storage, running)
    sensor.cursor = ""
    assert sensor.tick() == {}
    assert sensor.state("a.wav") == "running"


@pytest.mark.parametrize("what", ["bad.wav.scribe.json", "bad-wav"])
def test_an_upload_that_s3_refuses_to_tell_of_gets_its_run_as_all_others(
    sensor: Sensor, what: str
) -> None:
    sensor.put("good.wav", "bad.wav")
    storage = FailingStorage.over(sensor.storage, refused=[what])
    assert set(sensor.tick(storage)) == {"good.wav", "bad.wav"}
    assert sensor.state("good.wav") == "queued"
    assert sensor.tick(storage) == {}


def test_a_damaged_status_or_sidecar_holds_nobody_up(sensor: Sensor) -> None:
    sensor.put("good.wav", "bad.wav")
    key = processed_key(RecordingRef.from_upload_key("bad.wav"), "status.json")
    for bucket, name in (
        (sensor.storage.processed_bucket, key),
        (sensor.storage.uploads_bucket, sidecar_key("bad.wav")),
    ):
        sensor.storage.write(bucket, name, b"\xff{", "application/json")
    assert set(sensor.tick()) == {"good.wav", "bad.wav"}
    assert sensor.state("bad.wav") == "queued"


@pytest.mark.parametrize("what", ["bad.wav.scribe.json", "bad-wav"])
def test_an_upload_at_which_s3_fails_waits_while_the_others_go_on(
    sensor: Sensor, what: str
) -> None:
    sensor.put("good.wav", "bad.wav")
    storage = FailingStorage.over(sensor.storage, unavailable=[what])
    assert set(sensor.tick(storage)) == {"good.wav"}
    sensor.put("later.wav")
    assert set(sensor.tick(storage)) == {"later.wav"}
    assert set(sensor.tick(storage)) == set()
    assert set(sensor.tick()) == {"bad.wav"}
    assert sensor.state("bad.wav") == "queued"
    assert sensor.tick() == {}
    assert Cursor.model_validate_json(sensor.cursor).left == {}


def test_an_overwritten_upload_at_which_s3_fails_is_not_lost_when_the_watermark_moves_on() -> None:
    old, new = an_upload("a.wav"), an_upload("b.wav", OVERLAP.total_seconds() / 60 + 1)
    known = {partition(old), partition(new)}
    cursor = Cursor().advanced([new], {content(old): NOON})
    assert pending([old, new], known, cursor) == [old]
    cursor = Cursor.model_validate_json(cursor.advanced([old]).model_dump_json())
    assert pending([old, new], known, cursor) == []


def test_uploads_at_which_s3_fails_never_take_the_place_of_others() -> None:
    failing = [an_upload(f"bad-{number}.wav") for number in range(MAX_REQUESTS)]
    good = an_upload("good.wav", 1)
    cursor = Cursor().advanced([], {content(upload): NOON for upload in failing})
    assert pending([*failing, good], set(), cursor)[0] == good


def test_an_upload_at_which_s3_fails_for_an_hour_gets_its_run(sensor: Sensor) -> None:
    sensor.put("bad.wav")
    storage = FailingStorage.over(sensor.storage, unavailable=["bad-wav"])
    assert sensor.tick(storage) == {}
    sensor.aged()
    run = sensor.tick(storage)["bad.wav"]
    upload = sensor.storage.head(sensor.storage.uploads_bucket, "bad.wav")
    assert run.run_key == f"{partition(upload)}:{upload.etag}:{upload.last_modified:%Y%m%dT%H%M%S}"
    assert sensor.tick(storage) == {}


def test_an_upload_that_was_deleted_is_no_longer_left(sensor: Sensor) -> None:
    sensor.put("bad.wav")
    assert sensor.tick(FailingStorage.over(sensor.storage, unavailable=["bad-wav"])) == {}
    sensor.storage.delete(sensor.storage.uploads_bucket, "bad.wav")
    sensor.put("good.wav")
    assert set(sensor.tick()) == {"good.wav"}
    assert Cursor.model_validate_json(sensor.cursor).left == {}


def test_where_s3_fails_at_every_upload_the_tick_fails(sensor: Sensor) -> None:
    sensor.put("a.wav", "b.wav")
    storage = FailingStorage.over(sensor.storage, unavailable=["wav"])
    with pytest.raises(StorageUnavailableError):
        sensor.tick(storage)
    assert set(sensor.tick()) == {"a.wav", "b.wav"}


def test_where_the_processed_bucket_is_refused_no_run_is_wasted(sensor: Sensor) -> None:
    sensor.put("a.wav")
    refused = sensor.storage.processed_bucket
    storage = FailingStorage.over(sensor.storage, refused_bucket=refused)
    with pytest.raises(StorageRefusedError):
        sensor.tick(storage)
    assert set(sensor.tick()) == {"a.wav"}


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ("anne/" + "é" * 504 + ".wav", "queued"),  # no options can lie beside it
        ("é" * 480 + "/a.wav", None),  # nor can a status be written
    ],
)
def test_a_key_that_is_nearly_too_long_holds_nobody_up(
    strict_storage: S3Storage, instance: DagsterInstance, key: str, state: str | None
) -> None:
    sensor = Sensor(strict_storage, instance)
    sensor.put(key, "good.wav")
    assert set(sensor.tick()) == {key, "good.wav"}
    assert sensor.state("good.wav") == "queued"
    assert (sensor.state(key) if state else None) == state
    assert sensor.tick() == {}


def test_odd_keys_become_one_recording_each(
    moto_storage: S3Storage, instance: DagsterInstance
) -> None:
    keys = {"u/a\tb\x1b[31m.ogg", "u//a.ogg", "u/../a.ogg", "u/a&b%0A+c#d?e.ogg", "u/ [red].ogg "}
    sensor = Sensor(moto_storage, instance)
    sensor.put(*keys)
    assert set(sensor.tick()) == keys
    assert {sensor.state(key) for key in keys} == {"queued"}
    assert sensor.tick() == {}
