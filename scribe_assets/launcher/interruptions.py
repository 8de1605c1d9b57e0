"""A run that Scribe itself cut short is taken up again, and that costs none of its tries.

Dagster retries a failed run `run_retries.max_retries` times. Stopping Scribe used to spend them:
three restarts in the middle of a long recording, and its upload had failed for good. So the limit
of such a run is raised by one before it is reported as failed; its retry inherits that.

So it is with a run that fails because S3 or Dagster's database was away for longer than a step
waits, or because the machine of its device has gone: that is no fault of the recording.
"""

from dagster import DagsterInstance, DagsterRun

from scribe_assets.dagster_internals import SerializableErrorInfo
from scribe_assets.errors import BrokenOffError, StorageUnavailableError
from scribe_assets.tags import LOST_TAG, MAX_RETRIES_TAG, RETRY_FAILED_STEPS_TAG

STOPPED = "Dagster was stopped while this run was under way; it is taken up again at the next start"
LOST = "Scribe ended, or the machine did, while this run was under way; it is taken up again"

MOST_LOST = 10
"""So often a run may be lost with Scribe, the machine or its storage for free. A recording by which
the machine goes down each time must come to an end, too."""

STORAGE_AWAY = {StorageUnavailableError.__name__, BrokenOffError.__name__, "OperationalError"}
"""Names of errors: of S3, and that of SQLAlchemy for a database that does not answer."""


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


def weigh_step_failure(
    instance: DagsterInstance, run_id: str, error: SerializableErrorInfo | None
) -> None:
    """After a step has failed, and before its run has: decide whether that is tried again.

    Args:
        instance: Dagster's.
        run_id: of the run that fails.
        error: of the step, with its causes.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or not instance.run_retries_enabled:
        return
    losses = int(run.tags.get(LOST_TAG, "0")) + 1
    if _is_of_storage(error) and losses <= MOST_LOST:
        tags = {RETRY_FAILED_STEPS_TAG: "true", LOST_TAG: str(losses)}
        instance.add_run_tags(run_id, {**_one_more_try(instance, run), **tags})
    elif RETRY_FAILED_STEPS_TAG in run.tags:  # inherited; this failure is final
        instance.add_run_tags(run_id, {RETRY_FAILED_STEPS_TAG: "false"})


def report_lost_device(instance: DagsterInstance, run_id: str) -> None:
    """Before a run fails because the machine of its device has gone, or cannot be reached."""
    run = instance.get_run_by_id(run_id)
    if run is None or not instance.run_retries_enabled:
        return
    losses = int(run.tags.get(LOST_TAG, "0")) + 1
    if losses <= MOST_LOST:
        instance.add_run_tags(run_id, {**_one_more_try(instance, run), LOST_TAG: str(losses)})


def _is_of_storage(error: SerializableErrorInfo | None) -> bool:
    while error is not None:
        if error.cls_name in STORAGE_AWAY:
            return True
        error = error.cause
    return False


def _one_more_try(instance: DagsterInstance, run: DagsterRun) -> dict[str, str]:
    limit = int(run.tags.get(MAX_RETRIES_TAG, instance.run_retries_max_retries))
    return {MAX_RETRIES_TAG: str(limit + 1)}


def _fail_for_free(
    instance: DagsterInstance, run: DagsterRun, why: str, tags: dict[str, str]
) -> None:
    if instance.run_retries_enabled:
        # Before the failure: whether a run will be retried is decided as soon as that is stored.
        instance.add_run_tags(run.run_id, {**_one_more_try(instance, run), **tags})
    instance.report_run_failed(instance.get_run_by_id(run.run_id) or run, why)
