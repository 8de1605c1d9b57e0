"""What stops Scribe costs a run none of its tries; what fails by itself does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, job, op
from dagster._core.events import JobFailureData, RunFailureReason

from scribe_assets.dagster_internals import SerializableErrorInfo
from scribe_assets.launcher.interruptions import (
    LOST,
    MOST_LOST,
    report_lost,
    report_lost_device,
    report_stopped,
    weigh_step_failure,
)
from scribe_assets.tags import WILL_RETRY_TAG

End = Callable[[DagsterInstance, DagsterRun], None]


@op
def nothing() -> None:
    """A step."""


@job
def do_nothing() -> None:
    """A job."""
    nothing()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    """One that tries a failed run again twice, as ours does."""
    retries = {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_retries": retries}))
    with DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def tries(instance: DagsterInstance, ends: list[End]) -> list[bool]:
    """Let a run, and each of its retries, end so; returns after which it is tried again."""
    decisions = []
    run: DagsterRun | None = None
    for end in ends:
        first = (run.root_run_id or run.run_id) if run else None
        run = instance.create_run_for_job(
            do_nothing,
            status=DagsterRunStatus.STARTED,
            parent_run_id=run.run_id if run else None,
            root_run_id=first,
            tags=inherited(run, first) if run and first else {},
        )
        end(instance, run)
        run = instance.get_run_by_id(run.run_id)
        assert run is not None
        assert run.status == DagsterRunStatus.FAILURE
        decisions.append(run.tags[WILL_RETRY_TAG] == "true")
    return decisions


def inherited(run: DagsterRun, root_run_id: str) -> dict[str, str]:
    """The tags of a retry, as the daemon makes it."""
    kept = {name: value for name, value in run.tags.items() if name != WILL_RETRY_TAG}
    family = {"dagster/root_run_id": root_run_id, "dagster/parent_run_id": run.run_id}
    return kept | family


def crash(instance: DagsterInstance, run: DagsterRun) -> None:
    """A worker that was killed, for example."""
    instance.report_run_failed(run, "it crashed")


def step_fails(*names: str) -> End:
    """A step that fails by an error of this name, which others caused."""

    def end(instance: DagsterInstance, run: DagsterRun) -> None:
        error = None
        for name in reversed(names):
            error = SerializableErrorInfo(f"{name}: no\n", [], name, cause=error)
        weigh_step_failure(instance, run.run_id, error)
        failure = JobFailureData(None, failure_reason=RunFailureReason.STEP_FAILURE)
        instance.report_run_failed(run, "a step has failed", failure)

    return end


def machine_goes(instance: DagsterInstance, run: DagsterRun) -> None:
    """The one on which a step of the run was executed."""
    report_lost_device(instance, run.run_id)
    failure = JobFailureData(None, failure_reason=RunFailureReason.RUN_EXCEPTION)
    instance.report_run_failed(run, "the machine has left the cluster", failure)


S3_AWAY = step_fails("RetryRequestedFromPolicy", "StorageUnavailableError", "ConnectionError")
DATABASE_AWAY = step_fails("OperationalError", "OperationalError")
NOT_MEDIA = step_fails("Failure", "MediaError")


def test_storage_that_is_away_fails_no_recording(instance: DagsterInstance) -> None:
    assert tries(instance, [S3_AWAY, DATABASE_AWAY, S3_AWAY, DATABASE_AWAY]) == [True] * 4


def test_storage_that_stays_away_does_in_the_end(instance: DagsterInstance) -> None:
    assert tries(instance, [S3_AWAY] * (MOST_LOST + 1)) == [True] * MOST_LOST + [False]


def test_a_machine_that_goes_fails_no_recording_unless_each_does(
    instance: DagsterInstance,
) -> None:
    assert tries(instance, [machine_goes, crash, machine_goes, crash]) == [True] * 4
    assert tries(instance, [machine_goes] * (MOST_LOST + 3))[-1] is False


def test_another_fault_is_final_also_after_such_a_try(instance: DagsterInstance) -> None:
    assert tries(instance, [NOT_MEDIA]) == [False]
    assert tries(instance, [S3_AWAY, NOT_MEDIA]) == [True, False]


def test_three_crashes_are_too_many(instance: DagsterInstance) -> None:
    assert tries(instance, [crash] * 3) == [True, True, False]


def test_stops_are_free(instance: DagsterInstance) -> None:
    assert tries(instance, [report_stopped] * 6) == [True] * 6


def test_after_stops_there_are_as_many_tries_as_before(instance: DagsterInstance) -> None:
    ends: list[End] = [report_stopped, report_lost, crash, report_stopped, crash, crash]
    assert tries(instance, ends) == [True, True, True, True, True, False]


def test_a_recording_by_which_the_machine_goes_down_comes_to_an_end(
    instance: DagsterInstance,
) -> None:
    expected = [True] * (MOST_LOST + 2) + [False]
    assert tries(instance, [report_lost] * (MOST_LOST + 3)) == expected


def test_the_reason_is_told(instance: DagsterInstance) -> None:
    run = instance.create_run_for_job(do_nothing, status=DagsterRunStatus.STARTED)
    report_lost(instance, run)
    messages = [entry.message for entry in instance.all_logs(run.run_id)]
    assert any(LOST in message for message in messages)
