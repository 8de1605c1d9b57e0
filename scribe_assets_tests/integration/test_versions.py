"""An upload that is overwritten: its artifacts are of one version, or refused with a sentence."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import build_output_context

from scribe_assets.artifacts.documents import (
    Diarization,
    Document,
    Recording,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.errors import OverwrittenError, StorageUnavailableError, VersionError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.naming import refresh_names
from scribe_assets.storage.io_managers import AudioIOManager
from scribe_assets.storage.layout import AUDIO
from scribe_assets.storage.recordings import (
    ConvertedAudio,
    read_document,
    read_status,
    to_source,
    write_document,
    write_status,
)
from scribe_assets.storage.versions import check_not_overtaken
from scribe_assets_tests.media import silence
from scribe_assets_tests.people import enrol_voices, processed, put, unit
from scribe_assets_tests.pipeline import Scribe, failure
from scribe_assets_tests.requests import failing_once

ANNE, BEN = unit(1, 0), unit(0, 1)
KEY = "anne/a.wav"
STAGES: list[type[Document]] = [Diarization, SpeakerEmbeddings, SpeakerIdentities, Transcript]


@pytest.fixture
def ref(scribe: Scribe) -> RecordingRef:
    """A recording that has been processed."""
    made = processed(scribe.storage, KEY, {"S0": ANNE})
    scribe.instance.add_dynamic_partitions("recordings", [made.partition_key])
    return made


def overwrite(scribe: Scribe, folder: Path, seconds: float = 1) -> None:
    """Another recording under the same key, and a run of it that is terminated after conversion."""
    ref = scribe.upload(silence(folder / "new.wav", seconds), KEY)
    assert scribe.run(ref, ["converted_audio"]).success
    status = read_status(scribe.storage, ref)
    assert status is not None
    write_status(
        scribe.storage, status.model_copy(update={"state": "failed", "error": "cancelled"})
    )


def by_an_older_scribe(scribe: Scribe, ref: RecordingRef) -> None:
    """The documents as they were before they named their version."""
    for kind in STAGES:
        document = read_document(scribe.storage, ref, kind)
        write_document(scribe.storage, ref, document.model_copy(update={"source": None}))
    recording = read_document(scribe.storage, ref, Recording)
    write_document(scribe.storage, ref, recording.model_copy(update={"audio_sha256": None}))


@pytest.mark.parametrize("older_scribe", [False, True])
def test_a_result_is_not_made_of_two_versions(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path, older_scribe: bool
) -> None:
    if older_scribe:
        by_an_older_scribe(scribe, ref)
    before = scribe.result(ref)
    overwrite(scribe, tmp_path)
    run = scribe.run(ref, ["fused_result"])
    assert not run.success
    says = failure(run)
    assert says.startswith(
        f"diarization, speaker_identities, transcript of recording {ref.recording_id} were made "
        f"from another version of {KEY}"
    )
    assert says.endswith(
        "materialise diarization, speaker_identities, transcript of this recording"
    )
    assert not [event for event in run.all_events if event.is_step_up_for_retry]
    assert scribe.result(ref) == before


def test_only_what_is_of_another_version_is_named(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path
) -> None:
    overwrite(scribe, tmp_path)
    source = read_document(scribe.storage, ref, Recording).source
    for kind in (Diarization, SpeakerIdentities):
        document = read_document(scribe.storage, ref, kind)
        write_document(scribe.storage, ref, document.model_copy(update={"source": source}))
    assert failure(scribe.run(ref, ["fused_result"])).startswith("transcript of recording")
    assert failure(scribe.run(ref, ["speaker_identities"])).startswith("speaker_embeddings of")


@pytest.mark.parametrize("days", [0, 3])
def test_the_older_version_can_still_be_fused_and_says_so(
    scribe: Scribe, ref: RecordingRef, days: int
) -> None:
    """All inputs are of one version; the newest one has failed. Some clients keep old file times,
    so that it may look like the older one."""
    old = scribe.result(ref).source
    at = datetime.now(UTC) - timedelta(days=days)
    newest = to_source(put(scribe.storage, KEY, "another recording", at))
    status = read_status(scribe.storage, ref)
    assert status is not None
    failed = status.model_copy(update={"state": "failed", "error": "not media", "source": newest})
    failed = write_status(scribe.storage, failed)
    assert scribe.run(ref, ["fused_result"]).success
    assert scribe.result(ref).source == old
    assert read_status(scribe.storage, ref) == failed


def test_what_an_older_scribe_made_is_used(scribe: Scribe, ref: RecordingRef) -> None:
    by_an_older_scribe(scribe, ref)
    assert scribe.run(ref, ["speaker_identities", "fused_result"]).success
    enrol_voices(scribe.storage, "anne", {"anne": ANNE})
    list(refresh_names(scribe.storage, "anne", None))
    assert [speaker.name for speaker in scribe.result(ref).speakers] == ["anne"]


def test_names_are_refreshed_while_a_newer_version_is_processed(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path
) -> None:
    """The result, its words and its voices are still those of the older version, all of them."""
    old = scribe.result(ref).source
    overwrite(scribe, tmp_path)
    enrol_voices(scribe.storage, "anne", {"anne": ANNE})
    list(refresh_names(scribe.storage, "anne", None))
    result = scribe.result(ref)
    assert ([speaker.name for speaker in result.speakers], result.source) == (["anne"], old)


@pytest.mark.parametrize("kind", [Diarization, SpeakerEmbeddings, Transcript])
def test_a_refresh_of_names_does_not_combine_versions(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path, kind: type[Document]
) -> None:
    before = scribe.result(ref)
    overwrite(scribe, tmp_path)
    source = read_document(scribe.storage, ref, Recording).source
    document = read_document(scribe.storage, ref, kind)
    write_document(scribe.storage, ref, document.model_copy(update={"source": source}))
    enrol_voices(scribe.storage, "anne", {"anne": ANNE})
    list(refresh_names(scribe.storage, "anne", None))
    assert scribe.result(ref) == before


@pytest.mark.parametrize("older_scribe", [False, True])
def test_audio_of_another_version_is_found_out(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path, older_scribe: bool
) -> None:
    """The run that converts ends between writing the audio and writing what it is."""
    if older_scribe:
        by_an_older_scribe(scribe, ref)
    recording = read_document(scribe.storage, ref, Recording)
    (tmp_path / AUDIO).write_bytes(b"of another version")
    context = build_output_context(partition_key=ref.partition_key)
    converted = ConvertedAudio(recording, folder=tmp_path)
    with (
        failing_once(scribe.storage, "PutObject", "/recording.json"),
        pytest.raises(StorageUnavailableError),
    ):
        AudioIOManager(storage=scribe.storage).handle_output(context, converted)
    run = scribe.run(ref, ["transcript"])
    says = "recording.json does not exist" if older_scribe else "audio.flac of recording"
    assert says in failure(run)
    assert "materialise converted_audio of this recording" in failure(run)


def test_an_upload_that_is_replaced_while_it_is_converted_is_converted_anew(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path
) -> None:
    recording = read_document(scribe.storage, ref, Recording)
    (tmp_path / AUDIO).write_bytes(b"of the older version")
    put(scribe.storage, KEY, "another recording", datetime.now(UTC))
    context = build_output_context(partition_key=ref.partition_key)
    with pytest.raises(OverwrittenError, match=f"{KEY} was uploaded again"):
        AudioIOManager(storage=scribe.storage).handle_output(
            context, ConvertedAudio(recording, folder=tmp_path)
        )
    assert read_document(scribe.storage, ref, Recording) == recording
    scribe.storage.delete(scribe.storage.uploads_bucket, KEY)
    context = build_output_context(partition_key=ref.partition_key)
    AudioIOManager(storage=scribe.storage).handle_output(
        context, ConvertedAudio(recording, folder=tmp_path)
    )


def test_an_overtaken_stage_replaces_nothing(
    scribe: Scribe, ref: RecordingRef, tmp_path: Path
) -> None:
    old = read_document(scribe.storage, ref, Transcript)
    overwrite(scribe, tmp_path)
    with pytest.raises(VersionError, match=f"another version of {KEY} was converted while transc"):
        check_not_overtaken(scribe.storage, ref, old)
