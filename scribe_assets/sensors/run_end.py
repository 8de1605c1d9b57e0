"""How a run ended, and in what words a person is told, from what Dagster keeps of it."""

from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from scribe_assets.artifacts.documents import Result, Status
from scribe_assets.dagster_internals import SerializableErrorInfo
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import Ending, RunEnd
from scribe_assets.storage.recordings import is_same_version, read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG

DECISION_TIME = timedelta(minutes=5)
"""Dagster decides within seconds whether it tries a failed run again. Where the daemon that would
decide was stopped in this very moment, the run counts as failed after this time."""

NO_WORDS = "the run ended without a word of its own; see its log in the Dagster UI"


def end_of(
    instance: DagsterInstance, storage: S3Storage, run: DagsterRun, status: Status, now: datetime
) -> RunEnd | None:
    """How a run ended that may change this status. Where Dagster has tried it again already, it is
    the last try that counts.

    Args:
        instance: Dagster's.
        storage: S3.
        run: a run that ended.
        status: of its recording.
        now: the time of the day, with its time zone.

    Returns:
        None while Dagster has not decided whether it tries the run again.

    Raises:
        ScribeError: S3 does not say whether there is a result.
    """
    run = last_try(instance, run)
    if not run.is_finished:
        return RunEnd(run.run_id, Ending.RETRIED)
    if run.status == DagsterRunStatus.SUCCESS:
        result = result_of(storage, status)
        if result is None:
            return RunEnd(run.run_id, Ending.NO_RESULT)
        return RunEnd(run.run_id, Ending.SUCCEEDED, warnings=tuple(result.warnings))
    if run.status == DagsterRunStatus.CANCELED:
        return RunEnd(run.run_id, Ending.CANCELLED)
    will_retry = will_be_retried(instance, run, now)
    if will_retry is None:
        return None
    if will_retry:
        return RunEnd(run.run_id, Ending.RETRIED)
    return RunEnd(run.run_id, Ending.FAILED, why_failed(instance, run))


def last_try(instance: DagsterInstance, run: DagsterRun) -> DagsterRun:
    """The last of the runs that Dagster started because this one failed; itself where there is
    none. A run that somebody repeated by hand is another matter."""
    while run.status == DagsterRunStatus.FAILURE:
        repeated = instance.get_runs(RunsFilter(tags={PARENT_RUN_ID_TAG: run.run_id}))
        retry = next((one for one in repeated if RETRY_NUMBER_TAG in one.tags), None)
        if retry is None:
            break
        run = retry
    return run


def will_be_retried(instance: DagsterInstance, run: DagsterRun, now: datetime) -> bool | None:
    """Whether Dagster tries a failed run again; None while it has not decided.

    Dagster stores the failure first and the tag that tells of its decision afterwards. In between,
    a run that is about to be tried again looks like one that failed for good: `scribe upload
    --wait` gave up on such uploads.
    """
    decision = run.tags.get(WILL_RETRY_TAG)
    if decision is not None:
        return decision == "true"
    if not instance.run_retries_enabled:
        return False
    record = instance.get_run_record_by_id(run.run_id)
    if record is None:  # deleted meanwhile
        return False
    ended_at = (
        datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp
    )
    return None if now - ended_at < DECISION_TIME else False


def why_failed(instance: DagsterInstance, run: DagsterRun) -> str:
    """The sentence that says why a run failed: that of its first failed step, or else of the run
    itself, whose process may have died."""
    last_words = NO_WORDS
    for record in instance.get_records_for_run(run.run_id).records:
        event = record.event_log_entry.dagster_event
        if event is not None and event.is_run_failure:
            error = event.job_failure_data.error if event.event_specific_data else None
            words = sentence(error) if error else event.message or last_words
            last_words = words.strip().partition("\n")[0]
        if event is None or not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error:
            return f"{event.step_key}: {sentence(data.error)}"
    return last_words


def sentence(error: SerializableErrorInfo) -> str:
    """The message of our own exception, without Dagster's wrapping and without its class name."""
    while error.cause and (error.cls_name or "").startswith(("Dagster", "RetryRequested")):
        error = error.cause
    name, separator, text = error.message.strip().partition(": ")
    return text if separator and error.cls_name and name.endswith(error.cls_name) else error.message


def result_of(storage: S3Storage, status: Status) -> Result | None:
    """The result of this version of the upload; None where there is none."""
    try:
        result = read_document(storage, RecordingRef(status.user_id, status.recording_id), Result)
    except (MissingObjectError, DocumentError):
        return None
    return result if is_same_version(result.source, status.source) else None
