"""Checks of S3: whether it answers, what the account may do, and what time it is there."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from scribe_assets.errors import StorageRefusedError
from scribe_assets.local.doctor.finding import Finding, State
from scribe_assets.storage.faults import explained
from scribe_assets.storage.layout import probe_key
from scribe_assets.storage.s3 import S3Object, S3Storage

CONTENT = b"A probe of 'scribe doctor', which may be deleted."

SKEW_TOLD_SECONDS = 60.0
SKEW_REFUSED_SECONDS = 15 * 60.0
"""S3 refuses signatures that are older or newer than that."""


@dataclass(frozen=True)
class Right:
    """Something that is done with a bucket.

    Attributes:
        action: how policies call it.
        purpose: what cannot be done without it.
        is_vital: nothing is transcribed without it.
    """

    action: str
    purpose: str
    is_vital: bool

    def missing(self, bucket: str, error: StorageRefusedError) -> str:
        """What to allow."""
        resource = bucket if self.action == "s3:ListBucket" else f"{bucket}/*"
        return f"allow {self.action} on {resource} ({self.purpose}): {error}"


def rights_of_bucket(storage: S3Storage, bucket: str) -> Finding:
    """What may be done in a bucket, by doing it with a probe (`layout.probe_key`), removed at once.

    Raises:
        StorageUnavailableError: S3 does not answer, or not well.
    """
    is_output = bucket == storage.processed_bucket
    is_bank = bucket == storage.identity_bucket
    by_hand = "scribe enroll" if is_bank else "scribe upload"
    rights = {
        "list": Right("s3:ListBucket", "finding what is new", True),
        "put": Right("s3:PutObject", "results" if is_output else by_hand, is_output),
        "get": Right("s3:GetObject", "reading what is there", True),
        "delete": Right(
            "s3:DeleteObject", "names that are forgotten" if is_output else by_hand, is_output
        ),
    }
    refused: dict[str, StorageRefusedError] = {}
    listed: list[S3Object] = []

    def attempt(right: str, action: Callable[[], object]) -> bool:
        try:
            action()
        except StorageRefusedError as error:
            refused[right] = error
        return right not in refused

    key = probe_key(secrets.token_hex(4))
    attempt("list", lambda: listed.extend(islice(storage.objects(bucket), 1)))
    is_there = attempt("put", lambda: storage.write(bucket, key, CONTENT, "text/plain"))
    try:
        if is_there:
            attempt("get", lambda: storage.read(bucket, key))
        elif listed:  # what somebody else wrote
            attempt("get", lambda: storage.head(bucket, listed[0].key))
    finally:
        is_gone = attempt("delete", lambda: storage.delete(bucket, key))
    return _told(bucket, rights, refused, key if is_there and not is_gone else None)


def _told(
    bucket: str,
    rights: dict[str, Right],
    refused: dict[str, StorageRefusedError],
    left: str | None,
) -> Finding:
    name = f"rights in {bucket}"
    if not refused:
        return Finding(name, "ok", "list, get, put, delete")
    if {"list", "put", "delete"} <= refused.keys():
        return Finding(name, "failure", f"nothing is allowed: {refused['list']}")
    state: State = "failure" if any(rights[right].is_vital for right in refused) else "warning"
    told = [rights[right].missing(bucket, error) for right, error in refused.items()]
    if left:
        told.append(f"the probe {left} is left, and may be deleted")
    return Finding(name, state, "; ".join(told))


def clock(storage: S3Storage, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Finding:
    """Whether this machine and S3 agree on the time.

    Args:
        storage: S3.
        now: the time of this machine.

    Raises:
        StorageUnavailableError: S3 does not answer.
    """
    before = now()
    said = _date_of_answer(storage)
    after = now()
    name = "clock"
    if said is None:
        return Finding(name, "warning", "S3 does not tell its time, so that it is not compared")
    seconds = ((before + (after - before) / 2) - said).total_seconds()
    text = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} S3"
    todo = "let NTP set the clock of this machine, or of the server"
    if abs(seconds) > SKEW_REFUSED_SECONDS:
        return Finding(name, "failure", f"{text}, which refuses such requests: {todo}")
    if abs(seconds) > SKEW_TOLD_SECONDS:
        return Finding(name, "warning", f"{text}; from 15 minutes on it refuses requests: {todo}")
    return Finding(name, "ok", f"within {SKEW_TOLD_SECONDS:.0f} s of S3's")


def _date_of_answer(storage: S3Storage) -> datetime | None:
    """The time that S3 tells with an answer, be it a refusal."""
    bucket = storage.uploads_bucket
    with explained(bucket, ""):
        try:
            answer: Any = storage.get_client().head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response
    try:
        said = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)
