"""The requests that a storage makes: counted, or failing once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import EndpointConnectionError

from scribe_assets.storage.s3 import S3Storage


@contextmanager
def counted(storage: S3Storage, operation: str) -> Iterator[list[str]]:
    """The keys (or prefixes) of the requests of one kind, such as `GetObject`, in their order."""
    keys: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        keys.append(params.get("Key", params.get("Prefix", "")))

    with _hooked(storage, operation, note):
        yield keys


@contextmanager
def failing_once(storage: S3Storage, operation: str, suffix: str) -> Iterator[None]:
    """S3 does not answer to the first request of this kind for a key that ends so."""
    failed = False

    def fail(params: dict[str, Any], **_: Any) -> None:
        nonlocal failed
        if not failed and params["Key"].endswith(suffix):
            failed = True
            raise EndpointConnectionError(endpoint_url="http://nobody")

    with _hooked(storage, operation, fail):
        yield
    assert failed, f"there was no {operation} of {suffix}"


@contextmanager
def _hooked(storage: S3Storage, operation: str, hook: Any) -> Iterator[None]:
    events = storage.get_client().meta.events
    name = f"before-parameter-build.s3.{operation}"
    events.register(name, hook)
    try:
        yield
    finally:
        events.unregister(name, hook)
