"""The S3 resource, for the embedded server, MinIO and Amazon S3 alike."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from dagster_aws.s3 import S3Resource

from scribe_assets.errors import (
    BrokenOffError,
    DocumentError,
    MissingObjectError,
    StorageRefusedError,
)
from scribe_assets.settings import Settings
from scribe_assets.storage.embedded import EmbeddedServer, is_kept_name
from scribe_assets.storage.faults import explained

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20
TIME_TOLERANCE = timedelta(seconds=5)
"""See `S3Object.is_version`."""

READ_ATTEMPTS = 5
"""An object that is being replaced may arrive in part, from some servers several times in a row."""


@dataclass(frozen=True)
class S3Object:
    """An object, without its content.

    `etag` has no quotes. `last_modified` is in whole seconds, because a listing may tell fractions
    of a second, and the answer to a request for the object itself never does.
    """

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime

    @property
    def uri(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"

    def is_version(self, key: str, etag: str, last_modified: datetime) -> bool:
        """Whether this is the same content, uploaded at the same time.

        Servers tell the time of an object differently from call to call (the embedded one has been
        seen to change it by milliseconds across a full second), hence the tolerance.
        """
        apart = abs(self.last_modified - last_modified)
        return self.key == key and self.etag == etag and apart <= TIME_TOLERANCE


@lru_cache(maxsize=8)
def _client(endpoint_url: str | None, access_key: str | None, secret_key: str | None) -> "S3Client":
    """A client for each server and account. Clients of boto3 are thread-safe."""
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 4},
        s3={"addressing_style": "path" if endpoint_url else "auto"},
        # Older MinIO and rclone know none of the checksums that boto3 sends and expects by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.Session()
    client = session.client(
        "s3",
        endpoint_url=endpoint_url,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=session.region_name or "us-east-1",
        config=config,
    )
    for operation in ("PutObject", "UploadPart"):
        client.meta.events.register(f"before-call.s3.{operation}", _add_content_md5)
    return client


def _add_content_md5(params: dict[str, Any], **_: Any) -> None:
    """Send `Content-MD5` with what is written.

    A bucket with Object Lock refuses whatever comes without a checksum, and this is the one that
    every S3 server knows.
    """
    body = params["body"]
    digest = hashlib.md5(usedforsecurity=False)
    if isinstance(body, bytes | bytearray):
        digest.update(body)
    else:
        start = body.tell()
        while chunk := body.read(CHUNK_BYTES):
            digest.update(chunk)
        body.seek(start)
    params["headers"]["Content-MD5"] = base64.b64encode(digest.digest()).decode()


class S3Storage(S3Resource):
    """`dagster_aws.s3.S3Resource` that finds Scribe's server and says clearly what is wrong.

    Make it with `from_settings`. Its configuration, which Dagster shows in its UI, holds no
    credentials: those stay in the settings, or in the file of the embedded server.
    """

    home: str
    uploads_bucket: str
    processed_bucket: str
    identity_bucket: str

    _settings: ClassVar[Settings | None] = None
    """With the credentials. An attribute of the class, and not of the object, because Dagster makes
    its own copies of a resource, from the class and the configuration alone."""

    @classmethod
    def from_settings(cls, settings: Settings, **fields: Any) -> Self:
        """The resource for an installation. Every call makes a class, for its `_settings`.

        Args:
            settings: of the installation.
            fields: what a subclass needs besides.
        """

        class Connected(cls):  # type: ignore[valid-type, misc]
            __doc__ = cls.__doc__
            _settings = settings

        # Dagster's UI shows the type of a resource by these.
        Connected.__module__ = cls.__module__
        Connected.__name__ = cls.__name__
        Connected.__qualname__ = cls.__qualname__
        connected: type[Self] = Connected
        return connected(
            endpoint_url=settings.endpoint_url,
            home=str(settings.home),
            uploads_bucket=settings.uploads_bucket,
            processed_bucket=settings.processed_bucket,
            identity_bucket=settings.identity_bucket,
            **fields,
        )

    def get_client(self) -> "S3Client":
        """The boto3 client.

        Raises:
            StorageRefusedError: no credentials, or no embedded server to talk to.
        """
        settings = self._settings
        if settings is None:
            raise ValueError("this storage has no settings; make it with S3Storage.from_settings")
        if settings.embedded_s3:
            server = EmbeddedServer.read(Path(self.home))
            if server is None:
                raise StorageRefusedError(
                    f"there is no embedded S3 server in {self.home} yet; start it with "
                    "'make up' or 'scribe up', or set MINIO_ENDPOINT"
                )
            return _client(server.endpoint_url, server.access_key, server.secret_key)
        try:
            return _client(
                settings.endpoint_url,
                settings.minio_access_key or None,
                settings.minio_secret_key.get_secret_value() or None,
            )
        except ProfileNotFound as error:
            raise StorageRefusedError(f"{error}; check AWS_PROFILE") from error

    def objects(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        """All objects under a prefix, in the order of their keys.

        boto3 asks for the keys in URL encoding and decodes them: XML has no control characters.
        """
        embedded = self._settings is not None and self._settings.embedded_s3
        with explained(bucket, prefix):
            pages = self.get_client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    if embedded and not is_kept_name(item["Key"]):
                        continue
                    yield S3Object(
                        bucket,
                        item["Key"],
                        item["ETag"].strip('"'),
                        item["Size"],
                        item["LastModified"].replace(microsecond=0),
                    )

    def head(self, bucket: str, key: str) -> S3Object:
        """An object without its content.

        Raises:
            MissingObjectError: it is not there.
        """
        with explained(bucket, key):
            found = self.get_client().head_object(Bucket=bucket, Key=key)
            return _described(bucket, key, found)

    def exists(self, bucket: str, key: str) -> bool:
        """Whether an object is there."""
        try:
            self.head(bucket, key)
        except MissingObjectError:
            return False
        return True

    def read(self, bucket: str, key: str, most_bytes: int | None = None) -> bytes:
        """The content of a small object.

        Args:
            bucket: the bucket.
            key: the object.
            most_bytes: a larger object is not read: somebody put it there by mistake.

        Raises:
            MissingObjectError: it is not there.
            DocumentError: it is larger than allowed.
        """
        for _ in range(READ_ATTEMPTS - 1):
            try:
                return self._read(bucket, key, most_bytes)
            except BrokenOffError:
                continue
        return self._read(bucket, key, most_bytes)

    def _read(self, bucket: str, key: str, most_bytes: int | None) -> bytes:
        with explained(bucket, key):
            found = self.get_client().get_object(Bucket=bucket, Key=key)
            size = found["ContentLength"]
            if most_bytes is not None and size > most_bytes:
                found["Body"].close()
                raise DocumentError(f"{key} has {size} bytes; at most {most_bytes} are read")
            return found["Body"].read()

    def write(self, bucket: str, key: str, content: str | bytes, content_type: str) -> str:
        """Write a small object, whole or not at all, and return its URI."""
        body = content.encode() if isinstance(content, str) else content
        with explained(bucket, key):
            self.get_client().put_object(
                Bucket=bucket, Key=key, Body=body, ContentType=content_type
            )
        return f"s3://{bucket}/{key}"

    def download(self, bucket: str, key: str, target: Path) -> S3Object:
        """Stream an object into a file, and return which version of the object that was."""
        with explained(bucket, key):
            found = self.get_client().get_object(Bucket=bucket, Key=key)
            with target.open("wb") as file:
                for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                    file.write(chunk)
            return _described(bucket, key, found)

    def upload(self, source: Path, bucket: str, key: str, content_type: str) -> str:
        """Stream a file into an object, in parts where it is large, and return its URI."""
        with source.open("rb") as file:
            return self.upload_stream(file, bucket, key, content_type)

    def upload_stream(
        self, stream: BinaryIO, bucket: str, key: str, content_type: str, callback: Any = None
    ) -> str:
        """As `upload`; `callback` is called with the number of bytes sent since its last call."""
        with explained(bucket, key):
            self.get_client().upload_fileobj(
                stream, bucket, key, ExtraArgs={"ContentType": content_type}, Callback=callback
            )
        return f"s3://{bucket}/{key}"

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, if it is there."""
        with explained(bucket, key):
            self.get_client().delete_object(Bucket=bucket, Key=key)

    def ensure_buckets(self) -> list[str]:
        """Create those of the three buckets that are missing, and return their names."""
        created = []
        for bucket in (self.uploads_bucket, self.processed_bucket, self.identity_bucket):
            client = self.get_client()
            try:
                with explained(bucket, ""):
                    client.head_bucket(Bucket=bucket)
            except MissingObjectError:
                with explained(bucket, ""):
                    region = client.meta.region_name
                    if self.endpoint_url is None and region != "us-east-1":
                        client.create_bucket(
                            Bucket=bucket,
                            CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
                        )
                    else:
                        client.create_bucket(Bucket=bucket)
                created.append(bucket)
        return created


def _described(bucket: str, key: str, found: Any) -> S3Object:
    """An object from the answer to a request for it, with the time that a listing tells.

    Where a client kept the time of its file, the embedded server tells that time in a listing, and
    until its next start another one here, that of the upload. Its header `mtime`, which S3 does not
    have, is the time of the file.
    """
    modified = found["LastModified"]
    kept = found["ResponseMetadata"]["HTTPHeaders"].get("mtime")
    if kept is not None:
        modified = datetime.fromtimestamp(float(kept), UTC)
    return S3Object(
        bucket,
        key,
        found["ETag"].strip('"'),
        found["ContentLength"],
        modified.replace(microsecond=0),
    )
