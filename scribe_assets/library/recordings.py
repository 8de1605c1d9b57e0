"""What people do with recordings: find, upload and follow them, and read their results."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from scribe_assets.artifacts.documents import ENDED, Recording, Result, Status
from scribe_assets.artifacts.formats import BINARY, FORMATS
from scribe_assets.artifacts.formats.plain import same_name
from scribe_assets.errors import (
    DocumentError,
    MissingObjectError,
    StorageRefusedError,
    UsageError,
)
from scribe_assets.keys import ANY_USER, DEFAULT_USER, RecordingRef, may_be_called, user_of
from scribe_assets.storage.layout import is_upload, processed_key, upload_prefix
from scribe_assets.storage.recordings import (
    find_upload,
    is_of,
    read_document,
    read_options,
    read_status,
)
from scribe_assets.storage.s3 import S3Object, S3Storage

MAX_NAMED = 5
"""Recordings that the error names where several are meant."""

POLL_SECONDS = 1.0
READERS = 16
"""Statuses that are read at a time."""

JSON = "json"
"""The result itself, among the names of its forms."""

FORMS = (JSON, *FORMATS, *BINARY)
"""The names of all forms of a result."""

UNREADABLE = (DocumentError, MissingObjectError, StorageRefusedError)
"""A document cannot be read; others can."""


def find_recording(storage: S3Storage, typed: str, user_id: str = ANY_USER) -> RecordingRef:
    """The recording that somebody means.

    Args:
        storage: S3.
        typed: an upload key (with or without the user's folder) or the end of one from a slash on,
            such as the name of the file; a recording id or a partition key. Accents may be typed in
            another way than they were uploaded.
        user_id: only this user's recordings.

    Raises:
        UsageError: there is none, there are several, or the upload has not been seen yet.
    """
    # Another user's uploads are not even said to be there.
    possible_keys = [
        key
        for key in (typed, f"{user_id or DEFAULT_USER}/{typed}")
        if user_id in (ANY_USER, user_of(key))
    ]
    for ref in map(RecordingRef.from_upload_key, possible_keys):
        if read_status(storage, ref):
            return ref
    seen = [_recording_of(item) for item in _status_files(storage, user_id)]
    for ref in seen:
        if typed in (ref.recording_id, ref.partition_key):
            return ref
    found = _called(possible_keys, typed, _upload_keys_of(storage, user_id)) or _called(
        possible_keys, typed, _keys_of_seen(storage, seen, typed)
    )
    if len(found) > 1:
        names = ", ".join(map(repr, found[:MAX_NAMED])) + (" …" if len(found) > MAX_NAMED else "")
        raise UsageError(f"{typed!r} may be any of {len(found)} recordings: {names}; type more")
    for upload_key in found:
        ref = RecordingRef.from_upload_key(upload_key)
        if ref not in seen:
            raise UsageError(f"{upload_key} is uploaded and not yet seen; is 'scribe up' running?")
        return ref
    raise UsageError(f"there is no recording {typed!r}; 'scribe status' lists them")


def _called(possible_keys: list[str], typed: str, keys: Iterable[str]) -> list[str]:
    """Those of some keys that are meant: the ones typed in full, or else those that end so."""
    names = {key: same_name(key) for key in keys}
    whole = {same_name(key) for key in possible_keys}
    end = f"/{same_name(typed)}"
    return sorted(key for key, name in names.items() if name in whole) or sorted(
        key for key, name in names.items() if name.endswith(end)
    )


def _upload_keys_of(storage: S3Storage, user_id: str) -> Iterator[str]:
    prefix = upload_prefix(user_id) if user_id else ""
    for item in storage.objects(storage.uploads_bucket, prefix):
        if is_upload(item.key) and user_id in (ANY_USER, user_of(item.key)):
            yield item.key


def _keys_of_seen(storage: S3Storage, seen: list[RecordingRef], typed: str) -> Iterator[str]:
    """Keys of recordings, also of those whose upload is gone, whose id fits what was typed."""
    file_name = typed.rpartition("/")[2]
    for ref in seen:
        if may_be_called(ref.recording_id, file_name):
            with suppress(StorageRefusedError):  # archived, for example
                status = read_status(storage, ref)
                if status is not None:
                    yield status.source.key


def find_status(storage: S3Storage, typed: str, user_id: str = ANY_USER) -> Status:
    """How far a recording is; see `find_recording`.

    Raises:
        UsageError: there is no such recording, or it has no status.
    """
    status = read_status(storage, find_recording(storage, typed, user_id))
    if status is None:
        raise UsageError(f"{typed} has no status yet; is 'scribe up' running?")
    return status


@dataclass(frozen=True)
class ListedStatus:
    """A recording in a list; `problem` says why its status cannot be read, where it cannot."""

    ref: RecordingRef
    written_at: datetime
    status: Status | None
    problem: str | None = None


def list_statuses(
    storage: S3Storage, user_id: str = ANY_USER, last: int = 30
) -> tuple[list[ListedStatus], int]:
    """How far recordings are.

    Args:
        storage: S3.
        user_id: only this user's recordings.
        last: how many to read.

    Returns:
        The recordings whose status was written last, the newest first, and how many there are in
        all. A status that is damaged, or that S3 does not give out, costs no other its place.
    """
    files = sorted(
        _status_files(storage, user_id), key=lambda item: item.last_modified, reverse=True
    )
    with ThreadPoolExecutor(READERS) as readers:
        rows = list(readers.map(lambda item: _listed(storage, item), files[:last]))
    return rows, len(files)


def failed_recordings(storage: S3Storage, user_id: str = ANY_USER) -> list[RecordingRef]:
    """All recordings that failed, of one user or of all; the one that failed last first."""
    rows, _ = list_statuses(storage, user_id, sys.maxsize)
    return [row.ref for row in rows if row.status and row.status.state == "failed"]


def _listed(storage: S3Storage, item: S3Object) -> ListedStatus:
    ref = _recording_of(item)
    try:
        status = read_document(storage, ref, Status)
    except UNREADABLE as error:
        return ListedStatus(ref, item.last_modified, None, str(error))
    return ListedStatus(ref, item.last_modified, status)


def _status_files(storage: S3Storage, user_id: str) -> Iterator[S3Object]:
    prefix = f"{user_id}/" if user_id else ""
    for item in storage.objects(storage.processed_bucket, prefix):
        if item.key.endswith(f"/{Status.file_name}"):
            yield item


def _recording_of(item: S3Object) -> RecordingRef:
    """The recording that a file in the processed bucket belongs to."""
    return RecordingRef(*item.key.rsplit("/", 2)[:2])


def wait_for_outcomes(
    storage: S3Storage, uploads: Sequence[S3Object], poll_seconds: float = POLL_SECONDS
) -> Iterator[tuple[S3Object, Status]]:
    """Follow uploads until each of these versions has succeeded or failed.

    Args:
        storage: S3.
        uploads: as `upload_recordings` returns them.
        poll_seconds: how long to wait between two looks.

    Yields:
        An upload and its status, whenever the status has changed. The last one of each upload is
        its outcome.
    """
    told: dict[str, Status] = {}
    waiting = list(uploads)
    while waiting:
        for upload in list(waiting):
            status = read_status(storage, RecordingRef.from_upload_key(upload.key))
            if status is None or not is_of(upload, status.source):
                continue
            if is_outcome(status):
                waiting.remove(upload)
            if status != told.get(upload.key):
                told[upload.key] = status
                yield upload, status
        if waiting:
            time.sleep(poll_seconds)


def is_outcome(status: Status) -> bool:
    """Whether a recording will not go on by itself."""
    return status.state in ENDED


def has_current_result(storage: S3Storage, ref: RecordingRef) -> bool:
    """Whether a recording has a result of its upload, and of its options, as they are now.

    Raises:
        ScribeError: something is missing or wrong: the upload, its options, or what was made of it.
    """
    upload = find_upload(storage, ref)
    recording = read_document(storage, ref, Recording)
    result = read_document(storage, ref, Result)
    if not (is_of(upload, recording.source) and is_of(upload, result.source)):
        return False
    if recording.options != read_options(storage, upload.key):
        return False
    # After the upload had been converted again, with new options, the run may have failed.
    bucket = storage.processed_bucket
    converted, fused = (
        storage.head(bucket, processed_key(ref, kind.file_name)) for kind in (Recording, Result)
    )
    return fused.last_modified >= converted.last_modified


def check_form(form: str) -> None:
    """Check that results have such a form.

    Raises:
        UsageError: they have not; the message names those that there are.
    """
    if form not in FORMS:
        raise UsageError(f"there is no format {form!r}; choose {', '.join(FORMS)}")


def read_result(
    storage: S3Storage, ref: RecordingRef, form: str, typed: str | None = None
) -> bytes:
    """A result as it lies in S3, or in a form that is made of it.

    Args:
        storage: S3.
        ref: the recording.
        form: one of `FORMS`.
        typed: what somebody calls the recording, for the error.

    Returns:
        The content of the file; text is UTF-8.

    Raises:
        UsageError: there is no such form, or no result yet.
    """
    check_form(form)
    try:
        if form in BINARY:
            return BINARY[form].render(read_document(storage, ref, Result))
        if form != JSON and not FORMATS[form].is_stored:
            return FORMATS[form].render(read_document(storage, ref, Result)).encode()
        name = Result.file_name if form == JSON else FORMATS[form].file_name
        return storage.read(storage.processed_bucket, processed_key(ref, name))
    except MissingObjectError as error:
        name = typed or ref.recording_id
        raise UsageError(f"{name} has no result yet; see 'scribe status {name}'") from error
