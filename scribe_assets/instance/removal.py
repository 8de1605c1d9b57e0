"""Dagster forgets a recording: its runs with their logs, and its partition."""

import time

from dagster import DagsterInstance, DagsterRun, RunsFilter

from scribe_assets.keys import RecordingRef
from scribe_assets.partitions import recordings
from scribe_assets.tags import PARTITION_TAG

POLL_SECONDS = 0.2


def runs_of(instance: DagsterInstance, ref: RecordingRef) -> list[DagsterRun]:
    """All runs of a recording."""
    return list(instance.get_runs(RunsFilter(tags={PARTITION_TAG: ref.partition_key})))


def under_way(instance: DagsterInstance, ref: RecordingRef) -> list[DagsterRun]:
    """Those that have not ended."""
    return [run for run in runs_of(instance, ref) if not run.is_finished]


def wait_for_ends(instance: DagsterInstance, ref: RecordingRef, seconds: float) -> bool:
    """Whether all runs of a recording have ended within this time."""
    deadline = time.monotonic() + seconds
    while under_way(instance, ref):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def remove(instance: DagsterInstance, ref: RecordingRef) -> int:
    """Remove the runs of a recording, what their steps have printed, and the partition; return how
    many runs there were.

    What no run of the recording has written stays in Dagster's storage: that an upload with this
    key and size was seen, and what reidentification, corrections and a rebuild told of it, with
    names and, from reidentification, the first lines of the transcript. Of each asset, Dagster also
    keeps the newest materialization beside its events, until the next one (docs/commands.md).
    """
    removed = runs_of(instance, ref)
    for run in removed:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
    name = str(recordings.name)
    if instance.has_dynamic_partition(name, ref.partition_key):
        instance.delete_dynamic_partition(name, ref.partition_key)
    return len(removed)
