"""The state machine of `status.json`: which event may change the status of a recording, and how.

    no status ──seen──▶ queued ──started──▶ running ──ended──▶ succeeded or failed
                          ▲                    │
                          └────────ended───────┘  Dagster tries the run again

A new version of the upload makes any state `queued` (`seen`), and a stage that somebody starts by
hand makes any state `running` (`started`). Which run may change which status is decided here alone:
by the id of the run, and by the version of the upload that the run works on.

The functions are pure: they take the status as it is, and return the status to write, or None where
it stays as it is. They know neither Dagster nor S3; `storage.recordings` reads and writes the
document, and stamps the time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from scribe_assets.artifacts.documents import ENDED, Source, Status
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.recordings import is_older, is_same_version

NO_RESULT = "the run made no result; materialise fused_result and what it needs"
CANCELLED = "the run was cancelled; 'scribe retry' or Dagster's UI starts it again"


class Ending(Enum):
    """How a run ended, as far as the status of its recording is concerned."""

    SUCCEEDED = "succeeded, and there is a result of this version of the upload"
    NO_RESULT = "succeeded without a result, such as a run of some stages"
    FAILED = "failed for good"
    CANCELLED = "cancelled by a person"
    RETRIED = "failed, and Dagster tries it again"


@dataclass(frozen=True)
class RunEnd:
    """The end of a run.

    Attributes:
        run_id: the run.
        ending: how it ended.
        error: the sentence for a person; only where it failed for good.
        warnings: sentences about what was lost; only where it succeeded.
    """

    run_id: str
    ending: Ending
    error: str | None = None
    warnings: tuple[str, ...] = ()


def queued(source: Source, job_id: str | None) -> Status:
    """The status of a version of an upload that waits for its run."""
    ref = RecordingRef.from_upload_key(source.key)
    return Status(
        recording_id=ref.recording_id,
        user_id=ref.user_id,
        state="queued",
        source=source,
        job_id=job_id,
        updated_at=datetime.now(UTC),
    )


def seen(
    status: Status | None, source: Source, job_id: str | None, *, again: bool = False
) -> Status | None:
    """A version of an upload was found in the bucket: it waits for its run.

    A status that tells of this version already stays: the sensor was reset, and Dagster does not
    start the run of a version again. Where it does (`again`, with new options), a run that is under
    way goes on first, and is shown.
    """
    is_known = status is not None and is_same_version(status.source, source)
    if status is not None and is_known and not (again and status.state in ENDED):
        return None
    return queued(source, job_id)


def started(
    status: Status | None,
    source: Source,
    job_id: str | None,
    run_id: str,
    step: str,
    *,
    is_newest: bool = False,
) -> Status | None:
    """A stage has started.

    The status stays where it tells of a newer version: one that waits for its run, one that is the
    upload as it lies in the bucket, or one that was uploaded later. Two runs of one recording are
    under way after an upload is overwritten, and the older one must not hide the newer one.

    Args:
        status: the status as it is; None also where the stage has just looked at the upload, so
            that no version is newer than its own.
        source: the version of the upload that the stage works on.
        job_id: the client's word for the job.
        run_id: the run of the stage.
        step: the name of the stage.
        is_newest: the version that the status tells of is the one in the bucket. Times do not say
            which version came last: some clients keep the time of the file.
    """
    if (
        status is not None
        and not is_same_version(status.source, source)
        and (status.state == "queued" or is_newest or is_older(source, status.source))
    ):
        return None
    waiting = queued(source, job_id)
    began = status.started_at if status is not None and status.run_id == run_id else None
    changed = {"state": "running", "run_id": run_id, "step": step}
    return waiting.model_copy(update=changed | {"started_at": began or waiting.updated_at})


def advanced(status: Status | None, run_id: str, step: str, done: float) -> Status | None:
    """A stage is so far; told of a status that is of another run or stage by now, nothing changes.

    Args:
        status: the status as it is.
        run_id: the run of the stage.
        step: the name of the stage.
        done: the fraction of its work that is done.
    """
    if status is None or (status.state, status.run_id, status.step) != ("running", run_id, step):
        return None
    return status.model_copy(update={"progress": round(min(max(done, 0.0), 1.0), 2)})


def left_behind(status: Status) -> Status | None:
    """The run that the status names is gone, and so is whoever would tell of its end: the recording
    waits for its run, as at first."""
    if status.state != "running":
        return None
    gone = {"run_id": None, "step": None, "progress": None}
    return status.model_copy(update={"state": "queued", **gone})


def may_end(status: Status, run_id: str, etag: str | None) -> bool:
    """Whether the end of a run may change a status.

    That is the run which the status names while it is running; or, while the recording waits, a
    run for the same version of the upload: it ended before its first stage could report.

    Args:
        status: the status as it is.
        run_id: the run.
        etag: the version of the upload that the run was asked for; None: somebody started it.
    """
    if status.state == "running":
        return status.run_id == run_id
    return status.state == "queued" and etag is not None and status.source.etag == etag


def ended(status: Status, run_id: str, etag: str | None, end: RunEnd) -> Status | None:
    """A run has ended.

    Args:
        status: the status as it is.
        run_id: the run that ended.
        etag: see `may_end`.
        end: how it ended; where it was tried again already, how the last try did.
    """
    if not may_end(status, run_id, etag):
        return None
    # The status says "queued" after the run has reported where an earlier try of the run was
    # written down late. Then a result is proof; a run that made none may be of another kind.
    if status.state == "queued" and end.ending in (Ending.RETRIED, Ending.NO_RESULT):
        return None
    changed: dict[str, Any] = {"step": None, "progress": None, "error": None, "run_id": end.run_id}
    match end.ending:
        case Ending.SUCCEEDED:
            changed |= {"state": "succeeded", "warnings": [*end.warnings]}
        case Ending.RETRIED:
            changed |= {"state": "queued", "run_id": None}
        case Ending.NO_RESULT:
            changed |= {"state": "failed", "error": NO_RESULT}
        case Ending.CANCELLED:
            changed |= {"state": "cancelled", "error": CANCELLED}
        case Ending.FAILED:
            changed |= {"state": "failed", "error": end.error}
    return status.model_copy(update=changed)
