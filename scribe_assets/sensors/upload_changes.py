"""Changes in the uploads bucket that its times do not tell of.

**A version with an old time.** Some clients keep the time of the file, so that a new version may
have the time of last year, or even that of a version which was here before. To compare every upload
with what was recorded of it in every tick would take 100,000 reads of S3. So the cursor keeps a
short digest of each of `PARTS` parts of the listing. Where a part has changed and the watermark
does not explain it, its uploads alone are compared with their `status.json`: some 400 where there
are 100,000. What costs such a comparison besides: an upload that was deleted, or overwritten in the
ordinary way. The digests take 4 kB; one for each upload would be a megabyte, which Dagster stores
with every tick.

**Options that come after their upload.** A run reads them when it starts. So they ask for a run of
their own only where no run waits, and where they are others than those in `recording.json`.
"""

import hashlib
import logging
import time
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from scribe_assets.artifacts.documents import Recording
from scribe_assets.errors import (
    DocumentError,
    MissingObjectError,
    PassingError,
    StorageRefusedError,
)
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import sidecar_key
from scribe_assets.storage.recordings import is_of, read_document, read_options, read_status
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets.tags import PARTITION_TAG, RUN_KEY_TAG

PARTS = 256

COMPARISON_SECONDS = 10.0
"""Time for comparisons in a tick, beside that for its requests. One part is always compared."""

SETTLING = timedelta(seconds=20)
"""Options are put first. So those of an upload that is known may belong to a version of it that is
still on its way."""

WAITING = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED]
UNDER_WAY = [
    *WAITING,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def run_key(upload: S3Object, again: str = "") -> str:
    """The key of the request for a run; Dagster never starts two runs with the same one.

    Args:
        upload: the version.
        again: why the same version gets one more run; empty for the first.
    """
    partition = RecordingRef.from_upload_key(upload.key).partition_key
    key = f"{partition}:{upload.etag}:{upload.last_modified:%Y%m%dT%H%M%S}"
    return f"{key}:{again}" if again else key


def part_of(upload: S3Object) -> str:
    """The part of the listing that an upload belongs to."""
    return f"{zlib.crc32(upload.key.encode('utf-8', 'surrogatepass')) % PARTS:02x}"


def digests(uploads: Iterable[S3Object]) -> dict[str, str]:
    """A digest of the versions in each part of a listing, which is in the order of its keys."""
    parts: dict[str, list[str]] = {}
    for upload in uploads:
        version = f"{upload.key}\0{upload.etag}\0{upload.last_modified.timestamp():.0f}"
        parts.setdefault(part_of(upload), []).append(version)
    return {
        part: hashlib.sha256("\n".join(found).encode("utf-8", "surrogatepass")).hexdigest()[:12]
        for part, found in parts.items()
    }


def changed_parts(known: dict[str, str] | None, found: dict[str, str]) -> set[str]:
    """The parts whose digest is another one than in the cursor; none before the first tick."""
    if known is None:
        return set()
    return {part for part in {*known, *found} if known.get(part) != found.get(part)}


def overwritten(
    storage: S3Storage,
    instance: DagsterInstance,
    uploads: list[S3Object],
    parts: set[str],
    log: logging.Logger,
) -> tuple[dict[S3Object, str], set[str]]:
    """Compare the uploads of some parts of the listing with what was recorded of them.

    Args:
        storage: S3.
        instance: Dagster's.
        uploads: those that need no run, as far as the watermark tells.
        parts: see above.
        log: of the tick.

    Returns:
        The uploads that need a run, each with the reason for its `run_key`; and the parts that
        have not been compared, for lack of time or because S3 failed.
    """
    by_part: dict[str, list[S3Object]] = {part: [] for part in parts}
    for upload in uploads if parts else []:
        if (part := part_of(upload)) in by_part:
            by_part[part].append(upload)
    deadline = time.monotonic() + COMPARISON_SECONDS
    found: dict[S3Object, str] = {}
    rest = set(parts)
    for part, members in by_part.items():
        try:
            reasons = {upload: why_unrequested(storage, instance, upload) for upload in members}
        except PassingError as error:
            log.warning(f"some uploads are compared in the next ticks: {error}")
            break
        found |= {upload: why for upload, why in reasons.items() if why is not None}
        rest.remove(part)
        if time.monotonic() > deadline:
            break
    return found, rest


def why_unrequested(storage: S3Storage, instance: DagsterInstance, upload: S3Object) -> str | None:
    """Why a version of an upload needs a run, for its `run_key`; None where it has had one.

    The status is written before the run is asked for, and tells of the version. Where the tick died
    in between, the version waits for a run that does not come.

    Raises:
        PassingError: S3 does not answer.
    """
    ref = RecordingRef.from_upload_key(upload.key)
    try:
        status = read_status(storage, ref)
    except StorageRefusedError:  # nobody can tell; a person has to act first
        return None
    if status is None:  # somebody has removed what was made of it
        asked = RunsFilter(tags={RUN_KEY_TAG: run_key(upload)})
        return None if instance.get_runs_count(asked) else ""
    is_known = is_of(upload, status.source)
    if is_known and (status.state != "queued" or has_run(instance, ref, UNDER_WAY)):
        return None
    # The same version may have been here before another one.
    return f"{status.updated_at:%Y%m%dT%H%M%S}"


def has_run(instance: DagsterInstance, ref: RecordingRef, statuses: list[DagsterRunStatus]) -> bool:
    """Whether a recording has a run in one of these states."""
    of_recording = RunsFilter(tags={PARTITION_TAG: ref.partition_key}, statuses=statuses)
    return instance.get_runs_count(of_recording) > 0


def is_settled(sidecar: S3Object, now: datetime) -> bool:
    """Whether options have been there for so long that they belong to the upload beside them."""
    return now - sidecar.last_modified > SETTLING


def late_options(
    storage: S3Storage,
    instance: DagsterInstance,
    sidecars: list[S3Object],
    uploads: list[S3Object],
    log: logging.Logger,
) -> dict[S3Object, S3Object | None]:
    """Look at options that are new.

    Args:
        storage: S3.
        instance: Dagster's.
        sidecars: the options.
        uploads: those that need no run, as far as their times tell.
        log: of the tick.

    Returns:
        The options that were looked at, each with the upload that needs a run for them, or None.
    """
    by_sidecar = {sidecar_key(upload.key): upload for upload in uploads} if sidecars else {}
    looked_at: dict[S3Object, S3Object | None] = {}
    for sidecar in sidecars:
        upload = by_sidecar.get(sidecar.key)
        try:
            is_needed = upload is not None and has_other_options(storage, instance, upload)
        except PassingError as error:
            log.warning(f"{sidecar.uri} is looked at in the next ticks: {error}")
            continue
        looked_at[sidecar] = upload if is_needed else None
    return looked_at


def has_other_options(storage: S3Storage, instance: DagsterInstance, upload: S3Object) -> bool:
    """Whether an upload whose options have changed needs a run for them.

    A run that waits has not read them yet. One that is being started, or that converts the upload,
    may have: the run that is asked for then ends at once where it has.

    Raises:
        PassingError: S3 does not answer.
    """
    ref = RecordingRef.from_upload_key(upload.key)
    if has_run(instance, ref, WAITING):
        return False
    try:
        recording = read_document(storage, ref, Recording)
        options = read_options(storage, upload.key)
    except (MissingObjectError, DocumentError):  # not converted yet, or the run says what is wrong
        return True
    except StorageRefusedError:
        return False
    return not is_of(upload, recording.source) or recording.options != options
