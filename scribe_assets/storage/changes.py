"""Changes of a document that several may make at once: none of them is lost.

A change is written only over what it was made of (`If-Match`, `If-None-Match`), and is made anew
where somebody was faster. The embedded server ignores both headers (docs/decisions/0005); whoever
uses it has the same SCRIBE_HOME, and waits for the others at a lock there (`alone`).
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from scribe_assets.artifacts.documents import Document
from scribe_assets.errors import MissingObjectError, StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.faults import explained
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.s3 import S3Storage

D = TypeVar("D", bound=Document)

ATTEMPTS = 20
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
"""What S3 answers where the object is no longer the one that was read."""


@contextmanager
def alone(storage: S3Storage) -> Iterator[None]:
    """Nobody else who uses this SCRIBE_HOME is in here at the same time."""
    file = Path(storage.home) / "changes.lock"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def change_document(
    storage: S3Storage, ref: RecordingRef, kind: type[D], change: Callable[[D | None], D]
) -> D:
    """Change a document of a recording, and return it as it was written.

    Args:
        storage: S3.
        ref: the recording.
        kind: of the document.
        change: gets the document, None where there is none, and returns it as it should be. It is
            called again where somebody else changed the document meanwhile.

    Raises:
        StorageUnavailableError: others keep changing it.
    """
    key = processed_key(ref, kind.file_name)
    for _ in range(ATTEMPTS):
        before, etag = _read(storage, key)
        after = change(None if before is None else kind.from_json(before, key))
        if _write(storage, key, after.to_json(), etag):
            return after
    raise StorageUnavailableError(f"others keep changing {key}; try again")


def _read(storage: S3Storage, key: str) -> tuple[bytes | None, str | None]:
    """A document and its ETag, in quotes; None where it is not there."""
    bucket = storage.processed_bucket
    try:
        with explained(bucket, key):
            found = storage.get_client().get_object(Bucket=bucket, Key=key)
            return found["Body"].read(), found["ETag"]
    except MissingObjectError:
        return None, None


def _write(storage: S3Storage, key: str, text: str, etag: str | None) -> bool:
    """Write a document unless it is no longer the one with this ETag, and say so."""
    bucket = storage.processed_bucket
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    with explained(bucket, key):
        try:
            storage.get_client().put_object(
                Bucket=bucket,
                Key=key,
                Body=text.encode(),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in OVERTAKEN:
                return False
            raise
    return True
