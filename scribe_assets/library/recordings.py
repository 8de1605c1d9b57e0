"""What people do with recordings: find, upload and follow them, and read their results."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from scribe_assets.artifacts.documents import Options, Recording, Result, Status
from scribe_assets.artifacts.formats import BINARY, FORMATS
from scribe_assets.artifacts.formats.plain import same_name, visible
from scribe_assets.errors import (
    DocumentError,
    MissingObjectError,
    StorageRefusedError,
    UsageError,
)
from scribe_assets.keys import DEFAULT_USER, RecordingRef, may_be_called, user_of
from scribe_assets.storage.embedded import is_kept_name
from scribe_assets.storage.layout import is_upload, processed_key, sidecar_key, upload_prefix
from scribe_assets.storage.recordings import (
    find_upload,
    is_of,
    read_document,
    read_options,
    read_status,
)
from scribe_assets.storage.s3 import S3Object, S3Storage

ANY_USER = ""
"""Instead of a user: whoever the recording belongs to."""

MAX_NAMED = 5
"""Recordings that the error names where several are meant."""

POLL_SECONDS = 1.0
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
    return [_listed(storage, item) for item in files[:last]], len(files)


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


def upload_keys(files: Sequence[Path], user_id: str) -> list[str]:
    """The keys of files that are to become recordings of a user, under their own names.

    Raises:
        UsageError: a file's name is no key for a recording, or two files have the same name.
    """
    keys = [f"{user_id}/{file.name}" for file in files]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"two of the files would become {key}; upload them one by one")
        is_safe = is_kept_name(key) and key == visible(key)
        if not is_upload(key) or key.count("/") > 1 or not is_safe:
            raise UsageError(
                f"{visible(key)} is not a key that Scribe takes for a recording; rename it"
            )
    return keys


def upload_recordings(
    storage: S3Storage,
    files: Sequence[Path],
    user_id: str = DEFAULT_USER,
    options: Options | None = None,
    progress: Callable[[Path, int], None] = lambda _file, _sent: None,
) -> list[S3Object]:
    """Upload files as recordings of a user, and make missing buckets.

    Args:
        storage: S3.
        files: any audio or video.
        user_id: whose recordings they become.
        options: the same for all of them.
        progress: told how many more bytes of which file were sent; first 0 for each file.

    Returns:
        The uploads, in the order of the files.

    Raises:
        UsageError: see `upload_keys`; then nothing is uploaded.
    """
    keys = upload_keys(files, user_id)
    storage.ensure_buckets()
    uploads = []
    for file, key in zip(files, keys, strict=True):
        # The sensor must find the options when it finds the recording.
        _put_options(storage, key, options or Options())
        uploads.append(_upload(storage, file, key, progress))
    return uploads


def _put_options(storage: S3Storage, key: str, options: Options) -> None:
    """Write the options beside an upload, or remove those of the file that had its name before."""
    bucket, sidecar = storage.uploads_bucket, sidecar_key(key)
    if options != Options():
        storage.write(bucket, sidecar, options.to_json(), "application/json")
    elif storage.exists(bucket, sidecar):
        storage.delete(bucket, sidecar)


def _upload(
    storage: S3Storage, file: Path, key: str, progress: Callable[[Path, int], None]
) -> S3Object:
    bucket = storage.uploads_bucket
    progress(file, 0)
    with file.open("rb") as stream:
        storage.upload_stream(
            stream,
            bucket,
            key,
            "application/octet-stream",
            callback=lambda sent: progress(file, sent),
        )
    return storage.head(bucket, key)


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
    return status.state in ("succeeded", "failed")


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
