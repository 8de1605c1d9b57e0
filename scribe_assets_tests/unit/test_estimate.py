"""How far recordings are, and about how long it takes yet."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from scribe_assets.artifacts.documents import Source, Status
from scribe_assets.definitions import STAGES
from scribe_assets.launcher.executor import _next, needs_device
from scribe_assets.library.again import NEEDS
from scribe_assets.library.estimate import SHARES, done, left, waits
from scribe_assets.library.status import Ending, RunEnd, advanced, ended, queued, started

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_status(state: str, key: str = "anne/a.wav", **facts: Any) -> Status:
    source = Source(bucket="up", key=key, etag="e", size=1, last_modified=NOW)
    known = {"state": state, "updated_at": NOW, "run_id": "r", **facts}
    return queued(source, None).model_copy(update=known)


def running(step: str, progress: float | None = None, minutes: float = 0.0) -> Status:
    began = NOW - minutes * MINUTE
    return a_status("running", step=step, progress=progress, started_at=began)


def executed() -> list[str]:
    """The stages in the order in which a run that the launcher has started executes them."""
    tags = {stage.key.to_user_string(): stage.op.tags for stage in STAGES}
    order: list[str] = []
    is_held = False
    while left := [stage for stage in NEEDS if stage not in order]:
        ready: list[Any] = [
            SimpleNamespace(key=stage, tags=tags[stage])
            for stage in left
            if not {*NEEDS[stage]} - {*order}
        ]
        is_held = is_held and any(map(needs_device, ready))
        step = _next(ready, is_held)
        is_held = is_held or needs_device(step)
        order.append(step.key)
    return order


def test_every_stage_has_its_share_in_the_order_of_the_executor() -> None:
    assert [*SHARES] == executed()
    assert abs(sum(SHARES.values()) - 1) < 1e-9


def test_what_is_done_only_rises() -> None:
    far = [done(running(step, part)) or 0.0 for step in SHARES for part in (None, 0.5, 1.0)]
    assert far == sorted(far)
    assert (far[0], round(far[-1], 6)) == (0, 1)
    for state in ("queued", "succeeded", "failed"):
        assert done(a_status(state)) is None
    assert done(running("a stage of somebody else")) is None


def test_the_time_left_follows_from_the_time_taken() -> None:
    status = running("transcript", 0.5, minutes=131)  # 33 % and half of 65 %
    assert left(status, NOW) is not None
    assert abs((left(status, NOW) or MINUTE) - 69 * MINUTE) < timedelta(seconds=1)
    assert abs((left(status, NOW + MINUTE) or MINUTE) - 68 * MINUTE) < timedelta(seconds=1)
    assert left(status, NOW + timedelta(days=1)) == timedelta(0)
    assert left(running("converted_audio", 0.1, minutes=1), NOW) is None, "too early to tell"
    assert left(status.model_copy(update={"started_at": None}), NOW) is None


def test_the_queue_waits_for_what_is_before_it() -> None:
    ended_ones = [
        a_status("succeeded", f"{minutes}.wav", started_at=NOW - minutes * MINUTE)
        for minutes in (2, 4, 60)
    ]
    queue = [
        a_status("queued", f"q{n}.wav", updated_at=NOW + n * timedelta(seconds=1)) for n in (1, 0)
    ]
    assert waits(queue, NOW) == {}, "nothing tells how long a run takes"
    assert waits([*ended_ones, *queue], NOW) == {"q0.wav": timedelta(0), "q1.wav": 4 * MINUTE}
    under_way = running("converted_audio")
    assert waits([*ended_ones, *queue, under_way], NOW) == {
        "q0.wav": 4 * MINUTE,
        "q1.wav": 8 * MINUTE,
    }
    assert waits([*ended_ones, *queue, under_way], NOW, places=2)["q1.wav"] == 4 * MINUTE


def test_a_run_has_one_beginning_and_the_progress_of_its_stage() -> None:
    source = a_status("queued").source
    first = started(None, source, None, "r", "diarization")
    assert first is not None
    far = advanced(first, "r", "diarization", 0.314159)
    assert far is not None
    assert far.progress == 0.31
    assert advanced(far, "other", "diarization", 0.5) is None
    assert advanced(far, "r", "transcript", 0.5) is None
    assert advanced(None, "r", "diarization", 0.5) is None
    second = started(far, source, None, "r", "transcript")
    assert second is not None
    assert (second.progress, second.started_at) == (None, first.started_at)
    over = ended(second, "r", None, RunEnd("r", Ending.SUCCEEDED))
    assert over is not None
    assert (over.progress, over.started_at) == (None, first.started_at)
    assert advanced(over, "r", "transcript", 0.5) is None
    again = started(over, source, None, "s", "transcript")
    assert again is not None
    assert again.started_at != first.started_at
