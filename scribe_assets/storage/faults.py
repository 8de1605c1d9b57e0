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


@contextmanager
def explained(bucket: str, key: str) -> Iterator[None]:
    """Turn what boto3 says into what happened, where, and what to do."""
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
