"""An upload that is overwritten, or gets its options, while a run waits: transcribed once."""

from pathlib import Path

import pytest
from dagster import ExecuteInProcessResult

from scribe_assets.artifacts.documents import Options, Recording, Result
from scribe_assets.instance.config import open_instance
from scribe_assets.keys import RecordingRef
from scribe_assets.settings import Settings
from scribe_assets.storage.layout import sidecar_key
from scribe_assets.storage.recordings import read_document, read_status, write_document
from scribe_assets.tags import ETAG_TAG, PARENT_RUN_ID_TAG, PARTITION_TAG, RETRY_NUMBER_TAG
from scribe_assets_tests.people import processed, unit
from scribe_assets_tests.pipeline import Scribe, failure

KEY = "anne/a.wav"
OF_THE_SENSOR = {ETAG_TAG: "of the version that the run was asked for"}


@pytest.fixture
def ref(scribe: Scribe) -> RecordingRef:
    """A recording whose upload was transcribed by the run before. It is not sound: a run that
    converts it fails."""
    made = processed(scribe.storage, KEY, {"S0": unit(1, 0)})
    scribe.instance.add_dynamic_partitions("recordings", [made.partition_key])
    return made


def is_done_again(run: ExecuteInProcessResult) -> bool:
    """Whether a run has tried to convert the upload; the other runs do nothing at all."""
    if run.success:
        assert not [event for event in run.all_events if event.is_step_materialization]
        assert {event.step_key for event in run.all_events if event.is_step_skipped}
        return False
    assert "not audio or video" in failure(run)
    return True


def test_what_a_run_before_has_done_is_not_done_again(scribe: Scribe, ref: RecordingRef) -> None:
    before = read_status(scribe.storage, ref)
    assert not is_done_again(scribe.run(ref, tags=OF_THE_SENSOR))
    assert read_status(scribe.storage, ref) == before


def test_a_person_may_have_it_done_again(scribe: Scribe, ref: RecordingRef) -> None:
    assert is_done_again(scribe.run(ref))
    sensors = scribe.run(ref, tags=OF_THE_SENSOR)
    repeated = OF_THE_SENSOR | {PARENT_RUN_ID_TAG: sensors.run_id}
    assert is_done_again(scribe.run(ref, tags=repeated))


def test_a_retry_of_dagster_counts_as_the_run_that_it_repeats(
    scribe: Scribe, ref: RecordingRef
) -> None:
    sensors = scribe.run(ref, tags=OF_THE_SENSOR)
    person = scribe.run(ref, tags=OF_THE_SENSOR | {PARENT_RUN_ID_TAG: sensors.run_id})
    for parent, again in ((sensors, False), (person, True)):
        tags = OF_THE_SENSOR | {PARENT_RUN_ID_TAG: parent.run_id, RETRY_NUMBER_TAG: "1"}
        assert is_done_again(scribe.run(ref, tags=tags)) == again


@pytest.mark.parametrize("what", ["upload", "options", "nothing", "result"])
def test_what_has_changed_is_done(scribe: Scribe, ref: RecordingRef, what: str) -> None:
    storage = scribe.storage
    recording = read_document(storage, ref, Recording)
    if what == "upload":
        storage.write(storage.uploads_bucket, KEY, "another recording", "audio/wav")
    elif what == "options":
        options = Options(num_speakers=2).to_json()
        storage.write(storage.uploads_bucket, sidecar_key(KEY), options, "application/json")
    elif what == "result":  # of the older version, beside a recording.json of the newer one
        old = recording.source.model_copy(update={"etag": "old"})
        result = read_document(storage, ref, Result)
        write_document(storage, ref, result.model_copy(update={"source": old}))
    assert is_done_again(scribe.run(ref, tags=OF_THE_SENSOR)) == (what != "nothing")


def test_wrong_options_still_fail_the_run(scribe: Scribe, ref: RecordingRef) -> None:
    bucket = scribe.storage.uploads_bucket
    scribe.storage.write(bucket, sidecar_key(KEY), "{", "application/json")
    assert "a.wav.scribe.json is not as expected" in failure(scribe.run(ref, tags=OF_THE_SENSOR))


def test_runs_of_one_recording_come_one_after_the_other(tmp_path: Path) -> None:
    """As the second one could not see what the first one has done otherwise."""
    with open_instance(Settings(home=tmp_path)) as instance:
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.tag_concurrency_limits == [
            {"key": PARTITION_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        ]
