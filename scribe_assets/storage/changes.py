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

from scribe_assets.artifacts.documents import Corrections, Document, Result
from scribe_assets.errors import CorrectedError, MissingObjectError, StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.faults import explained
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage

D = TypeVar("D", bound=Document)

ATTEMPTS = 20
OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
"""What S3 answers where the object is no longer the one that was read."""


def read_corrections(storage: S3Storage, ref: RecordingRef) -> Corrections | None:
    """What people have put right of a recording; None where nobody has.

    Raises:
        DocumentError: the file is damaged. It is not passed over: what was corrected would be lost.
    """
    try:
        return read_document(storage, ref, Corrections)
    except MissingObjectError:
        return None


def check_not_corrected(storage: S3Storage, ref: RecordingRef, document: Document) -> None:
    """Check, after a result was written, that nobody has corrected the recording while it was made.

    Whoever did has written the result anew, and this one has replaced it.

    Raises:
        CorrectedError: somebody has; the next try takes the corrections as they are now.
    """
    if not isinstance(document, Result):
        return
    kept = read_corrections(storage, ref)
    version = kept.version if kept and kept.corrections else None
    if version != (document.corrections.version if document.corrections else None):
        raise CorrectedError(f"{ref.recording_id} was corrected while its result was made")


@contextmanager
def alone(storage: S3Storage) -> Iterator[None]:
    """Nobody else who uses this SCRIBE_HOME is in here at the same time."""
    file = Path(storage.home) / "changes.lock"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def change_document(
    storage: S3Storage, key: str, kind: type[D], change: Callable[[D | None], D]
) -> D:
    """Change a document in the processed bucket, and return it as it was written.

    Args:
        storage: S3.
        key: of the document.
        kind: of the document.
        change: gets the document, None where there is none, and returns it as it should be. It is
            called again where somebody else changed the document meanwhile.

    Raises:
        StorageUnavailableError: others keep changing it.
    """
    for _ in range(ATTEMPTS):
        text, etag = _read(storage, key)
        before = None if text is None else kind.from_json(text, key)
        after = change(before)
        if after == before or _write(storage, key, after.to_json(), etag):
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
