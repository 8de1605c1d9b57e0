"""Between our exceptions and Dagster's: a permanent fault fails a run once, others are retried."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import Backoff, Failure, Jitter, RetryPolicy

from scribe_assets.errors import PermanentError

PASSING_FAULTS = RetryPolicy(
    max_retries=3, delay=5, backoff=Backoff.EXPONENTIAL, jitter=Jitter.FULL
)
"""For an S3 hiccup and the like."""


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Let a `PermanentError` fail the step with its sentence, and without another try."""
    try:
        yield
    except PermanentError as error:
        raise Failure(description=str(error), allow_retries=False) from error
