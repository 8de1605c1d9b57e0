"""Links to results that a browser opens."""

from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.errors import MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.s3 import S3Storage


def page_of(storage: S3Storage, ref: RecordingRef, seconds: int) -> str:
    """A link to `result.html` that holds its own right to read it, and nothing else.

    Args:
        storage: S3.
        ref: the recording.
        seconds: how long the link works.

    Raises:
        UsageError: there is no result yet.
    """
    bucket, key = storage.processed_bucket, processed_key(ref, FORMATS["html"].file_name)
    try:
        storage.head(bucket, key)
    except MissingObjectError as error:
        raise UsageError(f"{ref.recording_id} has no result yet; see 'scribe status'") from error
    return storage.get_client().generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
    )
