"""How a run ended, and in what words a person is told, from what Dagster keeps of it."""

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from scribe_assets.artifacts.documents import Result, Status
from scribe_assets.dagster_internals import SerializableErrorInfo
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.library.status import Ending, RunEnd
from scribe_assets.partitions import RecordingRef
from scribe_assets.storage.recordings import is_same_version, read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import WILL_RETRY_TAG

NO_WORDS = "the run ended without a word of its own; see its log in the Dagster UI"


def end_of(
    instance: DagsterInstance, storage: S3Storage, run: DagsterRun, status: Status
) -> RunEnd:
    """How a run ended that may change this status.

    Raises:
        ScribeError: S3 does not say whether there is a result.
    """
    if run.status == DagsterRunStatus.SUCCESS:
        found = has_result(storage, status)
        return RunEnd(run.run_id, Ending.SUCCEEDED if found else Ending.NO_RESULT)
    if run.status == DagsterRunStatus.CANCELED:
        return RunEnd(run.run_id, Ending.CANCELLED)
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return RunEnd(run.run_id, Ending.RETRIED)
    return RunEnd(run.run_id, Ending.FAILED, why_failed(instance, run))


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


def has_result(storage: S3Storage, status: Status) -> bool:
    """Whether there is a result of this version of the upload."""
    try:
        result = read_document(storage, RecordingRef(status.user_id, status.recording_id), Result)
    except (MissingObjectError, DocumentError):
        return False
    return is_same_version(result.source, status.source)
