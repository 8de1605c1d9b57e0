"""Which stages run again, and what is written down before they do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRun

from scribe_assets.artifacts.documents import Options, Recording, Transcript
from scribe_assets.assets.stage import is_the_sensors
from scribe_assets.definitions import STAGES, build_definitions
from scribe_assets.errors import DocumentError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.again import NEEDS, READ_BY, Again, give_up, rerun, retry
from scribe_assets.sensors.upload_changes import has_other_options
from scribe_assets.settings import Settings
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import (
    options_beside,
    read_document,
    read_options,
    read_status,
    write_status,
)
from scribe_assets.tags import ASKED_TAG, ETAG_TAG, PARENT_RUN_ID_TAG, RETRY_NUMBER_TAG
from scribe_assets_tests.memory_storage import MemoryStorage
from scribe_assets_tests.people import processed, unit

KEY = "anne/a.wav"
REF = RecordingRef.from_upload_key(KEY)
DIARIZATION = ["diarization", "speaker_embeddings", "speaker_identities", "fused_result"]
TRANSCRIPT = ["transcript", "fused_result"]


def done(state: str = "succeeded", **options: Any) -> MemoryStorage:
    """A recording that has ended."""
    storage = MemoryStorage.empty()
    processed(storage, KEY, {"S0": unit(1, 0)})
    status = read_status(storage, REF)
    assert status is not None
    write_status(storage, status.model_copy(update={"state": state, "run_id": "r"}))
    if options:
        text = Options.model_validate(options).to_json()
        storage.write(storage.uploads_bucket, sidecar_key(KEY), text, "application/json")
        recording = read_document(storage, REF, Recording)
        made_with = recording.model_copy(update={"options": read_options(storage, KEY)})
        key = processed_key(REF, Recording.file_name)
        storage.write(storage.processed_bucket, key, made_with.to_json(), "application/json")
    return storage


def test_the_stages_are_made_of_what_the_assets_are_made_of() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    for stage in STAGES:
        name = stage.key.to_user_string()
        parents = graph.get(AssetKey(name)).parent_keys
        assert {key.to_user_string() for key in parents} & {*NEEDS} == {*NEEDS[name]}
    assert [stage.key.to_user_string() for stage in STAGES] == [*NEEDS]


def test_every_option_is_read_by_a_stage() -> None:
    assert READ_BY.keys() == Options.model_fields.keys()


@pytest.mark.parametrize(
    ("first", "changes", "stages"),
    [
        (None, {}, [*NEEDS]),
        ("diarization", {}, DIARIZATION),
        ("fused_result", {}, ["fused_result"]),
        (None, {"num_speakers": 3}, DIARIZATION),
        (None, {"language": "fr"}, TRANSCRIPT),
        (None, {"model": "small"}, TRANSCRIPT),
        ("transcript", {"num_speakers": 3}, [*NEEDS][1:]),
        (None, {"language": "fr", "num_speakers": 3}, [*NEEDS][1:]),
        ("converted_audio", {"language": "fr"}, [*NEEDS]),
    ],
)
def test_only_what_depends_on_it_is_made_again(
    first: str | None, changes: dict[str, Any], stages: list[str]
) -> None:
    storage = done()
    again = rerun(storage, REF, first, **changes)
    assert again.stages == stages
    # Later runs keep the options, and the sensor finds that they are known.
    kept = options_beside(storage, KEY)
    assert {name: getattr(kept, name) for name in changes} == changes
    if "converted_audio" not in stages:
        assert read_document(storage, REF, Recording).options == read_options(storage, KEY)
    status = read_status(storage, REF)
    assert status is not None
    assert (status.state, status.run_id) == ("queued", None)


def test_a_number_of_speakers_stands_for_the_bounds_and_leaves_the_rest() -> None:
    storage = done(min_speakers=4, max_speakers=5, hotwords="Zoé", job_id="7")
    rerun(storage, REF, num_speakers=3)
    assert options_beside(storage, KEY) == Options(num_speakers=3, hotwords="Zoé", job_id="7")


def test_options_that_were_changed_by_hand_count_too() -> None:
    storage = done(language="de")
    text = Options(language="fr").to_json()
    storage.write(storage.uploads_bucket, sidecar_key(KEY), text, "application/json")
    assert rerun(storage, REF, "diarization").stages == [*NEEDS][1:]


def test_what_is_missing_is_made_too() -> None:
    storage = done()
    storage.delete(storage.processed_bucket, processed_key(REF, Transcript.file_name))
    assert rerun(storage, REF, "diarization").stages == [*NEEDS][1:]
    storage = done()
    storage.delete(storage.processed_bucket, processed_key(REF, Recording.file_name))
    assert rerun(storage, REF, "diarization").stages == [*NEEDS]


def test_another_version_of_the_upload_is_made_from_the_beginning() -> None:
    storage = done()
    storage.write(storage.uploads_bucket, KEY, "newer", "audio/wav")
    again = rerun(storage, REF, "diarization")
    assert again.stages == [*NEEDS]
    assert again.waiting.source.etag == storage.head(storage.uploads_bucket, KEY).etag


def test_without_its_upload_all_but_the_conversion_is_made() -> None:
    storage = done()
    storage.delete(storage.uploads_bucket, KEY)
    assert rerun(storage, REF, num_speakers=1).stages == DIARIZATION
    give_up(storage, Again(REF, [], *two_statuses(storage)))
    with pytest.raises(MissingObjectError):
        rerun(storage, REF)


def two_statuses(storage: MemoryStorage) -> Any:
    """The status before, and the one that waits."""
    waiting = read_status(storage, REF)
    assert waiting is not None
    return waiting.model_copy(update={"state": "succeeded"}), waiting


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_is_under_way_is_left_alone(state: str) -> None:
    storage = done(state)
    before = read_status(storage, REF)
    with pytest.raises(UsageError, match=rf"anne/a\.wav is {state} already; wait for its end"):
        rerun(storage, REF, language="fr")
    assert read_status(storage, REF) == before
    assert options_beside(storage, KEY) == Options()


def test_of_two_who_ask_at_the_same_time_one_is_told_to_wait() -> None:
    storage = done()

    def ask(language: str) -> str:
        try:
            return " ".join(rerun(storage, REF, language=language).stages)
        except UsageError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:
        answers = sorted(pool.map(ask, ["fr", "de", "es", "it"]))
    refused = "anne/a.wav is queued already; wait for its end, or cancel its run in Dagster's UI"
    assert answers == [refused] * 3 + [" ".join(TRANSCRIPT)]


@pytest.mark.parametrize(
    ("first", "changes", "error", "sentence"),
    [
        ("words", {}, UsageError, "there is no stage 'words'; choose converted_audio, diarization"),
        (None, {"language": "xx-nothing"}, DocumentError, "the options is not as expected"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    first: str | None, changes: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    storage = done()
    before = read_status(storage, REF)
    with pytest.raises(error, match=sentence):
        rerun(storage, REF, first, **changes)
    assert (read_status(storage, REF), options_beside(storage, KEY)) == (before, Options())


def test_the_sensor_asks_for_no_second_run(instance: DagsterInstance) -> None:
    storage = done(language="de")
    upload = storage.head(storage.uploads_bucket, KEY)
    text = Options(language="fr").to_json()
    storage.write(storage.uploads_bucket, sidecar_key(KEY), text, "application/json")
    assert has_other_options(storage, instance, upload), "somebody has put them there"
    rerun(storage, REF, language="fr", num_speakers=2)
    assert not has_other_options(storage, instance, upload)


def test_a_run_that_was_asked_for_is_never_done_already(instance: DagsterInstance) -> None:
    asked = DagsterRun(job_name="transcribe_recording", tags={ETAG_TAG: "e", ASKED_TAG: "true"})
    assert not is_the_sensors(instance, asked)
    retried = DagsterRun(
        job_name="transcribe_recording",
        tags={**asked.tags, PARENT_RUN_ID_TAG: asked.run_id, RETRY_NUMBER_TAG: "1"},
    )
    instance.add_run(asked)
    assert not is_the_sensors(instance, retried)
    assert is_the_sensors(instance, DagsterRun(job_name="x", tags={ETAG_TAG: "e"}))


def test_without_a_run_after_all_the_status_is_what_it_was() -> None:
    storage = done()
    before = read_status(storage, REF)
    again = rerun(storage, REF)
    give_up(storage, again)
    assert read_status(storage, REF) == before
    again = rerun(storage, REF)
    started = write_status(storage, again.waiting.model_copy(update={"state": "running"}))
    give_up(storage, again)
    assert read_status(storage, REF) == started


def files(storage: MemoryStorage) -> dict[str, bytes]:
    """All that S3 holds, but for the status."""
    return {
        item.key: storage.read(bucket, item.key)
        for bucket in (storage.uploads_bucket, storage.processed_bucket)
        for item in storage.objects(bucket)
        if not item.key.endswith("status.json")
    }


@pytest.mark.parametrize("options", [{}, {"language": "de", "hotwords": "Zoé"}])
def test_without_a_run_after_all_the_options_are_what_they_were(options: dict[str, Any]) -> None:
    storage = done(**options)
    before = files(storage)
    again = rerun(storage, REF, language="fr", num_speakers=2)
    assert files(storage) != before
    give_up(storage, again)
    assert files(storage) == before


def test_options_that_somebody_else_wrote_meanwhile_stay() -> None:
    storage = done()
    again = rerun(storage, REF, language="fr")
    text = Options(language="it").to_json()
    storage.write(storage.uploads_bucket, sidecar_key(KEY), text, "application/json")
    give_up(storage, again)
    assert options_beside(storage, KEY) == Options(language="it")
    assert read_document(storage, REF, Recording).options == Options()


def test_where_no_run_can_be_prepared_the_options_are_what_they_were() -> None:
    storage = done()
    storage.delete(storage.uploads_bucket, KEY)
    before = files(storage)
    with pytest.raises(MissingObjectError):
        rerun(storage, REF, "converted_audio", language="fr")
    assert files(storage) == before


def test_only_what_failed_is_tried_again() -> None:
    with pytest.raises(UsageError, match="has not failed; 'scribe rerun'"):
        retry(done(), REF)
    assert retry(done("failed"), REF).stages == [*NEEDS]


def test_what_the_failed_run_has_made_stays() -> None:
    storage = done("failed")
    later = datetime.now(UTC) + timedelta(hours=1)
    earlier = datetime.now(UTC) - timedelta(hours=1)
    for stage in ("converted_audio", "diarization", "speaker_embeddings"):
        key = processed_key(REF, f"{'recording' if stage == 'converted_audio' else stage}.json")
        content = storage.read(storage.processed_bucket, key)
        storage.put(storage.processed_bucket, key, content, later)
    since = later - timedelta(seconds=1)
    # The run was asked for all stages, or for those that read the number of speakers.
    assert retry(storage, REF, [*NEEDS], since).stages == [*NEEDS][3:]
    storage = done("failed")
    assert retry(storage, REF, DIARIZATION[2:], since).stages == DIARIZATION[2:]
    assert retry(done("failed"), REF, DIARIZATION, earlier).stages == ["fused_result"]
