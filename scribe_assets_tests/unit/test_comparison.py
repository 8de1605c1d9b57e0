"""The result before is kept, and what has changed since is told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scribe_assets.artifacts.documents import Result, Speaker
from scribe_assets.errors import DocumentError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.again import NEEDS
from scribe_assets.library.comparison import Change, Renamed, compare, compare_with_previous
from scribe_assets.library.naming import refresh_names
from scribe_assets.storage.layout import PREVIOUS_RESULT, person_prefix, processed_key
from scribe_assets.storage.previous import read_previous
from scribe_assets.storage.recordings import read_document, write_document
from scribe_assets_tests.memory_storage import MemoryStorage
from scribe_assets_tests.people import enrol_voices, processed, unit
from scribe_assets_tests.stages import Stages
from scribe_assets_tests.unit.results import RESULT, segment

KEY = "anne/a.wav"
REF = RecordingRef.from_upload_key(KEY)


def saying(*words: str, speaker: str | None = "SPEAKER_01") -> Result:
    return RESULT.model_copy(update={"segments": [segment(60, speaker, *words)] if words else []})


def test_the_same_words_are_no_change_however_they_are_written() -> None:
    found = compare(saying("C'est", "l'été", "!"), saying("c’est", "L'ÉTÉ."))
    assert (found.distance, found.changes, found.renamed) == (0, [], [])
    assert (found.before, found.now) == (2, 2)


def test_words_that_changed_are_told_with_their_time() -> None:
    found = compare(
        saying("the", "bug", "jet", "is", "small"), saying("the", "budget", "is", "very", "small")
    )
    assert (found.replaced, found.added, found.removed) == (1, 1, 1)
    assert found.distance == 3 / 5
    assert found.changes == [Change(60.5, "bug jet", "budget"), Change(61.5, "", "very")]


def test_without_words_before_all_words_are_new() -> None:
    found = compare(saying(), saying("two", "words"))
    assert (found.before, found.added, found.distance) == (0, 2, 2)
    assert compare(saying(), saying()).distance == 0


def test_words_of_another_speaker_are_told_by_name() -> None:
    before = saying("one", "two", "three")
    found = compare(before, saying("one", "two", "three", speaker="SPEAKER_00"))
    assert found.distance == 0
    assert found.renamed == [Renamed(3, "Speaker 2", "Anne B.", 60)]


def test_other_models_and_another_upload_are_told() -> None:
    models = RESULT.models.model_copy(update={"transcription": "small"})
    source = RESULT.source.model_copy(update={"etag": "other"})
    found = compare(RESULT, RESULT.model_copy(update={"models": models, "source": source}))
    assert found.models == {"transcription": ("t", "small")}
    assert found.is_of_other_upload


def run(storage: MemoryStorage, folder: Path, said: str) -> None:
    """Upload something, and run all stages."""
    storage.put(storage.uploads_bucket, KEY, said.encode(), datetime.now(UTC))
    stages = Stages(storage, REF, folder)
    folder.mkdir()
    for name in NEEDS:
        stages.write(name, stages.make(said, name))


def test_a_run_keeps_the_result_before(tmp_path: Path) -> None:
    storage = MemoryStorage.empty()
    run(storage, tmp_path / "1", "one")
    with pytest.raises(UsageError, match="has no result before its last one"):
        compare_with_previous(storage, REF)
    first = read_document(storage, REF, Result)
    run(storage, tmp_path / "2", "two")
    assert read_previous(storage, REF) == first
    found = compare_with_previous(storage, REF)
    assert found.changes == [Change(0, "one", "two")]
    # A step that is tried again writes the same once more.
    stages = Stages(storage, REF, tmp_path / "2")
    stages.write("fused_result", stages.make("two", "fused_result"))
    assert read_previous(storage, REF) == first


def test_who_is_forgotten_is_named_in_no_result_before() -> None:
    storage = MemoryStorage.empty()
    enrolled = enrol_voices(storage, "anne", {"zoe": unit(1, 0), "ben": unit(0, 1)})
    ref = processed(storage, KEY, {"S0": unit(1, 0)}, enrolled)
    result = read_document(storage, ref, Result)
    speakers = [
        Speaker(label=person, person_id=person, name=person, score=1, speech_seconds=1)
        for person in ("zoe", "ben")
    ]
    before = result.model_copy(update={"speakers": speakers})
    key = processed_key(ref, PREVIOUS_RESULT)
    storage.write(storage.processed_bucket, key, before.to_json(), "application/json")
    for item in list(storage.objects(storage.identity_bucket, person_prefix("anne", "zoe"))):
        storage.delete(item.bucket, item.key)
    list(refresh_names(storage, "anne", None))
    names = [speaker.name for speaker in read_previous(storage, ref).speakers]
    assert names == [None, "ben"]


def test_a_damaged_result_before_is_removed_when_somebody_is_forgotten() -> None:
    storage = MemoryStorage.empty()
    ref = processed(storage, KEY, {"S0": unit(1, 0)})
    key = processed_key(ref, PREVIOUS_RESULT)
    storage.write(storage.processed_bucket, key, '{"name": "zoe"', "application/json")
    with pytest.raises(DocumentError):
        compare_with_previous(storage, ref)
    list(refresh_names(storage, "anne", None))
    with pytest.raises(MissingObjectError):
        read_previous(storage, ref)


def test_a_result_before_is_no_recording_of_its_own() -> None:
    storage = MemoryStorage.empty()
    ref = processed(storage, KEY, {"S0": unit(1, 0)})
    before = read_document(storage, ref, Result)
    key = processed_key(ref, PREVIOUS_RESULT)
    storage.write(storage.processed_bucket, key, before.to_json(), "application/json")
    write_document(storage, ref, before)
    assert [item.ref for item in refresh_names(storage, "anne", None)] == [ref]
