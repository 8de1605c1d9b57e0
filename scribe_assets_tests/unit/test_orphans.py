"""What a start makes of the runs that an earlier stack left behind."""

from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus, job, op

from scribe_assets.launcher import liveness
from scribe_assets.local.stack import fail_orphans
from scribe_assets.tags import LOST_TAG, MAX_RETRIES_TAG, WILL_RETRY_TAG


@op
def nothing() -> None:
    """A step."""


@job
def do_nothing() -> None:
    """A job."""
    nothing()


def test_lost_runs_are_taken_up_again_and_cancelled_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, dagster_home = tmp_path / "home", tmp_path / "dagster"
    dagster_home.mkdir()
    retries = {"enabled": True, "max_retries": 2}
    (dagster_home / "dagster.yaml").write_text(yaml.safe_dump({"run_retries": retries}))
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    with DagsterInstance.get() as instance:

        def a_run(status: DagsterRunStatus) -> str:
            return instance.create_run_for_job(do_nothing, status=status).run_id

        lost, never_began = a_run(DagsterRunStatus.STARTED), a_run(DagsterRunStatus.STARTING)
        cancelled, alive = a_run(DagsterRunStatus.CANCELING), a_run(DagsterRunStatus.STARTED)
        waiting = a_run(DagsterRunStatus.NOT_STARTED)
        with liveness.claimed(home, alive):
            fail_orphans(home)
        after = {run.run_id: run for run in instance.get_runs()}
    for run_id in (lost, never_began):
        assert after[run_id].status == DagsterRunStatus.FAILURE
        assert after[run_id].tags[WILL_RETRY_TAG] == "true"
        assert after[run_id].tags[LOST_TAG] == "1"
        assert after[run_id].tags[MAX_RETRIES_TAG] == "3", "it costs none of the two tries"
    assert after[cancelled].status == DagsterRunStatus.CANCELED
    assert after[alive].status == DagsterRunStatus.STARTED
    assert after[waiting].status == DagsterRunStatus.NOT_STARTED
