"""Uploads, runs, terminations, refreshes of names and ticks of the sensor in any order.

The stages make trivial documents, in which the words and the labels are the content of the upload.
What reads, checks and writes them is the real thing, and so are S3 and the rules of status.json. A
stage loads its inputs at one time and writes its output at another, with anything in between, also
stages of other runs of the same recording: the queue would not start those, a terminal may.
"""

import itertools
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterInstance,
    Failure,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from scribe_assets.artifacts.documents import (
    Diarization,
    Document,
    Recording,
    Result,
    Source,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.errors import MissingObjectError, OverwrittenError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.naming import refresh_names
from scribe_assets.library.status import Ending, RunEnd, ended
from scribe_assets.sensors.run_end import result_of
from scribe_assets.sensors.uploads import requested
from scribe_assets.sensors.uploads_cursor import Cursor
from scribe_assets.storage.recordings import (
    find_upload,
    is_of,
    is_same_version,
    read_document,
    read_status,
    write_status,
)
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets_tests.memory_storage import MemoryStorage
from scribe_assets_tests.people import enrol_voices, put
from scribe_assets_tests.stages import INPUTS, VOICE, Stages

MOST_RUNS = 3
"""Where a run is chosen among more of them, each hardly gets on."""

MADE: list[type[Document]] = [
    Diarization,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
    Result,
]

NUMBERS = itertools.count()


@dataclass
class Run:
    """A run of some stages, and what its stage under way has made and not written yet."""

    run_id: str
    stages: list[str]
    etag: str | None = None
    made: Any = None
    ending: Ending | None = None
    error: str | None = None

    @property
    def is_under_way(self) -> bool:
        return self.ending is None


@dataclass(frozen=True)
class Before:
    """What was there after the last rule; see `nothing_goes_back_to_an_older_version`."""

    upload: S3Object
    newest: set[type[Document]]
    source: Source | None
    agreeing: set[type[Document]]


class Orders(RuleBasedStateMachine):
    """One recording of a user of its own."""

    def __init__(self, storage: S3Storage, instance: DagsterInstance) -> None:
        super().__init__()
        self.storage, self.instance = storage, instance
        self.user = f"user{next(NUMBERS)}"
        self.key = f"{self.user}/a.wav"
        self.ref = RecordingRef.from_upload_key(self.key)
        self.folder = tempfile.TemporaryDirectory()
        self.stages = Stages(self.storage, self.ref, Path(self.folder.name))
        self.contents: dict[str, str] = {}
        self.asked_for: set[tuple[str, datetime]] = set()
        self.runs: list[Run] = []
        self.cursor = Cursor()
        self.before: Before | None = None
        self.clock = datetime.now(UTC) - timedelta(days=1)

    def teardown(self) -> None:
        self.tick()
        upload = find_upload(self.storage, self.ref)
        status = read_status(self.storage, self.ref)
        assert status is not None
        is_asked_for = (upload.etag, upload.last_modified) in self.asked_for
        assert is_asked_for or is_of(upload, status.source), "a version was lost"
        buckets = ("uploads_bucket", "identity_bucket", "processed_bucket")
        for bucket in (getattr(self.storage, name) for name in buckets):
            for item in list(self.storage.objects(bucket, f"{self.user}/")):
                self.storage.delete(bucket, item.key)
        self.folder.cleanup()

    @initialize(steps=st.sampled_from([0, 5, 100, 100]))
    def first(self, steps: int) -> None:
        self.upload("A", 0)
        self.tick()
        self.advance(self.runs[0], steps)

    @rule(content=st.sampled_from("ABC"), days=st.sampled_from([0, 0, 2, 3]))
    def upload(self, content: str, days: int) -> None:
        self.clock += timedelta(minutes=1)
        at = self.clock - timedelta(days=days)
        bucket = self.storage.uploads_bucket
        if isinstance(self.storage, MemoryStorage):
            upload = self.storage.put(bucket, self.key, content.encode(), at)
        else:
            upload = put(self.storage, self.key, content, at)
        self.contents[upload.etag] = content

    @rule()
    def tick(self) -> None:
        listed = list(self.storage.objects(self.storage.uploads_bucket, f"{self.user}/"))
        requests, self.cursor = requested(
            self.storage, self.instance, logging.getLogger(), self.cursor, listed
        )
        for upload in requests.uploads:
            self.instance.add_dynamic_partitions("recordings", [self.ref.partition_key])
            self.asked_for.add((upload.etag, upload.last_modified))
            self.start([*INPUTS], upload.etag)

    @precondition(lambda self: sum(run.is_under_way for run in self.runs) < MOST_RUNS)
    @rule(name=st.sampled_from([*INPUTS]), steps=st.sampled_from([1, 2]))
    def materialise(self, name: str, steps: int) -> None:
        """Somebody has a stage run alone; it is done with its first step, or with its second."""
        self.advance(self.start([name]), steps)

    def start(self, stages: list[str], etag: str | None = None) -> Run:
        self.runs.append(Run(f"run{next(NUMBERS)}", stages, etag))
        return self.runs[-1]

    def some_run(self, data: st.DataObject) -> Run:
        return data.draw(st.sampled_from([run for run in self.runs if run.is_under_way]))

    def is_busy(self) -> bool:
        return any(run.is_under_way for run in self.runs)

    @precondition(is_busy)
    @rule(data=st.data(), steps=st.sampled_from([1, 2, 5, 100]))
    def go_on(self, data: st.DataObject, steps: int) -> None:
        """The stages of a run begin and end, up to the end of the run or not."""
        self.advance(self.some_run(data), steps)

    def advance(self, run: Run, steps: int) -> None:
        while run.is_under_way and steps:
            self.step(run)
            steps -= 1

    def step(self, run: Run) -> None:
        name = run.stages[0]
        try:
            if run.made is None:
                run.made = self.stages.make(run.run_id, name)
                return
            self.stages.write(name, run.made)
        except OverwrittenError:  # Dagster tries the stage again
            run.made = None
            return
        except Failure as failure:
            run.error = failure.description
            self.end(run, Ending.FAILED)
            return
        run.stages, run.made = run.stages[1:], None
        if not run.stages:
            status = read_status(self.storage, self.ref)
            assert status is not None
            self.end(run, Ending.SUCCEEDED if result_of(self.storage, status) else Ending.NO_RESULT)

    @precondition(is_busy)
    @rule(data=st.data())
    def terminate(self, data: st.DataObject) -> None:
        """A run ends in the middle of a stage, or while that writes its output."""
        run = self.some_run(data)
        if run.made is None:
            self.step(run)
        if run.made is not None:
            self.stages.write_in_part(run.stages[0], run.made)
        if run.is_under_way:
            self.end(run, Ending.CANCELLED)

    def end(self, run: Run, ending: Ending) -> None:
        run.ending = ending
        status = read_status(self.storage, self.ref)
        assert status is not None
        end = RunEnd(run.run_id, ending, run.error)
        after = ended(status, run.run_id, run.etag, end)
        if after is not None:
            write_status(self.storage, after)

    @rule(is_enrolled=st.booleans())
    def refresh(self, is_enrolled: bool) -> None:
        enrol_voices(self.storage, self.user, {"anne" if is_enrolled else "ben": VOICE})
        list(refresh_names(self.storage, self.user, None))

    def document(self, kind: type[Document]) -> Any:
        try:
            return read_document(self.storage, self.ref, kind)
        except MissingObjectError:
            return None

    @invariant()
    def documents_are_of_the_version_that_they_name(self) -> None:
        labels: dict[type[Document], Callable[[Any], set[str]]] = {
            Diarization: lambda document: {turn.speaker for turn in document.turns},
            SpeakerEmbeddings: lambda document: {s.label for s in document.speakers},
            SpeakerIdentities: lambda document: {i.label for i in document.identities},
            Transcript: lambda document: {segment.text for segment in document.segments},
            Result: lambda document: {
                *(speaker.label for speaker in document.speakers),
                *(segment.speaker for segment in document.segments),
                *(segment.text for segment in document.segments),
            },
        }
        for kind in MADE:
            document = self.document(kind)
            if document is not None:
                assert labels[kind](document) == {self.contents[document.source.etag]}, kind

    @invariant()
    def nothing_goes_back_to_an_older_version(self) -> None:
        """What is of the version in the bucket, or of the version in recording.json, stays so."""
        upload = self.storage.head(self.storage.uploads_bucket, self.key)
        status, recording = read_status(self.storage, self.ref), self.document(Recording)
        newest = {
            type(document)
            for document in (status, recording)
            if document is not None and is_of(upload, document.source)
        }
        agreeing = {
            kind
            for kind in MADE
            if recording is not None
            and (document := self.document(kind)) is not None
            and is_same_version(document.source, recording.source)
        }
        source = recording.source if recording else None
        before = self.before
        if before is not None:
            assert before.upload != upload or before.newest <= newest
            assert before.source != source or before.agreeing <= agreeing
        self.before = Before(upload, newest, source, agreeing)

    @invariant()
    def success_is_that_of_the_version_of_the_result(self) -> None:
        status = read_status(self.storage, self.ref)
        if status is not None and status.state == "succeeded":
            result = self.document(Result)
            assert result is not None
            assert is_same_version(status.source, result.source)


@pytest.mark.parametrize(("where", "examples"), [("memory", 100), ("embedded", 3)])
def test_no_order_combines_two_versions(
    request: pytest.FixtureRequest, instance: DagsterInstance, where: str, examples: int
) -> None:
    storage: S3Storage = (
        MemoryStorage.empty() if where == "memory" else request.getfixturevalue("embedded_storage")
    )
    run_state_machine_as_test(
        partial(Orders, storage, instance),  # type: ignore[arg-type]
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
