"""A run that Scribe itself cut short is taken up again, and that costs none of its tries.

Dagster retries a failed run `run_retries.max_retries` times. Stopping Scribe used to spend them:
three restarts in the middle of a long recording, and its upload had failed for good. So the limit
of such a run is raised by one before it is reported as failed; its retry inherits that.
"""

from dagster import DagsterInstance, DagsterRun

from scribe_assets.tags import LOST_TAG, MAX_RETRIES_TAG

STOPPED = "Scribe was stopped while this run was under way; it is taken up again at the next start"
LOST = "Scribe ended, or the machine did, while this run was under way; it is taken up again"

MOST_LOST = 10
"""So often a run may be lost with Scribe or the machine for free. A recording by which the machine
goes down each time must come to an end, too."""


def report_stopped(instance: DagsterInstance, run: DagsterRun) -> None:
    """Fail a run that ends because Scribe is being stopped."""
    _fail_for_free(instance, run, STOPPED, {})


def report_lost(instance: DagsterInstance, run: DagsterRun) -> None:
    """Fail a run whose processes went down with Scribe or with the machine."""
    losses = int(run.tags.get(LOST_TAG, "0")) + 1
    if losses > MOST_LOST:
        instance.report_run_failed(run, f"{LOST.partition(';')[0]}, for the {losses}th time")
        return
    _fail_for_free(instance, run, LOST, {LOST_TAG: str(losses)})


def _fail_for_free(
    instance: DagsterInstance, run: DagsterRun, why: str, tags: dict[str, str]
) -> None:
    if instance.run_retries_enabled:
        limit = int(run.tags.get(MAX_RETRIES_TAG, instance.run_retries_max_retries))
        # Before the failure: whether a run will be retried is decided as soon as that is stored.
        instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: str(limit + 1), **tags})
    instance.report_run_failed(instance.get_run_by_id(run.run_id) or run, why)
