"""The runs as far as they are counted: the state of each recording, the queue, and what failed.

All runs are read once, at the start; from then on only those that changed since the last look.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RunRecord,
    RunsFilter,
)

from scribe_assets.keys import RecordingRef
from scribe_assets.metrics.faults import ALL_KINDS, LOST, STORAGE, kind_of
from scribe_assets.tags import PARTITION_TAG, WILL_RETRY_TAG

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = STATES = (
    "queued",
    "running",
    "succeeded",
    "failed",
    "cancelled",
)
OPEN = {
    DagsterRunStatus.QUEUED: QUEUED,
    DagsterRunStatus.NOT_STARTED: QUEUED,
    DagsterRunStatus.STARTING: QUEUED,
    DagsterRunStatus.STARTED: RUNNING,
    DagsterRunStatus.CANCELING: RUNNING,
}
ENDED = {
    DagsterRunStatus.SUCCESS: SUCCEEDED,
    DagsterRunStatus.FAILURE: FAILED,
    DagsterRunStatus.CANCELED: CANCELLED,
}
RESULT = AssetKey("fused_result")

MOST_RUNS = 20_000
"""So many of the latest runs are read at the start, and as many open ones. A recording that failed
before those is not counted."""

PAGE = 500
OVERLAP = timedelta(minutes=1)
"""Runs are read again from so long before the last look: the time of a change is that of the
process that made it, and may be stored after a later one."""

MOST_LOGS = 100
"""So many runs that ended are asked for their errors at a time; the others at the next."""

RECOUNT_SECONDS = 60.0
"""A deleted run does not say so. It is noticed by counting, at most so often."""

LOGGED = {
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}


@dataclass(frozen=True)
class OpenRun:
    """A run that has not ended: whether it still waits, and since when it exists (Unix time)."""

    state: str
    created: float


@dataclass
class Runs:
    """See the module.

    Attributes:
        instance: Dagster's.
        open: by run id, those that have not ended.
        ended: since this process began, by how they ended.
        failures: since this process began, failed runs by kind, those tried again included.
        storage_errors: since this process began, tries of steps that ended at S3.
        waits: since this process began, how many runs left the queue.
        waited_seconds: how long those had waited.
    """

    instance: DagsterInstance
    open: dict[str, OpenRun] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(ENDED.values(), 0)))
    failures: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(ALL_KINDS, 0)))
    storage_errors: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    _newest: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By hash of the partition key, of its latest run: the place in the storage, and the state."""
    _seen: dict[str, datetime] = field(default_factory=dict)
    _looked: datetime | None = None
    _counted: float = 0.0
    _logs: deque[str] = field(default_factory=deque)

    def update(self, now: datetime) -> None:
        """Learn what has changed; the first time all there is.

        Args:
            now: the time of the day, with its time zone.
        """
        if self._looked is None:
            self._learn_all(now - OVERLAP)
        else:
            since = self._looked - OVERLAP
            for record in self._changed(since):
                self._take(record, since)
            self._recount(now)
        self._looked = now
        kept = now - 2 * OVERLAP
        self._seen = {run_id: at for run_id, at in self._seen.items() if at > kept}
        for _ in range(min(MOST_LOGS, len(self._logs))):
            self._read_log(self._logs.popleft())

    def states(self) -> Counter[str]:
        """How many recordings are in each state."""
        found = Counter(dict.fromkeys(STATES, 0))
        found.update(state for _, state in self._newest.values())
        return found

    def waiting_seconds(self, now: datetime) -> list[float]:
        """How long each run of the queue has waited so far."""
        at = now.timestamp()
        return [max(0.0, at - run.created) for run in self.open.values() if run.state == QUEUED]

    def has_result(self, partition: str) -> None:
        """A recording has a result, perhaps without a run, as after `scribe rebuild`."""
        self._newest.setdefault(hash(partition), (-1, SUCCEEDED))

    def _learn_all(self, since: datetime) -> None:
        self.open = self._read_open()
        cursor = None
        for _ in range(MOST_RUNS // PAGE):
            page = self.instance.get_run_records(limit=PAGE, cursor=cursor)
            for record in page:  # the newest first
                self._remember(record)
                if record.update_timestamp > since:
                    self._seen[record.dagster_run.run_id] = record.update_timestamp
            if len(page) < PAGE:
                break
            cursor = page[-1].dagster_run.run_id
        for partition in self.instance.get_materialized_partitions(RESULT):
            self.has_result(partition)

    def _read_open(self) -> dict[str, OpenRun]:
        found: dict[str, OpenRun] = {}
        cursor = None
        while len(found) < MOST_RUNS:
            page = self.instance.get_run_records(
                RunsFilter(statuses=[*OPEN]), limit=PAGE, cursor=cursor
            )
            found |= {record.dagster_run.run_id: _open(record) for record in page}
            if len(page) < PAGE:
                break
            cursor = page[-1].dagster_run.run_id
        return found

    def _recount(self, now: datetime) -> None:
        """Where there are not as many open runs as we know, forget those that were deleted."""
        if now.timestamp() - self._counted < RECOUNT_SECONDS:
            return
        self._counted = now.timestamp()
        if self.instance.get_runs_count(RunsFilter(statuses=[*OPEN])) == len(self.open):
            return
        gone = list(self.open.keys() - self._read_open().keys())
        for begin in range(0, len(gone), PAGE):
            # One that has just ended is still there, and counted at the next look.
            there = self.instance.get_run_records(RunsFilter(run_ids=gone[begin : begin + PAGE]))
            for run_id in {*gone[begin : begin + PAGE]} - {r.dagster_run.run_id for r in there}:
                del self.open[run_id]

    def _changed(self, since: datetime) -> Iterator[RunRecord]:
        """The runs that changed, in the order of their times. Many may have the same time, hence
        the growing page."""
        limit = PAGE
        while True:
            # All statuses, by name: the index of the table begins with the status.
            page = self.instance.get_run_records(
                RunsFilter(statuses=[*OPEN, *ENDED], updated_after=since),
                limit=limit,
                order_by="update_timestamp",
                ascending=True,
            )
            for record in page:
                if self._seen.get(record.dagster_run.run_id) != record.update_timestamp:
                    yield record
            if len(page) < limit:
                return
            before = page[-1].update_timestamp - timedelta(microseconds=1)
            since, limit = (before, limit) if before > since else (since, 2 * limit)

    def _take(self, record: RunRecord, since: datetime) -> None:
        """Count what has happened to a run since we last saw it."""
        run = record.dagster_run
        known = self.open.pop(run.run_id, None)
        is_known = run.run_id in self._seen
        was_waiting = known.state == QUEUED if known else not is_known
        is_new = record.start_time is not None and record.start_time >= since.timestamp()
        if was_waiting and is_new and record.start_time is not None:
            self.waits += 1
            self.waited_seconds += max(0.0, record.start_time - _created(record))
        if run.status in OPEN:
            self.open[run.run_id] = _open(record)
        elif known or (not is_known and _ended_at(record) >= since):
            self.ended[ENDED[run.status]] += 1
            self._logs.append(run.run_id)
        self._remember(record)
        self._seen[run.run_id] = record.update_timestamp

    def _remember(self, record: RunRecord) -> None:
        """The state of the run's recording, where no later run of it is known."""
        run = record.dagster_run
        partition = run.tags.get(PARTITION_TAG, "")
        try:
            RecordingRef.from_partition_key(partition)
        except ValueError:  # a run of something else
            return
        place, _ = self._newest.get(hash(partition), (-1, ""))
        if record.storage_id < place or run.status not in OPEN.keys() | ENDED.keys():
            return
        state = OPEN.get(run.status) or ENDED[run.status]
        if state == FAILED and run.tags.get(WILL_RETRY_TAG) == "true":
            state = QUEUED
        self._newest[hash(partition)] = (record.storage_id, state)

    def _read_log(self, run_id: str) -> None:
        """Count the errors in the log of a run that ended."""
        kinds = []
        has_failed = False
        for record in self.instance.get_records_for_run(run_id, of_type=LOGGED).records:
            event = record.event_log_entry.dagster_event
            if event is None:
                continue
            if event.is_run_failure:
                has_failed = True
                continue
            data = event.event_specific_data
            kind = kind_of(getattr(data, "error", None))
            self.storage_errors += kind == STORAGE
            if event.is_step_failure:
                kinds.append(kind)
        if has_failed:
            self.failures[kinds[0] if kinds else LOST] += 1


def _open(record: RunRecord) -> OpenRun:
    return OpenRun(OPEN[record.dagster_run.status], _created(record))


def _created(record: RunRecord) -> float:
    return record.create_timestamp.timestamp()


def _ended_at(record: RunRecord) -> datetime:
    if record.end_time is None:
        return record.update_timestamp
    return datetime.fromtimestamp(record.end_time, UTC)
