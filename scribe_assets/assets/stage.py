"""What all stages have in common: the status they report, their progress, and how they fail."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dagster import AssetExecutionContext

from scribe_assets.artifacts.documents import Source, Status
from scribe_assets.failures import permanent_failures
from scribe_assets.partitions import RecordingRef
from scribe_assets.storage.recordings import (
    find_upload,
    queued_status,
    read_status,
    to_source,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage

PROGRESS_SECONDS = 5.0


@dataclass
class Progress:
    """The progress of something long, told in the run's log."""

    context: AssetExecutionContext
    started: float = field(default_factory=time.monotonic)
    _logged: float = field(default=0.0, init=False)
    _logged_after: float = field(default=0.0, init=False)

    def __call__(self, done: float) -> None:
        """Log the done fraction, every tenth, and not more often than somebody would look."""
        if done >= self._logged + 0.1 and self.seconds >= self._logged_after + PROGRESS_SECONDS:
            self._logged, self._logged_after = done, self.seconds
            self.context.log.info(f"{done:.0%} after {self.seconds:.1f} s")

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.started


@dataclass
class Stage:
    """A running stage of one recording."""

    ref: RecordingRef
    progress: Progress

    def speed(self, duration: float) -> dict[str, float]:
        """Metadata: seconds taken, and the real-time factor (time taken by seconds of audio)."""
        facts = {"seconds": round(self.progress.seconds, 3)}
        if duration > 0:
            facts["real_time_factor"] = round(self.progress.seconds / duration, 4)
        return facts


@contextmanager
def stage(
    context: AssetExecutionContext,
    storage: S3Storage,
    source: Source | None = None,
    job_id: str | None = None,
) -> Iterator[Stage]:
    """Run a stage: says so in status.json, and fails once with a sentence on a permanent fault.

    Args:
        context: of the asset.
        storage: S3.
        source: the version of the upload that the stage works on; None: the one that is there now.
        job_id: the client's word for the job.
    """
    with permanent_failures():
        ref = RecordingRef.from_partition_key(context.partition_key)
        status = read_status(storage, ref)
        if source is None:
            source = to_source(find_upload(storage, ref))
            job_id = status.job_id if status else None
        elif status and status.state == "queued" and status.source != source:
            source = None  # a newer version waits, and the status is that one's
        if source:
            report(context, storage, queued_status(source, job_id))
        yield Stage(ref, Progress(context))


def report(context: AssetExecutionContext, storage: S3Storage, status: Status) -> None:
    """Write that this stage is running."""
    write_status(
        storage,
        status.model_copy(
            update={
                "state": "running",
                "run_id": context.run_id,
                "step": context.asset_key.to_user_string(),
            }
        ),
    )
