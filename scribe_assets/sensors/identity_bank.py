"""A change of the identity bank becomes new voiceprints, and new names in that user's recordings.

Each tick lists the bank, and asks for a run for each user whose people are not those of the last
run. While such a run is under way, no other is asked for: twenty samples that are uploaded one
after the other make two runs, the second one with all that came during the first.

What was asked for is not yet done: a run may fail, and a name that somebody wanted forgotten would
stay. So the cursor keeps a version as unconfirmed until a run for it has succeeded; a run that
failed or was cancelled is asked for again, with growing pauses.
"""

import json
from datetime import UTC, datetime, timedelta
from enum import Enum

from dagster import (
    AssetObservation,
    DagsterInstance,
    DagsterRunStatus,
    DataVersion,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)
from pydantic import BaseModel

from scribe_assets.dagster_internals import ExecutableDefinition
from scribe_assets.keys import user_key
from scribe_assets.partitions import users
from scribe_assets.sensors.run_end import DECISION_TIME, will_be_retried
from scribe_assets.storage.bank import by_user, version
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import (
    BANK_VERSION_TAG,
    DATA_VERSION_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
    REFRESH_PEOPLE_PRIORITY,
    USER_TAG,
)

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

MAX_REQUESTS = 20
"""Users in a tick; the others have their turn in the next ones."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
"""Between the end of a run that failed and the next request: doubled each time."""


class Asked(BaseModel):
    """The version of a user's bank that was last asked for.

    Attributes:
        version: see `storage.bank.version`.
        change: how many versions of this bank were asked for up to this one.
        tries: how many runs were asked for this version.
        at: when the last of them was.
        confirmed: one of them has succeeded.
        tagged: its runs have a `BANK_VERSION_TAG`; those of older installations do not.
    """

    version: str
    change: int
    tries: int = 1
    at: datetime
    confirmed: bool = False
    tagged: bool = True

    @property
    def tag(self) -> str:
        """The `BANK_VERSION_TAG` of its runs; a bank may come back to an earlier version."""
        return f"{self.version}:{self.change}"

    @property
    def pause(self) -> timedelta:
        """How long to wait after the end of the last try."""
        return min(FIRST_PAUSE * 2 ** min(self.tries - 1, 10), LONGEST_PAUSE)

    def run_key(self, user: str) -> str:
        """The key by which Dagster knows that a run was asked for already."""
        again = f":{self.tries}" if self.tries > 1 else ""
        return f"{user_key(user)}:{self.tag}{again}"


class Cursor(BaseModel):
    """Where the sensor stands: by user, what was last asked for."""

    users: dict[str, Asked] = {}

    @classmethod
    def read(cls, text: str | None, now: datetime) -> "Cursor":
        """The cursor as Dagster keeps it; it once was `{user: [version, count]}`."""
        kept = json.loads(text) if text else {}
        if not all(isinstance(value, list) for value in kept.values()):
            return cls.model_validate(kept)
        return cls(
            users={
                user: Asked(version=asked, change=count, at=now, tagged=False)
                for user, (asked, count) in kept.items()
            }
        )


class Progress(Enum):
    """How far the runs for a version are."""

    WAIT = "one is under way, or Dagster tries it again, or it is too early for another one"
    CONFIRMED = "one has succeeded"
    AGAIN = "the last one failed, was cancelled or got lost"


def progress(
    instance: DagsterInstance, job_name: str, user: str, asked: Asked, now: datetime
) -> Progress:
    """How far the runs for a version of a user's bank are, by the last of them.

    Args:
        instance: Dagster's.
        job_name: of the runs.
        user: whose bank.
        asked: the version.
        now: the time of the day, with its time zone.
    """
    tags = {PARTITION_TAG: user_key(user)}
    if asked.tagged:
        tags[BANK_VERSION_TAG] = asked.tag
    records = instance.get_run_records(RunsFilter(job_name=job_name, tags=tags), limit=1)
    if not records:
        if not asked.tagged:  # its run was deleted long ago
            return Progress.CONFIRMED
        lost_at = asked.at + max(DECISION_TIME, asked.pause)
        return Progress.WAIT if now < lost_at else Progress.AGAIN
    run, ended_at = records[0].dagster_run, records[0].update_timestamp
    if run.status == DagsterRunStatus.SUCCESS:
        return Progress.CONFIRMED
    if not run.is_finished:
        return Progress.WAIT
    pause = asked.pause
    if run.status == DagsterRunStatus.FAILURE and will_be_retried(instance, run, now) is not False:
        # The retry would be the last run. Where it does not come, the daemon has lost it.
        pause = max(DECISION_TIME, pause)
    return Progress.WAIT if now < ended_at + pause else Progress.AGAIN


def unfinished(instance: DagsterInstance, job_name: str) -> set[str]:
    """The partitions for which there are runs that have not ended."""
    runs = instance.get_runs(RunsFilter(job_name=job_name, statuses=list(UNFINISHED)))
    return {run.tags.get(PARTITION_TAG, "") for run in runs}


def identity_bank_sensor(job: ExecutableDefinition) -> SensorDefinition:
    """The sensor on the identity bank."""
    job_name = str(job.name)

    @sensor(
        name="identity_bank_sensor",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Refreshes voiceprints and names when somebody is enrolled or forgotten.",
    )
    def watch(context: SensorEvaluationContext, storage: S3Storage) -> SensorResult:
        return look(context.instance, storage, job_name, context.cursor, datetime.now(UTC))

    return watch


def look(
    instance: DagsterInstance, storage: S3Storage, job_name: str, cursor: str | None, now: datetime
) -> SensorResult:
    """One tick: what to ask for, and the cursor after it.

    Args:
        instance: Dagster's.
        storage: S3.
        job_name: of the runs that are asked for.
        cursor: of the tick before.
        now: the time of the day, with its time zone.
    """
    known = Cursor.read(cursor, now).users
    banks = by_user(list(storage.objects(storage.identity_bucket)))
    versions = {user: version(banks.get(user, [])) for user in sorted({*banks, *known})}
    changed = new_versions(known, versions, now)
    unconfirmed = [user for user in known if user not in changed and not known[user].confirmed]
    again: dict[str, Asked] = {}
    for user in unconfirmed:
        asked = known[user]
        match progress(instance, job_name, user, asked, now):
            case Progress.CONFIRMED:
                known[user] = asked.model_copy(update={"confirmed": True})
            case Progress.AGAIN:
                tried = {"tries": asked.tries + 1, "at": now, "tagged": True}
                again[user] = asked.model_copy(update=tried)
    wanted = changed | again
    busy = unfinished(instance, job_name) if wanted else set()
    due = [user for user in wanted if user_key(user) not in busy][:MAX_REQUESTS]
    known |= {user: wanted[user] for user in due}
    text = Cursor(users=known).model_dump_json()
    if not due:
        skipped = f"{len(banks)} banks, {len(wanted)} with a run under way"
        return SensorResult(skip_reason=skipped, cursor=text)
    return SensorResult(
        run_requests=[run_request(user, wanted[user]) for user in due],
        dynamic_partitions_requests=[users.build_add_request([user_key(user) for user in due])],
        asset_events=[
            AssetObservation(
                "identity_bank",
                partition=user_key(user),
                metadata={"people": len(banks.get(user, []))},
                tags={DATA_VERSION_TAG: DataVersion(wanted[user].version).value},
            )
            for user in due
            if user in changed
        ],
        cursor=text,
    )


def new_versions(
    known: dict[str, Asked], versions: dict[str, str], now: datetime
) -> dict[str, Asked]:
    """What to ask for, by user, as the bank is not the one that was last asked for."""
    changed = {}
    for user, found in versions.items():
        asked = known.get(user)
        if asked is None or asked.version != found:
            changed[user] = Asked(version=found, change=asked.change + 1 if asked else 1, at=now)
    return changed


def run_request(user: str, asked: Asked) -> RunRequest:
    """A run that refreshes the voiceprints and names of a user."""
    return RunRequest(
        partition_key=user_key(user),
        run_key=asked.run_key(user),
        tags={
            USER_TAG: user,
            PRIORITY_TAG: REFRESH_PEOPLE_PRIORITY,
            BANK_VERSION_TAG: asked.tag,
        },
    )
