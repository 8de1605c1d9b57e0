"""A recording is deleted: its upload, its options, and all that was made of it."""

from collections.abc import Callable
from dataclasses import dataclass

from scribe_assets.artifacts.documents import Status
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.vocabulary import unlearn
from scribe_assets.storage.layout import recording_prefix, sidecar_key
from scribe_assets.storage.recordings import read_status
from scribe_assets.storage.s3 import S3Object, S3Storage


@dataclass(frozen=True)
class Deletion:
    """What there is of a recording in S3.

    Attributes:
        ref: the recording.
        key: of the upload.
        uploads: the upload and its options, those of the two that are there.
        results: all that was made of it.
    """

    ref: RecordingRef
    key: str
    uploads: list[S3Object]
    results: list[S3Object]


def find_all(storage: S3Storage, ref: RecordingRef) -> Deletion:
    """What there is of a recording; the upload may be gone already.

    Raises:
        UsageError: its status cannot be read, so that nobody knows its upload.
    """
    status = read_status(storage, ref)
    if status is None:
        raise UsageError(
            f"the status of {ref.recording_id} cannot be read, so that its upload is not known; "
            "delete the upload in S3, then its folder in the processed bucket"
        )
    key, bucket = status.source.key, storage.uploads_bucket
    own = {key, sidecar_key(key)}
    return Deletion(
        ref,
        key,
        [item for item in storage.objects(bucket, key) if item.key in own],
        list(storage.objects(storage.processed_bucket, recording_prefix(ref))),
    )


def delete(
    storage: S3Storage, ref: RecordingRef, forget_runs: Callable[[], object] = lambda: None
) -> Deletion:
    """Delete all that there is of a recording, and return what S3 had of it. The words that it has
    taught are unlearned first, while its corrections say which these are.

    The upload goes first, so that no sensor asks for it again. The status goes last, after the
    runs: without it nobody finds the recording any more, and a deletion that was broken off could
    not be done once more.

    Args:
        storage: S3.
        ref: the recording.
        forget_runs: removes its runs and its partition in Dagster, which this module does not know.
    """
    found = find_all(storage, ref)
    unlearn(storage, ref)
    for item in (*found.uploads, *filter(_is_no_status, found.results)):
        storage.delete(item.bucket, item.key)
    forget_runs()
    # A run that was cancelled may have written until it was gone.
    left = storage.objects(storage.processed_bucket, recording_prefix(ref))
    for item in sorted(left, key=lambda item: not _is_no_status(item)):
        storage.delete(item.bucket, item.key)
    return found


def _is_no_status(item: S3Object) -> bool:
    return not item.key.endswith(f"/{Status.file_name}")
