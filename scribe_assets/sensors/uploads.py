"""Uploads become partitions and runs; none is ever lost.

A listing of S3 cannot be asked for "what is new": times are those of the server, whole seconds on
some, and a multipart upload carries the time at which it began, hours before it appears. So the
cursor keeps a watermark *and* what was seen within `OVERLAP` before it, and each tick looks at

- every object whose recording is not yet a partition, whatever its time,
- every object from the watermark less the overlap on, whose version (ETag) was not yet seen, and
- every object at which S3 failed in an earlier tick.

The run key holds ETag and time: the same version never runs twice, and an overwritten one runs
again, also where only its options changed. What is not found is an object that was overwritten by
one with a time further back than the overlap: that takes a full comparison with the recorded
versions.
"""

import hashlib
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetObservation,
    DataVersion,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from pydantic import BaseModel

from scribe_assets.dagster_internals import ExecutableDefinition
from scribe_assets.errors import DocumentError, PassingError, StorageRefusedError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import seen
from scribe_assets.partitions import recordings
from scribe_assets.sensors.faults import raise_if_storage_is_down
from scribe_assets.storage.layout import is_upload
from scribe_assets.storage.recordings import (
    read_options,
    read_status,
    to_source,
    write_status,
)
from scribe_assets.storage.s3 import TIME_TOLERANCE, S3Object, S3Storage
from scribe_assets.tags import DATA_VERSION_TAG, ETAG_TAG, JOB_ID_TAG, UPLOAD_TAG, USER_TAG

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

OVERLAP = timedelta(hours=24)

MAX_REQUESTS = 100
REQUEST_SECONDS = 30.0
"""Requests in a tick, and the time for them. Dagster ends a tick after 60 s, and each request costs
a look-up of its run key, and reading and writing its status in S3."""

MAX_LEFT_AGE = timedelta(hours=1)
"""An upload whose status cannot be read or written for so long is requested without it."""

EPOCH = datetime.fromtimestamp(0, UTC)


class Cursor(BaseModel):
    """Where the sensor stands.

    Attributes:
        watermark: the latest time of an upload that was requested.
        seen: by `content`, the times of the versions requested since `OVERLAP` before it.
        left: by `content`, since when S3 fails at what belongs to an upload. These versions are
            not requested yet, and the watermark may have passed them.
    """

    watermark: datetime = EPOCH
    seen: dict[str, datetime] = {}
    left: dict[str, datetime] = {}

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
        self, uploads: list[S3Object], left: dict[str, datetime] | None = None
    ) -> "Cursor":
        """The cursor after these uploads have been requested.

        Args:
            uploads: no version before the last one is missing but those that are left.
            left: see above.
        """
        watermark = max([self.watermark, *(upload.last_modified for upload in uploads)])
        seen = self.seen | {content(upload): upload.last_modified for upload in uploads}
        kept = {name: time for name, time in seen.items() if time >= watermark - OVERLAP}
        return Cursor(watermark=watermark, seen=kept, left=left or {})


def content(upload: S3Object) -> str:
    """A short name of an object with this content."""
    named = f"{upload.key}\0{upload.etag}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def pending(uploads: list[S3Object], known_partitions: set[str], cursor: Cursor) -> list[S3Object]:
    """Uploads to request now, at most `MAX_REQUESTS`: the oldest first, and last those at which S3
    failed before, so that they never take the place of the others.

    Args:
        uploads: all recordings in the bucket.
        known_partitions: keys of all recordings that are partitions already.
        cursor: see above.
    """
    waiting = [
        upload
        for upload in uploads
        if cursor.is_new(upload)
        or RecordingRef.from_upload_key(upload.key).partition_key not in known_partitions
    ]
    waiting.sort(key=lambda upload: (cursor.is_left(upload), upload.last_modified, upload.key))
    return waiting[:MAX_REQUESTS]


def run_request(storage: S3Storage, upload: S3Object) -> RunRequest:
    """A run for this version of an upload, shown as queued in its status.

    Where a document beside the upload is wrong, or S3 refuses it, the run is requested all the
    same: it fails with a sentence that says so, in the places where people look.

    Raises:
        PassingError: S3 does not answer.
        StorageRefusedError: S3 refuses the processed bucket as a whole.
    """
    ref = RecordingRef.from_upload_key(upload.key)
    try:
        job_id = read_options(storage, upload.key).job_id
    except (DocumentError, StorageRefusedError):
        job_id = None
    try:
        waiting = seen(read_status(storage, ref), to_source(upload), job_id)
        if waiting is not None:
            write_status(storage, waiting)
    except StorageRefusedError:
        raise_if_storage_is_down(storage, ref)
    return plain_request(upload, job_id)


