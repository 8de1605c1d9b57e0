"""What became of a run goes into status.json, however the run ended."""

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunStatusSensorContext,
    SensorDefinition,
    run_status_sensor,
)
from dagster._core.storage.tags import PARTITION_NAME_TAG

from scribe_assets.artifacts.documents import State, Status
from scribe_assets.partitions import RecordingRef
from scribe_assets.storage.recordings import read_status, write_status
from scribe_assets.storage.s3 import S3Storage

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""
WILL_RETRY_TAG = "dagster/will_retry"


def outcome(context: RunStatusSensorContext) -> tuple[State, str | None]:
    """The state a run left its recording in, and the sentence that says why it failed."""
    run = context.dagster_run
    if run.status == DagsterRunStatus.SUCCESS:
        return "succeeded", None
    if run.status == DagsterRunStatus.CANCELED:
        return "failed", "the run was cancelled; start it again from the Dagster UI"
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return "queued", None
    records = context.instance.get_records_for_run(run.run_id).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None or not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return "failed", data.user_failure_data.description
        if data.error:
            cause = data.error
            while cause.cause:
                cause = cause.cause
            return "failed", f"{event.step_key}: {cause.message.strip()}"
    return "failed", context.dagster_event.message or "the run ended without a word; see its log"


def write_outcome(context: RunStatusSensorContext, storage: S3Storage) -> None:
    """Write a run's outcome, unless a later run of the recording has begun."""
    partition_key = context.dagster_run.tags.get(PARTITION_NAME_TAG)
    if not partition_key:
        return
    status: Status | None = read_status(storage, RecordingRef.from_partition_key(partition_key))
    run_id = context.dagster_run.run_id
    if status is None or (status.run_id and status.run_id != run_id and status.state == "running"):
        return
    state, error = outcome(context)
    write_status(
        storage,
        status.model_copy(update={"state": state, "run_id": run_id, "step": None, "error": error}),
    )


def _outcome_sensor(status: DagsterRunStatus) -> SensorDefinition:
    @run_status_sensor(
        run_status=status,
        name=f"run_{status.value.lower()}_sensor",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Writes into status.json that a run ended as {status.value.lower()}.",
    )
    def watch(context: RunStatusSensorContext, storage: S3Storage) -> None:
        write_outcome(context, storage)

    return watch


OUTCOME_SENSORS = [
    _outcome_sensor(status)
    for status in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
]
