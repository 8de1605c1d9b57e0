"""The kinds of faults that are counted, by the names of errors that Dagster keeps."""

from collections.abc import Iterator

from scribe_assets import errors
from scribe_assets.dagster_internals import SerializableErrorInfo

STORAGE = "storage"
OTHER = "other"
KINDS = {
    "media": (errors.MediaError,),
    "document": (errors.DocumentError, errors.VersionError),
    "overwritten": (errors.OverwrittenError, errors.CorrectedError),
    STORAGE: (
        errors.StorageRefusedError,
        errors.KeyTooLongError,
        errors.StorageUnavailableError,
        errors.BrokenOffError,
        errors.MissingObjectError,
    ),
    "worker": (errors.DeviceWorkerError,),
    "settings": (errors.SettingsError,),
}
"""Of ours, each by its class; `kind_of` knows some of other libraries besides."""

NAMES = {error.__name__: kind for kind, found in KINDS.items() for error in found} | {
    "OperationalError": "database",  # SQLAlchemy's, of a database that does not answer
    "MemoryError": "memory",
    "OutOfMemoryError": "memory",  # torch's, of a GPU
}
LOST = "lost"
"""A run without a failed step: its process, Scribe or the machine has ended."""

ALL_KINDS = sorted({*NAMES.values(), LOST, OTHER})


def kind_of(error: SerializableErrorInfo | None) -> str:
    """The kind of an error, by the first of its causes that has one.

    >>> refused = SerializableErrorInfo("S3 refuses", [], "StorageRefusedError")
    >>> kind_of(SerializableErrorInfo("the step failed", [], "Failure", cause=refused))
    'storage'
    >>> kind_of(None)
    'other'
    """
    return next((NAMES[name] for name in _names(error) if name in NAMES), OTHER)


def _names(error: SerializableErrorInfo | None) -> Iterator[str]:
    while error is not None:
        yield error.cls_name or ""
        error = error.cause