def plain_request(upload: S3Object, job_id: str | None = None) -> RunRequest:
    """A run for this version of an upload; the same version never gets a second one."""
    ref = RecordingRef.from_upload_key(upload.key)
    tags = {USER_TAG: ref.user_id, UPLOAD_TAG: upload.key, ETAG_TAG: upload.etag}
    if job_id:
        tags[JOB_ID_TAG] = job_id
    return RunRequest(
        partition_key=ref.partition_key,
        run_key=f"{ref.partition_key}:{upload.etag}:{upload.last_modified:%Y%m%dT%H%M%S}",
        tags=tags,
    )


@dataclass
class Requests:
    """What a tick asks for.

    Attributes:
        storage: S3.
        left: see `Cursor`.
        now: the time of the day, with its time zone.
        log: of the tick.
        uploads: those that are requested.
        runs: a run for each of them.
        fault: the first one at an upload that is left.
    """

    storage: S3Storage
    left: dict[str, datetime]
    now: datetime
    log: logging.Logger
    uploads: list[S3Object] = field(default_factory=list)
    runs: list[RunRequest] = field(default_factory=list)
    fault: PassingError | None = None

    def add_all(self, waiting: list[S3Object]) -> None:
        """Request these uploads, and leave those at which S3 fails for the next ticks.

        Raises:
            PassingError: S3 fails at every one of them, and at the uploads themselves.
            StorageRefusedError: S3 refuses the processed bucket as a whole.
        """
        deadline = time.monotonic() + REQUEST_SECONDS
        for upload in waiting:
            self.add(upload)
            if time.monotonic() > deadline:
                break
        if self.fault and not self.uploads and not self.is_readable(waiting[0]):
            raise self.fault

    def add(self, upload: S3Object) -> None:
        """Request an upload, or leave it for the next ticks."""
        name = content(upload)
        try:
            run = run_request(self.storage, upload)
        except PassingError as error:
            if name not in self.left:
                self.log.warning(f"{upload.uri} is left for the next ticks: {error}")
            self.fault = self.fault or error
            since = self.left.setdefault(name, self.now)
            if self.now - since < MAX_LEFT_AGE or not self.is_readable(upload):
                return
            run = plain_request(upload)
        self.left.pop(name, None)
        self.uploads.append(upload)
        self.runs.append(run)

    def is_readable(self, upload: S3Object) -> bool:
        """Whether S3 answers for the upload itself, so that its run could begin, or could say why
        not."""
        try:
            self.storage.exists(upload.bucket, upload.key)
        except StorageRefusedError:
            return True
        except PassingError:
            return False
        return True


def uploads_sensor(job: ExecutableDefinition) -> SensorDefinition:
    """The sensor on the uploads bucket."""

    @sensor(
        name="uploads_sensor",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Turns new and overwritten uploads into recordings and their runs.",
    )
    def watch(context: SensorEvaluationContext, storage: S3Storage) -> SensorResult | SkipReason:
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
        listed = list(storage.objects(storage.uploads_bucket))
        uploads = [item for item in listed if is_upload(item.key)]
        known = set(context.instance.get_dynamic_partitions(str(recordings.name)))
        waiting = pending(uploads, known, cursor)
        if not waiting:
            return SkipReason(f"nothing new among {len(uploads)} uploads")
        # An upload that was deleted or overwritten meanwhile is no longer left.
        left = {content(item) for item in uploads} & {*cursor.left} if cursor.left else set()
        requests = Requests(
            storage, {name: cursor.left[name] for name in left}, datetime.now(UTC), context.log
        )
        requests.add_all(waiting)
        advanced = cursor.advanced(requests.uploads, requests.left).model_dump_json()
        if not requests.runs:
            return SensorResult(
                skip_reason=f"S3 fails at what belongs to {len(waiting)} uploads", cursor=advanced
            )
        keys = [str(run.partition_key) for run in requests.runs]
        return SensorResult(
            run_requests=requests.runs,
            dynamic_partitions_requests=[recordings.build_add_request(keys)],
            asset_events=[
                AssetObservation(
                    "uploads",
                    partition=key,
                    metadata={"uri": upload.uri, "size": upload.size},
                    tags={DATA_VERSION_TAG: DataVersion(upload.etag).value},
                )
                for key, upload in zip(keys, requests.uploads, strict=True)
            ],
            cursor=advanced,
        )

    return watch
