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

from scribe_assets.library.status import ended, may_end
from scribe_assets.partitions import RecordingRef
from scribe_assets.sensors.run_end import end_of
from scribe_assets.storage.recordings import read_status, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import ETAG_TAG, PARTITION_TAG

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

OVERLAP = timedelta(minutes=1)
"""A run's end is looked at again for so long; times of two processes are not in order."""

MAX_RUNS = 200
EPOCH = datetime.fromtimestamp(0, UTC)
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def settle(instance: DagsterInstance, storage: S3Storage, run: DagsterRun) -> bool:
    """Write a run's outcome where it concerns the recording's status, and say whether it did."""
    try:
        ref = RecordingRef.from_partition_key(run.tags.get(PARTITION_TAG, ""))
    except ValueError:  # a run of something else, such as a user's voiceprints
        return False
    status, etag = read_status(storage, ref), run.tags.get(ETAG_TAG)
    if status is None or not may_end(status, run.run_id, etag):
        return False
    after = ended(status, run.run_id, etag, end_of(instance, storage, run, status))
    if after is None:
        return False
    write_status(storage, after)
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
