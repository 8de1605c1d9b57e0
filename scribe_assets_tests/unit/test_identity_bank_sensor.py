"""The sensor on the identity bank: every change is asked for until a run for it has succeeded."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
)

from scribe_assets.sensors.identity_bank import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_REQUESTS,
    Cursor,
    look,
)
from scribe_assets.sensors.run_end import DECISION_TIME
from scribe_assets.storage.bank import by_user, version
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import (
    BANK_VERSION_TAG,
    PARENT_RUN_ID_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
    RETRY_NUMBER_TAG,
    USER_TAG,
    WILL_RETRY_TAG,
)

JOB = "refresh_people"
MINUTE = timedelta(minutes=1)


class Site:
    """A bank, the sensor on it, and a Dagster that makes the runs asked for."""

    def __init__(self, storage: S3Storage, instance: DagsterInstance) -> None:
        self.storage, self.instance = storage, instance
        self.cursor: str | None = None
        self.later = timedelta(0)
        self.observed: list[str | None] = []

    def enrol(self, user: str, person: str) -> None:
        key = f"{user}/{person}/profile.json"
        text = json.dumps({"name": person})
        self.storage.write(self.storage.identity_bucket, key, text, "application/json")

    def forget(self, user: str, person: str) -> None:
        self.storage.delete(self.storage.identity_bucket, f"{user}/{person}/profile.json")

    def tick(self) -> list[str]:
        """The ids of the runs that were asked for and made."""
        now = datetime.now(UTC) + self.later
        found = look(self.instance, self.storage, JOB, self.cursor, now)
        self.cursor = found.cursor
        self.observed += [event.partition for event in found.asset_events]
        return [self.make(run) for run in found.run_requests or []]

    def make(self, request: RunRequest) -> str:
        assert request.run_key
        # Dagster makes no second run for a key.
        assert not self.instance.get_run_by_id(request.run_key)
        tags = {**request.tags, PARTITION_TAG: str(request.partition_key)}
        made = DagsterRun(
            job_name=JOB, run_id=request.run_key, tags=tags, status=DagsterRunStatus.STARTED
        )
        return self.instance.add_run(made).run_id

    def end(self, run_id: str, how: DagsterRunStatus) -> None:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        match how:
            case DagsterRunStatus.FAILURE:
                self.instance.report_run_failed(run)
            case DagsterRunStatus.CANCELED:
                self.instance.report_run_canceled(run)
            case _:
                event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, JOB)
                self.instance.report_dagster_event(event, run_id)


@pytest.fixture
def site(embedded_storage: S3Storage, instance: DagsterInstance) -> Site:
    return Site(embedded_storage, instance)


@pytest.fixture
def retrying(embedded_storage: S3Storage) -> Iterator[Site]:
    """With a Dagster that tries failed runs again."""
    settings = {"run_retries": {"enabled": True, "max_retries": 1}}
    with DagsterInstance.ephemeral(settings=settings) as made:
        yield Site(embedded_storage, made)


def test_a_change_is_asked_for_once(site: Site) -> None:
    assert site.tick() == []
    site.enrol("b.n", "zoe")
    (run_id,) = site.tick()
    run = site.instance.get_run_by_id(run_id)
    assert run is not None
    bank = by_user(list(site.storage.objects(site.storage.identity_bucket)))["b.n"]
    assert run_id == f"b~2En:{version(bank)}:1"
    assert run.tags[USER_TAG] == "b.n"
    assert run.tags[PARTITION_TAG] == "b~2En"
    assert run.tags[PRIORITY_TAG] == "10"
    assert site.tick() == []
    site.end(run_id, DagsterRunStatus.SUCCESS)
    for _ in range(3):
        assert site.tick() == []
        site.later += LONGEST_PAUSE
    assert site.observed == ["b~2En"]


def test_a_change_during_a_run_waits_for_its_end(site: Site) -> None:
    site.enrol("anne", "zoe")
    (first,) = site.tick()
    site.enrol("anne", "yan")
    assert site.tick() == []
    site.end(first, DagsterRunStatus.SUCCESS)
    (second,) = site.tick()
    site.end(second, DagsterRunStatus.SUCCESS)
    assert site.tick() == []


@pytest.mark.parametrize("how", [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED])
def test_a_refresh_that_failed_is_asked_for_again_with_growing_pauses(
    site: Site, how: DagsterRunStatus
) -> None:
    site.enrol("anne", "zoe")
    (run_id,) = site.tick()
    site.end(run_id, DagsterRunStatus.SUCCESS)
    assert site.tick() == []
    site.forget("anne", "zoe")  # the name must go, whatever happens to the first run
    (run_id,) = site.tick()
    pauses = [FIRST_PAUSE * 2**number for number in range(6)]
    for pause in [*pauses, LONGEST_PAUSE, LONGEST_PAUSE]:
        site.end(run_id, how)
        ended = site.later
        site.later = ended + pause - MINUTE / 2
        assert site.tick() == []
        site.later = ended + pause + MINUTE / 2
        (run_id,) = site.tick()
        assert site.tick() == []
        # The run ends at the time of the clock on the wall.
        site.later = timedelta(0)
    site.end(run_id, DagsterRunStatus.SUCCESS)
    assert site.tick() == []
    site.later = 3 * LONGEST_PAUSE
    assert site.tick() == []
    assert len(site.observed) == 2


def test_a_bank_that_comes_back_to_an_earlier_version_is_not_taken_for_done(site: Site) -> None:
    site.enrol("anne", "zoe")
    for change in (lambda: None, lambda: site.enrol("anne", "yan")):
        change()
        (run_id,) = site.tick()
        site.end(run_id, DagsterRunStatus.SUCCESS)
        assert site.tick() == []
    site.forget("anne", "yan")
    (third,) = site.tick()
    site.end(third, DagsterRunStatus.FAILURE)
    site.later = 2 * FIRST_PAUSE
    assert len(site.tick()) == 1


def test_dagsters_own_retry_is_waited_for(retrying: Site) -> None:
    site = retrying
    site.enrol("anne", "zoe")
    (run_id,) = site.tick()
    site.end(run_id, DagsterRunStatus.FAILURE)
    failed = site.instance.get_run_by_id(run_id)
    assert failed is not None
    assert failed.tags[WILL_RETRY_TAG] == "true"
    site.later = 2 * FIRST_PAUSE
    assert site.tick() == []
    retry = DagsterRun(
        job_name=JOB,
        run_id="retry",
        root_run_id=run_id,
        parent_run_id=run_id,
        status=DagsterRunStatus.STARTED,
        tags={
            PARTITION_TAG: "anne",
            BANK_VERSION_TAG: failed.tags[BANK_VERSION_TAG],
            PARENT_RUN_ID_TAG: run_id,
            RETRY_NUMBER_TAG: "1",
        },
    )
    site.instance.add_run(retry)
    site.later = 2 * LONGEST_PAUSE
    assert site.tick() == []
    site.end("retry", DagsterRunStatus.SUCCESS)
    assert site.tick() == []
    assert Cursor.read(site.cursor, datetime.now(UTC)).users["anne"].confirmed


def test_a_retry_that_never_comes_is_not_waited_for_for_ever(retrying: Site) -> None:
    site = retrying
    site.enrol("anne", "zoe")
    (run_id,) = site.tick()
    site.end(run_id, DagsterRunStatus.FAILURE)
    site.later = DECISION_TIME + MINUTE
    assert len(site.tick()) == 1


def test_a_run_that_got_lost_is_asked_for_again(site: Site) -> None:
    site.enrol("anne", "zoe")
    (run_id,) = site.tick()
    site.instance.delete_run(run_id)
    assert site.tick() == []
    site.later = DECISION_TIME + MINUTE
    assert len(site.tick()) == 1


def test_a_flood_of_users_is_taken_in_portions(site: Site) -> None:
    for number in range(MAX_REQUESTS + 3):
        site.enrol(f"user{number}", "zoe")
    assert len(site.tick()) == MAX_REQUESTS
    assert len(site.tick()) == 3
    assert site.tick() == []


@pytest.mark.parametrize(
    ("how", "asked"),
    [(DagsterRunStatus.SUCCESS, 0), (DagsterRunStatus.FAILURE, 1), (None, 0)],
)
def test_the_cursor_of_an_older_installation_is_read(
    site: Site, how: DagsterRunStatus | None, asked: int
) -> None:
    """Its runs have no tag with the version; what failed then is asked for again."""
    site.enrol("users", "zoe")
    bank = by_user(list(site.storage.objects(site.storage.identity_bucket)))["users"]
    site.cursor = json.dumps({"users": [version(bank), 4]})
    if how is not None:
        old = DagsterRun(
            job_name=JOB,
            run_id="old",
            tags={PARTITION_TAG: "users"},
            status=DagsterRunStatus.STARTED,
        )
        site.instance.add_run(old)
        site.end("old", how)
    site.later = 2 * FIRST_PAUSE
    runs = site.tick()
    assert len(runs) == asked
    assert runs in ([], [f"users:{version(bank)}:4:2"])
    assert site.tick() == []
    site.enrol("users", "yan")
    for run_id in runs:
        site.end(run_id, DagsterRunStatus.SUCCESS)
    (changed,) = site.tick()
    assert changed.endswith(":5")
