"""The state machine of status.json: which event changes which status, and into what."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.artifacts.documents import Source, State, Status
from scribe_assets.library.status import Ending, RunEnd, ended, may_end, queued, seen, started

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def version(number: int, seconds: float = 0.0) -> Source:
    """The version of an upload that was written some minutes after noon."""
    uploaded = NOON + timedelta(minutes=number, seconds=seconds)
    return Source(
        bucket="uploads", key="anne/a.wav", etag=f"e{number}", size=1, last_modified=uploaded
    )


def a_status(state: State, number: int = 1, run_id: str | None = None) -> Status:
    error = "it broke" if state == "failed" else None
    step = "transcript" if state == "running" else None
    changed = {"state": state, "run_id": run_id, "error": error, "step": step}
    return queued(version(number), "job").model_copy(update=changed)


STATUSES: list[Status] = [
    a_status("queued"),
    a_status("running", run_id="a"),
    a_status("succeeded", run_id="a"),
    a_status("failed", run_id="a"),
]


def test_a_new_upload_waits() -> None:
    status = seen(None, version(1), "job")
    assert status is not None
    assert (status.state, status.source, status.job_id) == ("queued", version(1), "job")
    assert (status.user_id, status.run_id, status.error) == ("anne", None, None)


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.state)
def test_a_new_version_waits_whatever_became_of_the_old_one(status: Status) -> None:
    waiting = seen(status, version(2), None)
    assert waiting is not None
    assert (waiting.state, waiting.source, waiting.job_id) == ("queued", version(2), None)
    assert (waiting.run_id, waiting.step, waiting.error) == (None, None, None)
    again = version(1).model_copy(update={"last_modified": NOON + timedelta(minutes=9)})
    assert seen(status, again, None) is not None, "the same content, uploaded again"


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.state)
def test_a_version_that_is_found_twice_is_not_queued_twice(status: Status) -> None:
    assert seen(status, version(1), "job") is None
    assert seen(status, version(1, seconds=1), "job") is None, "servers round times differently"


@pytest.mark.parametrize("status", [None, *STATUSES], ids=lambda s: s.state if s else "none")
def test_a_stage_of_this_version_is_shown(status: Status | None) -> None:
    running = started(status, version(1, seconds=1), "job", "b", "diarization")
    assert running is not None
    assert (running.state, running.run_id, running.step) == ("running", "b", "diarization")
    assert (running.error, running.job_id, running.source) == (None, "job", version(1, seconds=1))


@pytest.mark.parametrize(
    ("status", "of_version", "shown"),
    [
        (a_status("queued", 2), 1, False),
        (a_status("queued", 1), 2, False),  # an object may be replaced by one with an older time
        (a_status("running", 2, "b"), 1, False),
        (a_status("succeeded", 2, "b"), 1, False),
        (a_status("failed", 2, "b"), 1, False),
        (a_status("running", 1, "b"), 2, True),
        (a_status("succeeded", 1, "b"), 2, True),
    ],
)
def test_a_stage_never_hides_a_newer_version(status: Status, of_version: int, shown: bool) -> None:
    running = started(status, version(of_version), None, "a", "transcript")
    assert (running is not None) == shown


@pytest.mark.parametrize(
    ("status", "run_id", "etag", "expected"),
    [
        (a_status("running", run_id="a"), "a", None, True),
        (a_status("running", run_id="a"), "b", "e1", False),
        (a_status("queued"), "a", "e1", True),
        (a_status("queued"), "a", "e0", False),
        (a_status("queued"), "a", None, False),
        (a_status("failed", run_id="a"), "a", "e1", False),
        (a_status("succeeded", run_id="a"), "a", "e1", False),
    ],
)
def test_which_run_may_end_which_status(
    status: Status, run_id: str, etag: str | None, expected: bool
) -> None:
    assert may_end(status, run_id, etag) == expected


OUTCOMES: list[tuple[Ending, State, State]] = [
    # what the run did, the state after "running", the state after "queued"
    (Ending.SUCCEEDED, "succeeded", "succeeded"),
    (Ending.NO_RESULT, "failed", "queued"),
    (Ending.FAILED, "failed", "failed"),
    (Ending.CANCELLED, "cancelled", "cancelled"),
    (Ending.RETRIED, "queued", "queued"),
]


@pytest.mark.parametrize(("ending", "after_running", "after_queued"), OUTCOMES)
def test_the_end_of_a_run(ending: Ending, after_running: State, after_queued: State) -> None:
    end = RunEnd("a", ending, "no sound" if ending is Ending.FAILED else None)
    for before, state in (
        (a_status("running", run_id="a"), after_running),
        (a_status("queued"), after_queued),
    ):
        after = ended(before, "a", "e1", end) or before
        assert after.state == state
        assert bool(after.error) == (state in ("failed", "cancelled"))
        assert after.step is None
        assert after.run_id == (None if state == "queued" else "a")
        assert (after.source, after.job_id) == (before.source, before.job_id)
    if ending is Ending.FAILED:
        assert after.error == "no sound"


def test_the_last_retry_is_named_where_an_earlier_run_is_written_down_late() -> None:
    after = ended(a_status("running", run_id="a"), "a", "e1", RunEnd("b", Ending.SUCCEEDED))
    assert after is not None
    assert (after.state, after.run_id) == ("succeeded", "b")


statuses = st.builds(
    a_status,
    st.sampled_from(["queued", "running", "succeeded", "failed"]),
    st.integers(1, 3),
    st.sampled_from(["a", "b", None]),
)
ends = st.builds(RunEnd, st.sampled_from("ab"), st.sampled_from(Ending), st.just("it broke"))


@given(statuses, st.sampled_from("ab"), st.sampled_from(["e1", "e2", "e3", None]), ends)
def test_an_end_changes_only_its_own_status_and_only_once(
    status: Status, run_id: str, etag: str | None, end: RunEnd
) -> None:
    after = ended(status, run_id, etag, end)
    if after is None:
        return
    assert may_end(status, run_id, etag)
    assert after != status
    assert after.source == status.source
    assert status.state in ("queued", "running")
    assert ended(after, run_id, etag, end) is None, "the same end, looked at again"


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=12))
def test_the_newest_version_has_the_last_word(events: list[tuple[int, bool]]) -> None:
    """Versions appear in order, and stages of any of them start in any order."""
    newest, status = 1, seen(None, version(1), None)
    for number, uploads in events:
        if uploads:
            newest = min(newest + 1, 3)
            status = seen(status, version(newest), None) or status
        else:
            of_version = min(number, newest)
            status = started(status, version(of_version), None, f"run {of_version}", "s") or status
        assert status is not None
        assert status.source == version(newest)
