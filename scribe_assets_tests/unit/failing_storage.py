"""S3 with faults: some objects are refused, do not answer, or nothing answers at all."""

from collections.abc import Sequence

from pydantic import Field

from scribe_assets.errors import StorageRefusedError, StorageUnavailableError
from scribe_assets.storage.s3 import S3Storage


class FailingStorage(S3Storage):
    """The buckets of another storage, of which some keys cannot be read or written.

    Attributes:
        refused: parts of the keys that S3 refuses, as it does with archived objects.
        unavailable: parts of the keys at which S3 fails in passing.
    """

    refused: list[str] = Field(default_factory=list)
    unavailable: list[str] = Field(default_factory=list)

    @classmethod
    def over(
        cls, storage: S3Storage, refused: Sequence[str] = (), unavailable: Sequence[str] = ()
    ) -> "FailingStorage":
        return cls(**storage.model_dump(), refused=list(refused), unavailable=list(unavailable))

    def read(self, bucket: str, key: str) -> bytes:
        self._fail(key)
        return super().read(bucket, key)

    def write(self, bucket: str, key: str, content: str | bytes, content_type: str) -> str:
        self._fail(key)
        return super().write(bucket, key, content, content_type)

    def _fail(self, key: str) -> None:
        if any(part in key for part in self.refused):
            raise StorageRefusedError(f"S3 refuses access to {key}")
        if any(part in key for part in self.unavailable):
            raise StorageUnavailableError(f"S3 failed at {key}")
