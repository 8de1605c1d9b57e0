"""S3 with faults: some objects are refused, do not answer, or nothing answers at all."""

from collections.abc import Iterator, Sequence

from pydantic import Field

from scribe_assets.errors import StorageRefusedError, StorageUnavailableError
from scribe_assets.storage.s3 import S3Object, S3Storage


class FailingStorage(S3Storage):
    """The buckets of another storage, of which some keys cannot be read or written.

    Attributes:
        refused: parts of the keys that S3 refuses, as it does with archived objects.
        unavailable: parts of the keys at which S3 fails in passing.
        refused_bucket: a bucket that S3 refuses as a whole.
    """

    refused: list[str] = Field(default_factory=list)
    unavailable: list[str] = Field(default_factory=list)
    refused_bucket: str = ""

    @classmethod
    def over(
        cls,
        storage: S3Storage,
        refused: Sequence[str] = (),
        unavailable: Sequence[str] = (),
        refused_bucket: str = "",
    ) -> "FailingStorage":
        assert storage._settings is not None
        return cls.from_settings(
            storage._settings,
            refused=list(refused),
            unavailable=list(unavailable),
            refused_bucket=refused_bucket,
        )

    def read(self, bucket: str, key: str, most_bytes: int | None = None) -> bytes:
        self._fail(bucket, key)
        return super().read(bucket, key, most_bytes)

    def write(self, bucket: str, key: str, content: str | bytes, content_type: str) -> str:
        self._fail(bucket, key)
        return super().write(bucket, key, content, content_type)

    def head(self, bucket: str, key: str) -> S3Object:
        self._fail(bucket, key)
        return super().head(bucket, key)

    def objects(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        if bucket == self.refused_bucket:
            self._fail(bucket, prefix)
        return super().objects(bucket, prefix)

    def _fail(self, bucket: str, key: str) -> None:
        if bucket == self.refused_bucket or any(part in key for part in self.refused):
            raise StorageRefusedError(f"S3 refuses access to {key}")
        if any(part in key for part in self.unavailable):
            raise StorageUnavailableError(f"S3 failed at {key}")
