"""Uploads become partitions and runs; none is ever lost.

A listing of S3 cannot be asked for "what is new": times are those of the server, whole seconds on
some, and a multipart upload carries the time at which it began, hours before it appears. So the
cursor keeps a watermark *and* what was seen within `OVERLAP` before it, and each tick looks at

- every object whose recording is not yet a partition, whatever its time,
- every object from the watermark less the overlap on, whose version (ETag) was not yet seen,
- every object at which S3 failed in an earlier tick,
- every object, by its status, where there is no cursor (`Cursor.first`), and
- what times do not tell of (`upload_changes.py`): an object that was overwritten by one with an old
  time, and options that came after their upload.

The run key holds ETag and time: the same version does not run twice, unless another version was
there in between, or its options have changed. An upload that is overwritten while its run waits
gets a second one all the same, whatever becomes of the first; the one that comes later finds that
there is nothing left to do (`assets/stage.py`).
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetObservation,
    DagsterInstance,
    DataVersion,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from scribe_assets.dagster_internals import ExecutableDefinition
from scribe_assets.errors import DocumentError, PassingError, StorageRefusedError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import seen
from scribe_assets.partitions import recordings
from scribe_assets.sensors.faults import raise_if_storage_is_down
from scribe_assets.sensors.upload_changes import (
    changed_parts,
    digests,
    is_settled,
    late_options,
    overwritten,
    part_of,
    run_key,
)
from scribe_assets.sensors.uploads_cursor import (
    MAX_REQUESTS,
    Cursor,
    all_pending,
    content,
    is_known,
)
from scribe_assets.storage.layout import is_sidecar, is_upload
from scribe_assets.storage.recordings import (
    options_beside,
    read_status,
    to_source,
    write_status,
)
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets.tags import DATA_VERSION_TAG, ETAG_TAG, JOB_ID_TAG, UPLOAD_TAG, USER_TAG

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

REQUEST_SECONDS = 30.0
"""Time for the requests of a tick. Dagster ends a tick after 60 s, and each request costs a look-up
of its run key, and reading and writing its status in S3."""

MAX_LEFT_AGE = timedelta(hours=1)
"""An upload whose status cannot be read or written for so long is requested without it."""


def run_request(storage: S3Storage, upload: S3Object, again: str = "") -> RunRequest:
    """A run for this version of an upload, shown as queued in its status; for `again` see
    `run_key`.

    Where a document beside the upload is wrong, or S3 refuses it, the run is requested all the
    same: it fails with a sentence that says so, in the places where people look.

    Raises:
        PassingError: S3 does not answer.
        StorageRefusedError: S3 refuses the processed bucket as a whole.
    """
    ref = RecordingRef.from_upload_key(upload.key)
    try:
        job_id = options_beside(storage, upload.key).job_id
    except (DocumentError, StorageRefusedError):
        job_id = None
    try:
        waiting = seen(read_status(storage, ref), to_source(upload), job_id, again=bool(again))
        if waiting is not None:
            write_status(storage, waiting)
    except StorageRefusedError:
        raise_if_storage_is_down(storage, ref)
    return plain_request(upload, job_id, again)


def plain_request(upload: S3Object, job_id: str | None = None, again: str = "") -> RunRequest:
    """A run for this version of an upload, which gets a second one only `again`."""
    ref = RecordingRef.from_upload_key(upload.key)
    tags = {USER_TAG: ref.user_id, UPLOAD_TAG: upload.key, ETAG_TAG: upload.etag}
    if job_id:
        tags[JOB_ID_TAG] = job_id
    return RunRequest(
        partition_key=ref.partition_key,
        run_key=run_key(upload, again),
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
        again: uploads that get one more run, with its reason; see `run_key`. They are not left
            where S3 fails: what asks for them goes on asking.
        uploads: those that are requested.
        runs: a run for each of them.
        fault: the first one at an upload that is left.
    """

    storage: S3Storage
    left: dict[str, datetime]
    now: datetime
    log: logging.Logger
    again: dict[S3Object, str] = field(default_factory=dict)
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
            run = run_request(self.storage, upload, self.again.get(upload, ""))
        except PassingError as error:
            if name not in self.left:
                self.log.warning(f"{upload.uri} is left for the next ticks: {error}")
            self.fault = self.fault or error
            if upload in self.again:
                return
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


def requested(
    storage: S3Storage,
    instance: DagsterInstance,
    log: logging.Logger,
    cursor: Cursor | None,
    listed: list[S3Object],
) -> tuple[Requests, Cursor]:
    """What to ask for in view of a listing of the bucket, and the cursor after it.

    Raises:
        ScribeError: see `Requests.add_all`.
    """
    now = datetime.now(UTC)
    uploads = [item for item in listed if is_upload(item.key)]
    known = set(instance.get_dynamic_partitions(str(recordings.name)))
    if cursor is None:
        cursor = Cursor.first([item for item in uploads if is_known(item, known)])
    waiting = all_pending(uploads, known, cursor)
    parts = digests(without(uploads, waiting))
    changed = changed_parts(cursor.parts, parts)
    again, held = overwritten(storage, instance, without(uploads, waiting), changed, log)

    new = [item for item in listed if is_sidecar(item.key) and cursor.is_new(item)]
    settled = [item for item in new if is_settled(item, now)][:MAX_REQUESTS]
    late = late_options(storage, instance, settled, without(uploads, waiting), log)
    again |= {upload: sidecar.etag for sidecar, upload in late.items() if upload}

    # An upload that was deleted or overwritten meanwhile is no longer left.
    left = {content(item) for item in uploads} & {*cursor.left} if cursor.left else set()
    requests = Requests(storage, {name: cursor.left[name] for name in left}, now, log, again)
    if wanted := [*waiting[:MAX_REQUESTS], *again]:
        requests.add_all(wanted)

    looked_at = [s for s, upload in late.items() if not upload or upload in requests.uploads]
    held |= {part_of(upload) for upload in without(list(again), requests.uploads)}
    if waiting or changed:
        parts = digests(without(uploads, without(waiting, requests.uploads)))
        before = cursor.parts or {}
        parts = {part: digest for part, digest in parts.items() if part not in held}
        parts |= {part: before[part] for part in held if part in before}
    return requests, cursor.advanced(requests.uploads, requests.left, looked_at, parts)


def without(uploads: list[S3Object], others: list[S3Object]) -> list[S3Object]:
    """The uploads that are not among the others."""
    gone = set(others)
    return [upload for upload in uploads if upload not in gone]


def uploads_sensor(job: ExecutableDefinition) -> SensorDefinition:
    """The sensor on the uploads bucket."""

    @sensor(
        name="uploads_sensor",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Turns new and overwritten uploads into recordings and their runs.",
    )
    def watch(context: SensorEvaluationContext, storage: S3Storage) -> SensorResult:
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else None
        listed = list(storage.objects(storage.uploads_bucket))
        requests, after = requested(storage, context.instance, context.log, cursor, listed)
        advanced = after.model_dump_json()
        if not requests.runs:
            nothing = (
                "S3 fails at what belongs to the new" if requests.fault else "nothing new among"
            )
            count = sum(is_upload(item.key) for item in listed)
            return SensorResult(skip_reason=f"{nothing} {count} uploads", cursor=advanced)
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
