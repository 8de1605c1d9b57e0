"""Uploads become partitions and runs; none is ever lost.

A listing of S3 cannot be asked for "what is new": times are those of the server, whole seconds on
some, and a multipart upload carries the time at which it began, hours before it appears. So the
cursor keeps a watermark *and* what was seen within `OVERLAP` before it, and each tick looks at

- every object whose recording is not yet a partition, whatever its time, and
- every object from the watermark less the overlap on, whose version (ETag) was not yet seen.

The run key holds ETag and time: the same version never runs twice, an overwritten one runs again,
also where only its options changed. Not found is an object overwritten by one with a time further
back than the overlap; that takes a full reconciliation with the recorded versions.
"""

import hashlib
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
from scribe_assets.errors import DocumentError
from scribe_assets.library.status import seen
from scribe_assets.partitions import RecordingRef, recordings
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
"""A tick has 60 s, and each request costs a look-up of its run key and a status in S3."""

EPOCH = datetime.fromtimestamp(0, UTC)


class Cursor(BaseModel):
    """Where the sensor stands: the watermark, and versions seen since `OVERLAP` before it."""

    watermark: datetime = EPOCH
    seen: dict[str, datetime] = {}

    def is_new(self, upload: S3Object) -> bool:
        """Whether this version may not have been requested yet."""
        if upload.last_modified < self.watermark - OVERLAP:
            return False
        seen = self.seen.get(content(upload))
        return seen is None or upload.last_modified > seen + TIME_TOLERANCE

    def advanced(self, uploads: list[S3Object]) -> "Cursor":
        """The cursor after these uploads have been requested, oldest first."""
        watermark = max([self.watermark, *(upload.last_modified for upload in uploads)])
        seen = self.seen | {content(upload): upload.last_modified for upload in uploads}
        kept = {name: time for name, time in seen.items() if time >= watermark - OVERLAP}
        return Cursor(watermark=watermark, seen=kept)


def content(upload: S3Object) -> str:
    """A short name of an object with this content."""
    named = f"{upload.key}\0{upload.etag}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def pending(uploads: list[S3Object], known_partitions: set[str], cursor: Cursor) -> list[S3Object]:
    """Uploads to request now, oldest first, at most `MAX_REQUESTS`.

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
    return sorted(waiting, key=lambda upload: (upload.last_modified, upload.key))[:MAX_REQUESTS]


def run_request(storage: S3Storage, upload: S3Object) -> RunRequest:
    """A run for this version of an upload, shown as queued in its status."""
    ref = RecordingRef.from_upload_key(upload.key)
    try:
        job_id = read_options(storage, upload.key).job_id
    except DocumentError:  # the run says so, where everybody looks for it
        job_id = None
    waiting = seen(read_status(storage, ref), to_source(upload), job_id)
    if waiting is not None:
        write_status(storage, waiting)
    tags = {USER_TAG: ref.user_id, UPLOAD_TAG: upload.key, ETAG_TAG: upload.etag}
    if job_id:
        tags[JOB_ID_TAG] = job_id
    return RunRequest(
        partition_key=ref.partition_key,
        run_key=f"{ref.partition_key}:{upload.etag}:{upload.last_modified:%Y%m%dT%H%M%S}",
        tags=tags,
    )


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
        requests = [run_request(storage, upload) for upload in waiting]
        keys = [str(request.partition_key) for request in requests]
        return SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[recordings.build_add_request(keys)],
            asset_events=[
                AssetObservation(
                    "uploads",
                    partition=key,
                    metadata={"uri": upload.uri, "size": upload.size},
                    tags={DATA_VERSION_TAG: DataVersion(upload.etag).value},
                )
                for key, upload in zip(keys, waiting, strict=True)
            ],
            cursor=cursor.advanced(waiting).model_dump_json(),
        )

    return watch
