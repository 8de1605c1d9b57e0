"""The result before: what a recording said until it was processed again."""

from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import PREVIOUS_RESULT, processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage


def keep_previous(storage: S3Storage, ref: RecordingRef, new: Result) -> None:
    """Keep the result as it is, before another one takes its place.

    One that is equal to the new one is not kept: a step that is tried again writes what it has
    written already.
    """
    try:
        before = read_document(storage, ref, Result)
    except (MissingObjectError, DocumentError):
        return
    if before != new:
        write_previous(storage, ref, before)


def write_previous(storage: S3Storage, ref: RecordingRef, result: Result) -> None:
    """Write the result before."""
    key = processed_key(ref, PREVIOUS_RESULT)
    storage.write(storage.processed_bucket, key, result.to_json(), "application/json")


def read_previous(storage: S3Storage, ref: RecordingRef) -> Result:
    """The result before.

    Raises:
        MissingObjectError: there is none.
        DocumentError: it is damaged.
    """
    key = processed_key(ref, PREVIOUS_RESULT)
    return Result.from_json(storage.read(storage.processed_bucket, key), key)
