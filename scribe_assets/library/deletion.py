"""A recording is deleted: its upload, its options, and all that was made of it."""

from dataclasses import dataclass

from scribe_assets.artifacts.documents import Status
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
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


def delete(storage: S3Storage, ref: RecordingRef) -> Deletion:
    """Delete all that S3 has of a recording, and return what that was.

    The upload goes first, so that no sensor asks for it again; the status last, so that a deletion
    that was broken off can be done once more.
    """
    found = find_all(storage, ref)
    by_time = sorted(found.results, key=lambda item: item.key.endswith(f"/{Status.file_name}"))
    for item in (*found.uploads, *by_time):
        storage.delete(item.bucket, item.key)
    return found
