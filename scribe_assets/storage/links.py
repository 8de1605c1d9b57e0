"""Links to objects that a browser opens, without credentials."""

from scribe_assets.storage.faults import explained
from scribe_assets.storage.s3 import S3Storage

LINK_SECONDS = 7 * 24 * 3600
"""The longest that S3 signs for."""


def link(storage: S3Storage, bucket: str, key: str) -> str | None:
    """A presigned URL of an object, for a week.

    Whoever has it can read this one object. Nothing is asked of the server.

    Returns:
        None with the passing credentials of a role: the link would hold their token, and end when
        they do.
    """
    with explained(bucket, key):
        url: str = storage.get_client().generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS
        )
    return None if "X-Amz-Security-Token" in url else url
