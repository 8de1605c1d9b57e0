"""How a run ended goes into status.json, however it ended and whoever started it.

Dagster's own run status sensors move on past an event whose handling failed, so that one S3 hiccup
would leave a recording "running" for ever. This sensor reads the runs that ended lately, in the
order of their times, and keeps those that it cannot write down in its cursor, to try them again.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRecord,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from pydantic import BaseModel

from scribe_assets.errors import ScribeError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import ended, may_end
from scribe_assets.sensors.faults import raise_if_storage_is_down
from scribe_assets.sensors.run_end import end_of
from scribe_assets.storage.recordings import read_status, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import ETAG_TAG, PARTITION_TAG

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

OVERLAP = timedelta(minutes=1)
"""Runs are read again from so long before the latest one: the time of an end is that of the process
that ended, and may be stored after a later one."""

QUIET = timedelta(minutes=10)
"""After so long without an end, the cursor forgets which runs it has seen."""

PAGE = 200
"""Runs that are read from Dagster's storage at a time."""

NEW_SECONDS = 20.0
UNSETTLED_SECONDS = 10.0
"""Time for the runs that ended, and then for those that could not be written down before. Dagster
ends a tick after 60 s, and what a tick did is then lost from the cursor."""

MAX_UNSETTLED = 500
MAX_UNSETTLED_AGE = timedelta(days=1)
"""How many runs are tried again, and for how long."""

EPOCH = datetime.fromtimestamp(0, UTC)
ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


class Cursor(BaseModel):
    """Where the sensor stands.

    Attributes:
        watermark: the time of the latest end that was looked at.
        seen: by run id, the time of each end that was looked at since `OVERLAP` before. A run that
            is changed after its end has a new time, and is looked at again.
        unsettled: by run id, since when an end could not be written down.
    """

    watermark: datetime = EPOCH
    seen: dict[str, datetime] = {}
    unsettled: dict[str, datetime] = {}

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor as Dagster keeps it; it once was the watermark alone."""
        if not text:
            return cls()
        if text.startswith("{"):
            return cls.model_validate_json(text)
        return cls(watermark=datetime.fromisoformat(text))

    def mark(self, record: RunRecord) -> None:
        """This run has been looked at."""
        self.seen[record.dagster_run.run_id] = record.update_timestamp
        self.watermark = max(self.watermark, record.update_timestamp)

    def forget(self) -> None:
        """Forget the runs that will not be read again."""
        since = self.watermark - OVERLAP
        self.seen = {run_id: at for run_id, at in self.seen.items() if at > since}


class Settled(Enum):
    """What became of the end of a run."""

    WRITTEN = "it is in status.json"
    NO_MATTER = "it changes no status"
    UNDECIDED = "Dagster has not decided whether it tries the run again"


def settle(
    instance: DagsterInstance, storage: S3Storage, run: DagsterRun, now: datetime
) -> Settled:
    """Write the end of a run into the status of its recording, where that is its to change.

    Args:
        instance: Dagster's.
        storage: S3.
        run: a run that ended.
        now: the time of the day, with its time zone.

    Raises:
        ScribeError: S3 does not give out or take the documents of the recording.
    """
    ref = recording_of(run)
    if ref is None:
        return Settled.NO_MATTER
    status, etag = read_status(storage, ref), run.tags.get(ETAG_TAG)
    if status is None or not may_end(status, run.run_id, etag):
        return Settled.NO_MATTER
    end = end_of(instance, storage, run, status, now)
    if end is None:
        return Settled.UNDECIDED
    # A retry may have started while the events of this run were read: the status is its own then.
    status = read_status(storage, ref)
    after = ended(status, run.run_id, etag, end) if status else None
    if after is None:
        return Settled.NO_MATTER
    write_status(storage, after)
    return Settled.WRITTEN


def recording_of(run: DagsterRun) -> RecordingRef | None:
    """The recording of a run; None for a run of something else, such as a user's voiceprints."""
    try:
        return RecordingRef.from_partition_key(run.tags.get(PARTITION_TAG, ""))
    except ValueError:
        return None


