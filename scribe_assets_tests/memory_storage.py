"""Objects in memory instead of S3, for tests that need thousands of requests."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from scribe_assets.errors import MissingObjectError
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Object, S3Storage, _client


class MemoryStorage(S3Storage):
    """The methods of a storage that the stages, the library and the sensors use."""

    # Of the class, as Dagster makes its own copies of a resource; `from_settings` makes a class.
    _kept: ClassVar[dict[tuple[str, str], tuple[S3Object, bytes]]]

    @classmethod
    def empty(cls) -> Self:
        made = cls.from_settings(Settings())
        type(made)._kept = {}
        return made

    def put(self, bucket: str, key: str, content: bytes, at: datetime) -> S3Object:
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        item = S3Object(bucket, key, etag, len(content), at.replace(microsecond=0))
        self._kept[bucket, key] = item, content
        return item

    def get_client(self) -> Any:
        """To sign links with; no request gets anywhere."""
        return _client("http://127.0.0.1:1", "nobody", "nothing")

    def _get(self, bucket: str, key: str) -> tuple[S3Object, bytes]:
        try:
            return self._kept[bucket, key]
        except KeyError:
            raise MissingObjectError(f"{key} does not exist") from None

    def objects(self, bucket: str, prefix: str = "") -> Iterator[S3Object]:
        for (kept_in, key), (item, _) in sorted(self._kept.items()):
            if kept_in == bucket and key.startswith(prefix):
                yield item

    def head(self, bucket: str, key: str) -> S3Object:
        return self._get(bucket, key)[0]

    def read(self, bucket: str, key: str, most_bytes: int | None = None) -> bytes:  # noqa: ARG002
        return self._get(bucket, key)[1]

    def write(self, bucket: str, key: str, content: str | bytes, content_type: str) -> str:  # noqa: ARG002
        body = content.encode() if isinstance(content, str) else content
        return self.put(bucket, key, body, datetime.now(UTC)).uri

    def download(self, bucket: str, key: str, target: Path) -> S3Object:
        item, content = self._get(bucket, key)
        target.write_bytes(content)
        return item

    def upload(self, source: Path, bucket: str, key: str, content_type: str) -> str:
        return self.write(bucket, key, source.read_bytes(), content_type)

    def delete(self, bucket: str, key: str) -> None:
        self._kept.pop((bucket, key), None)
