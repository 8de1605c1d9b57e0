"""What boto3 raises, as an error of Scribe: what happened, where, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ResponseStreamingError,
)

from scribe_assets.errors import (
    BrokenOffError,
    KeyTooLongError,
    MissingObjectError,
    StorageRefusedError,
    StorageUnavailableError,
)

REFUSED = {
    "403",
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}

KEY_TOO_LONG = {"KeyTooLong", "KeyTooLongError"}

BAD_REQUESTS = {
    "400",  # the answer to a HEAD has no more than this
    "EntityTooLarge",
    "InvalidArgument",
    "InvalidDigest",
    "InvalidObjectName",
    "InvalidRequest",
    "InvalidURI",
    "MethodNotAllowed",
    "NotImplemented",
    "XMinioInvalidObjectName",
}
"""What a server answers, each time anew, to a request that it or the bucket does not allow: a name
that it cannot store, a write without the checksum that Object Lock wants, and so on."""

ARCHIVED = "InvalidObjectState"
"""What S3 says (403) when an object lies in an archive, such as Glacier, and was not restored."""


SKEWED = "RequestTimeTooSkewed"
"""What S3 says to a signature that is too old, or not yet valid, by its own clock."""


@contextmanager
def explained(bucket: str, key: str) -> Iterator[None]:
    """Turn what boto3 raises into an error of Scribe.

    Args:
        bucket: that is worked on.
        key: of the object, or a prefix; empty for the bucket itself.

    Raises:
        MissingObjectError: there is no such object.
        KeyTooLongError: there can be none.
        StorageRefusedError: S3 refuses, for a reason that a person has to remove.
        StorageUnavailableError: S3 does not answer, or not well.
    """
    where = f"s3://{bucket}/{key}" if key else f"bucket {bucket}"
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"404", "NoSuchKey", "NotFound"}:
            raise MissingObjectError(f"{where} does not exist") from error
        if code == "NoSuchBucket":
            raise StorageRefusedError(
                f"bucket {bucket} does not exist; create it or correct its SCRIBE_…_BUCKET variable"
            ) from error
        if code == ARCHIVED:
            raise StorageRefusedError(
                f"{where} is archived and cannot be read; restore it in S3 and try again"
            ) from error
        if code in KEY_TOO_LONG:
            raise KeyTooLongError(
                f"{where} has too long a key for this S3 server; give it a shorter one, and upload "
                "it again"
            ) from error
        if code in BAD_REQUESTS:
            answer = error.response["Error"].get("Message", "").rstrip(".") or "Bad Request"
            raise StorageRefusedError(
                f"S3 does not allow {error.operation_name} at {where}: {answer} ({code}); check "
                "the name, and the rules of the bucket and of the server"
            ) from error
        if code == SKEWED:
            raise StorageUnavailableError(
                f"S3 refuses {where}, as its clock and that of this machine are more than 15 "
                "minutes apart; let NTP set them"
            ) from error
        if code in REFUSED:
            raise StorageRefusedError(
                f"S3 refuses access to {where} ({code}); check MINIO_ACCESS_KEY, "
                "MINIO_SECRET_KEY and the rights of that account"
            ) from error
        raise StorageUnavailableError(f"S3 failed at {where}: {error}") from error
    except NoCredentialsError as error:
        raise StorageRefusedError(
            "there are no S3 credentials; set MINIO_ACCESS_KEY and MINIO_SECRET_KEY, "
            "or the AWS variables or profile"
        ) from error
    except (IncompleteReadError, ResponseStreamingError) as error:
        raise BrokenOffError(f"{where} came only in part; a later try may succeed") from error
    except (EndpointConnectionError, HTTPClientError, ConnectionError, TimeoutError) as error:
        raise StorageUnavailableError(
            f"S3 does not answer ({error.__class__.__name__} at {where}); is it running? "
            "The embedded server runs while 'scribe up' does, others are at MINIO_ENDPOINT"
        ) from error
    except BotoCoreError as error:
        raise StorageUnavailableError(f"S3 failed at {where}: {error}") from error