def new_ends(instance: DagsterInstance, cursor: Cursor) -> Iterator[RunRecord]:
    """The runs that ended and are not marked in the cursor, in the order of their times.

    Dagster cannot page by time: its `cursor` of a query is the place of a run in the storage. So
    each page begins at the time at which the one before ended, and is larger by the number of runs
    since then that are known already. It thus holds at least `PAGE` others, if there are so many,
    also where hundreds of runs have the same time.
    """
    known = dict(cursor.seen)
    since = cursor.watermark - OVERLAP
    while True:
        limit = PAGE + sum(at > since for at in known.values())
        records = instance.get_run_records(
            RunsFilter(statuses=ENDED, updated_after=since),
            limit=limit,
            order_by="update_timestamp",
            ascending=True,
        )
        for record in records:
            run_id, at = record.dagster_run.run_id, record.update_timestamp
            if known.get(run_id) != at:
                known[run_id] = at
                yield record
        if len(records) < limit:
            return
        since = records[-1].update_timestamp - timedelta(microseconds=1)


@dataclass
class Tick:
    """One look at the runs that ended; `now` is the time of the day, with its time zone."""

    instance: DagsterInstance
    storage: S3Storage
    log: logging.Logger
    cursor: Cursor
    now: datetime
    read: int = 0
    written: int = 0

    def settle_all(self) -> None:
        """Settle the runs that ended lately, then those that could not be settled before.

        Raises:
            ScribeError: S3 as a whole does not answer, or refuses everything.
        """
        waiting = list(self.cursor.unsettled)
        deadline = time.monotonic() + NEW_SECONDS
        for record in new_ends(self.instance, self.cursor):
            self.read += 1
            self.settle(record.dagster_run)
            self.cursor.mark(record)
            if time.monotonic() > deadline:
                break
        else:
            if self.cursor.seen:
                self.cursor.watermark = max(self.cursor.watermark, self.now - QUIET)
        self.cursor.forget()
        deadline = time.monotonic() + UNSETTLED_SECONDS
        for run_id in waiting:
            if run_id not in self.cursor.unsettled:  # it was settled a moment ago
                continue
            run = self.instance.get_run_by_id(run_id)
            if run is None:  # deleted
                del self.cursor.unsettled[run_id]
            else:
                self.settle(run)
            if time.monotonic() > deadline:
                break

    def settle(self, run: DagsterRun) -> None:
        """Settle a run, or keep it for the next ticks; it never holds up the others."""
        since = self.cursor.unsettled.pop(run.run_id, None)
        try:
            settled = settle(self.instance, self.storage, run, self.now)
        except Exception as error:
            if isinstance(error, ScribeError) and (ref := recording_of(run)):
                raise_if_storage_is_down(self.storage, ref)
            if since is None:
                self.log.exception(f"the end of run {run.run_id} cannot be written down yet")
        else:
            self.written += settled is Settled.WRITTEN
            if settled is not Settled.UNDECIDED:
                return
        self.keep(run.run_id, since or self.now)

    def keep(self, run_id: str, since: datetime) -> None:
        """Try a run again in the next ticks, after those that are kept already."""
        unsettled = self.cursor.unsettled
        unsettled[run_id] = since
        oldest = min(unsettled, key=lambda one: unsettled[one])
        if len(unsettled) > MAX_UNSETTLED or self.now - unsettled[oldest] > MAX_UNSETTLED_AGE:
            del unsettled[oldest]
            self.log.error(f"the end of run {oldest} was not written down, and is given up")


@sensor(
    name="run_outcome_sensor",
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Writes into status.json how runs ended.",
)
def run_outcome_sensor(context: SensorEvaluationContext, storage: S3Storage) -> SkipReason:
    """Settle the runs that ended. It asks for no run, so that every tick is a skipped one."""
    cursor = Cursor.read(context.cursor)
    tick = Tick(context.instance, storage, context.log, cursor, datetime.now(UTC))
    tick.settle_all()
    context.update_cursor(cursor.model_dump_json())
    waiting = f", {len(cursor.unsettled)} wait" if cursor.unsettled else ""
    return SkipReason(f"{tick.written} of {tick.read} ended runs were written down{waiting}")
