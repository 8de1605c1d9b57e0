"""Which run's end is written into which status, and in what words."""

from datetime import UTC, datetime

import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._utils.error import SerializableErrorInfo

from scribe_assets.artifacts.documents import State, Status
from scribe_assets.sensors.run_outcome import concerns, sentence
from scribe_assets.tags import ETAG_TAG
from scribe_assets_tests.unit.results import RESULT


def a_status(state: State, run_id: str | None) -> Status:
    return Status(
        recording_id=RESULT.recording_id,
        user_id=RESULT.user_id,
        state=state,
        source=RESULT.source,
        job_id=None,
        run_id=run_id,
        updated_at=datetime.now(UTC),
    )


def a_run(run_id: str, status: DagsterRunStatus, etag: str = RESULT.source.etag) -> DagsterRun:
    return DagsterRun(job_name="job", run_id=run_id, status=status, tags={ETAG_TAG: etag})


@pytest.mark.parametrize(
    ("run", "status", "expected"),
    [
        (a_run("1", DagsterRunStatus.SUCCESS), a_status("running", "1"), True),
        (a_run("1", DagsterRunStatus.SUCCESS), a_status("running", "2"), False),
        (a_run("1", DagsterRunStatus.SUCCESS), a_status("queued", None), False),
        (a_run("1", DagsterRunStatus.FAILURE), a_status("queued", None), True),
        (a_run("1", DagsterRunStatus.FAILURE, etag="old"), a_status("queued", None), False),
        (a_run("1", DagsterRunStatus.FAILURE), a_status("succeeded", "2"), False),
    ],
)
def test_a_run_is_written_into_its_own_status_only(
    run: DagsterRun, status: Status, expected: bool
) -> None:
    assert concerns(run, status) == expected


def error(message: str, name: str, cause: SerializableErrorInfo | None) -> SerializableErrorInfo:
    return SerializableErrorInfo(message, [], name, cause)


def test_the_sentence_for_people_is_kept() -> None:
    deep = error("botocore.X: could not connect\n", "X", None)
    ours = error("scribe_assets.storage.s3.UnavailableError: S3 is off\n", "UnavailableError", deep)
    wrapped = error("dagster.DagsterExecutionStepExecutionError: …", "DagsterError", ours)
    assert sentence(wrapped) == "S3 is off"
