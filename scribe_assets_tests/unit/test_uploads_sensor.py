"""The uploads sensor's bookkeeping: nothing lost, nothing twice."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.partitions import RecordingRef
from scribe_assets.sensors.uploads import MAX_REQUESTS, OVERLAP, Cursor, content, pending
from scribe_assets.storage.layout import is_upload
from scribe_assets.storage.s3 import S3Object

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def an_upload(key: str, minutes: float = 0, etag: str = "1") -> S3Object:
    return S3Object("uploads", key, etag, 1, NOON + timedelta(minutes=minutes))


def partition(upload: S3Object) -> str:
    return RecordingRef.from_upload_key(upload.key).partition_key


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


def test_what_is_no_recording() -> None:
    for key in ("anne/", "a.wav.scribe.json", "anne/.DS_Store", "../a.wav", "./a.wav"):
        assert not is_upload(key)
    for key in ("a.wav", "anne/a", "anne/b.c/d.mp4", "anne/result.json"):
        assert is_upload(key)
