"""What all stages have in common: the status they report, their progress, and how they fail."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from dagster import AssetExecutionContext, DagsterInstance, DagsterRun, DataVersion

from scribe_assets.artifacts.content import content_version
from scribe_assets.artifacts.documents import Document, Source
from scribe_assets.errors import MissingObjectError, PermanentError, ScribeError
from scribe_assets.failures import permanent_failures
from scribe_assets.keys import RecordingRef
from scribe_assets.library.recordings import has_current_result
from scribe_assets.library.status import advanced, started
from scribe_assets.speech.progress import Progress as ProgressOf
from scribe_assets.speech.progress import part_of
from scribe_assets.storage.recordings import (
    find_upload,
    is_of,
    is_same_version,
    read_status,
    to_source,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import ASKED_TAG, ETAG_TAG, PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG

PROGRESS_SECONDS = 5.0


def data_version(document: Document) -> DataVersion:
    """The version of a document for Dagster: what was made of another one is stale."""
    return DataVersion(content_version(document))


@dataclass
class Progress:
    """The progress of long work, written into the run's log, and told to whoever else wants it."""

    context: AssetExecutionContext
    tell: Callable[[float], None] = lambda _done: None
    started: float = field(default_factory=time.monotonic)
    _logged: float = field(default=0.0, init=False)
    _logged_after: float = field(default=0.0, init=False)

    def __call__(self, done: float) -> None:
        """Log the fraction that is done: every tenth, and at most every `PROGRESS_SECONDS`."""
        if done >= self._logged + 0.1 and self.seconds >= self._logged_after + PROGRESS_SECONDS:
            self._logged, self._logged_after = done, self.seconds
            self.context.log.info(f"{done:.0%} after {self.seconds:.1f} s")
            self.tell(done)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


@dataclass
class Stage:
    """A running stage of one recording."""

    ref: RecordingRef
    progress: Progress
    storage: S3Storage

    def speed(self, duration: float) -> dict[str, float]:
        """Metadata: seconds taken, seconds of audio, and the real-time factor (the one by the
        other). They are what is counted of a stage (`metrics/stages.py`)."""
        facts = {"seconds": round(self.progress.seconds, 3), "audio_seconds": round(duration, 3)}
        if duration > 0:
            facts["real_time_factor"] = round(self.progress.seconds / duration, 4)
        return facts

    def parts(self, count: int) -> list[ProgressOf]:
        """The progress of the stage, in so many parts of the same length."""
        return [part_of(self.progress, n / count, (n + 1) / count) for n in range(count)]

    def report(self, source: Source, job_id: str | None, *, is_current: bool = False) -> None:
        """Write into status.json that this stage is running, where the rules allow it.

        Args:
            source: the version of the upload that the stage works on.
            job_id: the client's word for the job.
            is_current: the stage has just looked at the upload, so that no version is newer.
        """
        context = self.progress.context
        before = None if is_current else read_status(self.storage, self.ref)
        status = started(
            before,
            source,
            job_id,
            context.run_id,
            context.asset_key.to_user_string(),
            is_newest=before is not None and self._is_newest(before.source, source),
        )
        if status is not None:
            write_status(self.storage, status)

    def tell(self, done: float) -> None:
        """Write into status.json how far the stage is. S3 may fail: the next time tells it."""
        context = self.progress.context
        with suppress(ScribeError):
            before = read_status(self.storage, self.ref)
            step = context.asset_key.to_user_string()
            status = advanced(before, context.run_id, step, done)
            if status is not None:
                write_status(self.storage, status)

    def _is_newest(self, shown: Source, own: Source) -> bool:
        """Whether the version that the status shows is another one than this stage's, and the one
        that lies in the bucket."""
        if is_same_version(shown, own):
            return False
        try:
            return is_of(self.storage.head(self.storage.uploads_bucket, shown.key), shown)
        except MissingObjectError:
            return False


def is_done_already(context: AssetExecutionContext, storage: S3Storage) -> bool:
    """Whether a run before this one has transcribed the upload as it is now, options included.

    An upload may be overwritten, or get its options, while a run of it waits in the queue or is
    being started. That run takes what it finds, and the sensor has asked for another one. Runs of
    one recording come one after the other (dagster.yaml), so the second one finds a result. A run
    that a person starts or repeats is never done already.
    """
    try:
        ref = RecordingRef.from_partition_key(context.partition_key)
        done = is_the_sensors(context.instance, context.run) and has_current_result(storage, ref)
    except PermanentError:  # the stage itself says what is wrong
        return False
    if done:
        context.log.info(
            "There is nothing to do: a run before this one has transcribed the upload as it is now."
        )
    return done


def is_the_sensors(instance: DagsterInstance, run: DagsterRun | None) -> bool:
    """Whether the sensor of the uploads asked for a run, or for the one of which it is a retry."""
    while run is not None and RETRY_NUMBER_TAG in run.tags:
        run = instance.get_run_by_id(run.tags[PARENT_RUN_ID_TAG])
    by_hand = PARENT_RUN_ID_TAG, ASKED_TAG
    return run is not None and ETAG_TAG in run.tags and not any(tag in run.tags for tag in by_hand)


@contextmanager
def stage(
    context: AssetExecutionContext,
    storage: S3Storage,
    source: Source | None = None,
    job_id: str | None = None,
) -> Iterator[Stage]:
    """Run a stage: report it in status.json, and fail once with a sentence on a permanent fault.

    Args:
        context: of the asset.
        storage: S3.
        source: the version of the upload that the stage works on; None: the one that is there now.
        job_id: the client's word for the job; without a source, the status knows it.
    """
    with permanent_failures():
        ref = RecordingRef.from_partition_key(context.partition_key)
        running = Stage(ref, Progress(context), storage)
        running.progress.tell = running.tell
        if source is None:
            status = read_status(storage, ref)
            found = to_source(find_upload(storage, ref))
            running.report(found, status.job_id if status else None, is_current=True)
        else:
            running.report(source, job_id)
        yield running
