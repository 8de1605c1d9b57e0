"""Where the sensor of the uploads stands, and which uploads it has not asked for yet."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from scribe_assets.keys import RecordingRef
from scribe_assets.storage.s3 import TIME_TOLERANCE, S3Object

OVERLAP = timedelta(hours=24)

MAX_REQUESTS = 100

EPOCH = datetime.fromtimestamp(0, UTC)


class Cursor(BaseModel):
    """Where the sensor stands.

    Attributes:
        watermark: the latest time of an upload that was requested.
        seen: by `content`, the times of the versions requested since `OVERLAP` before it.
        left: by `content`, since when S3 fails at what belongs to an upload. These versions are
            not requested yet, and the watermark may have passed them.
        parts: digests of the listing, without what waits to be requested; see `upload_changes`.
    """

    watermark: datetime = EPOCH
    seen: dict[str, datetime] = {}
    left: dict[str, datetime] = {}
    parts: dict[str, str] | None = None

    @classmethod
    def first(cls, known: list[S3Object]) -> "Cursor":
        """The cursor of a sensor that has none.

        It is not always the beginning: an instance may have been made anew from S3 (`scribe
        rebuild`), or somebody has reset the sensor. So the uploads whose recordings are partitions
        are taken for requested, and are all to be compared with their status in the next ticks, as
        after a change that no time tells of (`upload_changes`).
        """
        return cls().advanced(known, parts={})

    def is_new(self, upload: S3Object) -> bool:
        """Whether this version may not have been requested yet."""
        if self.is_left(upload):
            return True
        if upload.last_modified < self.watermark - OVERLAP:
            return False
        seen = self.seen.get(content(upload))
        return seen is None or upload.last_modified > seen + TIME_TOLERANCE

    def is_left(self, upload: S3Object) -> bool:
        """Whether S3 failed when this version was to be requested."""
        return bool(self.left) and content(upload) in self.left

    def advanced(
        self,
        uploads: list[S3Object],
        left: dict[str, datetime] | None = None,
        sidecars: Iterable[S3Object] = (),
        parts: dict[str, str] | None = None,
    ) -> "Cursor":
        """The cursor after these uploads have been requested.

        Args:
            uploads: no version before the last one is missing but those that are left.
            left: see above.
            sidecars: options that have been looked at.
            parts: see above.
        """
        watermark = max([self.watermark, *(upload.last_modified for upload in uploads)])
        seen = self.seen | {content(item): item.last_modified for item in (*uploads, *sidecars)}
        kept = {name: time for name, time in seen.items() if time >= watermark - OVERLAP}
        return Cursor(watermark=watermark, seen=kept, left=left or {}, parts=parts)


def content(upload: S3Object) -> str:
    """A short name of an object with this content."""
    named = f"{upload.key}\0{upload.etag}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def is_known(upload: S3Object, known_partitions: set[str]) -> bool:
    """Whether the recording of an upload is a partition already."""
    return RecordingRef.from_upload_key(upload.key).partition_key in known_partitions


def pending(uploads: list[S3Object], known_partitions: set[str], cursor: Cursor) -> list[S3Object]:
    """Uploads to request now, at most `MAX_REQUESTS`."""
    return all_pending(uploads, known_partitions, cursor)[:MAX_REQUESTS]


def all_pending(
    uploads: list[S3Object], known_partitions: set[str], cursor: Cursor
) -> list[S3Object]:
    """Uploads to request: the oldest first, and last those at which S3 failed before, so that they
    never take the place of the others.

    Args:
        uploads: all recordings in the bucket.
        known_partitions: keys of all recordings that are partitions already.
        cursor: see above.
    """
    waiting = [
        upload
        for upload in uploads
        if cursor.is_new(upload) or not is_known(upload, known_partitions)
    ]
    return sorted(
        waiting, key=lambda upload: (cursor.is_left(upload), upload.last_modified, upload.key)
    )
