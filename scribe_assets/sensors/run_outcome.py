"""What became of a run goes into status.json, however the run ended.

A run status sensor of Dagster's moves on past an event whose handling failed, so that one S3 hiccup
would leave a recording "running" for ever. This sensor looks at the runs that ended lately, and its
cursor moves only when all of them are written down.
"""

from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from scribe_assets.artifacts.documents import Result, State, Status
from scribe_assets.dagster_internals import SerializableErrorInfo
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.partitions import RecordingRef
from scribe_assets.storage.recordings import read_document, read_status, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import ETAG_TAG, PARTITION_TAG, WILL_RETRY_TAG

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

OVERLAP = timedelta(minutes=1)
"""A run's end is looked at again for so long; times of two processes are not in order."""

MAX_RUNS = 200
EPOCH = datetime.fromtimestamp(0, UTC)
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def concerns(run: DagsterRun, status: Status) -> bool:
    """Whether a run's end is the end of what a status tells of.

    That is the run which the status names; or, while the recording waits, one for the same version
    of the upload that ended before its first stage could say anything.
    """
    if status.state == "running":
        return status.run_id == run.run_id
    return (
        status.state == "queued"
        and status.run_id is None
        and run.status != DagsterRunStatus.SUCCESS
        and run.tags.get(ETAG_TAG) == status.source.etag
    )


def outcome(
    instance: DagsterInstance, storage: S3Storage, run: DagsterRun, status: Status
) -> tuple[State, str | None]:
    """The state a run left its recording in, and the sentence that says why it failed."""
    if run.status == DagsterRunStatus.SUCCESS:
        if has_result(storage, status):
            return "succeeded", None
        return "failed", "the run made no result; materialise fused_result and what it needs"
    if run.status == DagsterRunStatus.CANCELED:
        return "failed", "the run was cancelled; start it again from the Dagster UI"
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return "queued", None
    last_words = "the run ended without a word of its own; see its log in the Dagster UI"
    for record in instance.get_records_for_run(run.run_id).records:
        event = record.event_log_entry.dagster_event
        if event is not None and event.is_run_failure:
            # A process that died; what it wrote last stands in the run's log.
            error = event.job_failure_data.error if event.event_specific_data else None
            words = sentence(error) if error else event.message or last_words
            last_words = words.strip().partition("\n")[0]
        if event is None or not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return "failed", data.user_failure_data.description
        if data.error:
            return "failed", f"{event.step_key}: {sentence(data.error)}"
    return "failed", last_words


def sentence(error: SerializableErrorInfo) -> str:
    """What our code said, without Dagster's wrapping and without the name of the exception."""
    while error.cause and (error.cls_name or "").startswith(("Dagster", "RetryRequested")):
        error = error.cause
    name, separator, text = error.message.strip().partition(": ")
    return text if separator and error.cls_name and name.endswith(error.cls_name) else error.message


def has_result(storage: S3Storage, status: Status) -> bool:
    """Whether there is a result of this version of the upload."""
    try:
        result = read_document(storage, RecordingRef(status.user_id, status.recording_id), Result)
    except (MissingObjectError, DocumentError):
        return False
    return result.source == status.source


def settle(instance: DagsterInstance, storage: S3Storage, run: DagsterRun) -> bool:
    """Write a run's outcome where it concerns the recording's status, and say whether it did."""
    try:
        ref = RecordingRef.from_partition_key(run.tags.get(PARTITION_TAG, ""))
    except ValueError:  # a run of something else, such as a user's voiceprints
        return False
    status = read_status(storage, ref)
    if status is None or not concerns(run, status):
        return False
    state, error = outcome(instance, storage, run, status)
    run_id = None if state == "queued" else run.run_id
    changed = {"state": state, "run_id": run_id, "step": None, "error": error}
    write_status(storage, status.model_copy(update=changed))
    return True


@sensor(
    name="run_outcome_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Writes into status.json how runs ended.",
)
def run_outcome_sensor(context: SensorEvaluationContext, storage: S3Storage) -> SkipReason:
    since = datetime.fromisoformat(context.cursor) - OVERLAP if context.cursor else EPOCH
    records = context.instance.get_run_records(
        RunsFilter(statuses=ENDED, updated_after=since),
        limit=MAX_RUNS,
        order_by="update_timestamp",
        ascending=True,
    )
    written = sum(settle(context.instance, storage, record.dagster_run) for record in records)
    if records:
        context.update_cursor(records[-1].update_timestamp.astimezone(UTC).isoformat())
    return SkipReason(f"{written} of {len(records)} ended runs were written down")
