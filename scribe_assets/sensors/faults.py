"""Telling a fault of one recording from a fault of S3 as a whole.

A sensor goes on after the first kind: one archived or damaged object must not hold up everybody's
uploads. After the second kind its tick fails, so that its cursor stays where it was and nothing is
lost.
"""

from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.s3 import S3Storage

PREFIX_CHARACTERS = 200
"""Of a prefix that is listed: a user's name may be so long that S3 refuses all its keys."""


def raise_if_storage_is_down(storage: S3Storage, ref: RecordingRef) -> None:
    """List the files of a recording whose status could not be read or written.

    Raises:
        ScribeError: S3 does not answer, or refuses the processed bucket as a whole.
    """
    any(storage.objects(storage.processed_bucket, processed_key(ref, "")[:PREFIX_CHARACTERS]))
