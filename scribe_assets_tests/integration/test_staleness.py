"""What Dagster shows as stale: what depends on what has changed, and nothing else."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dagster import AssetKey, DagsterInstance
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster_graphql.test.utils import define_out_of_process_context, execute_dagster_graphql

from scribe_assets.artifacts.documents import SpeakerEmbeddings
from scribe_assets.definitions import build_definitions
from scribe_assets.instance.config import open_instance
from scribe_assets.instance.rebuild import Versions, rebuild
from scribe_assets.keys import RecordingRef
from scribe_assets.library.inventory import STAGES
from scribe_assets.library.status import Ending
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.storage.recordings import read_document
from scribe_assets_tests.people import enrol_voices
from scribe_assets_tests.pipeline import Scribe, end

QUERY = """query($asset: AssetKeyInput!, $partition: String) { assetNodeOrError(assetKey: $asset) {
    ... on AssetNode { staleStatus(partition: $partition) staleCauses(partition: $partition) {
        category reason } } } }"""

Stale = dict[str, list[str]]
"""Asset to the reasons why it is not fresh."""


def stale(instance: DagsterInstance, *refs: RecordingRef) -> list[Stale]:
    """What is not fresh of each recording, by the definitions of the settings of now."""
    graph = build_definitions(Settings.load()).resolve_asset_graph()
    told = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    found: list[Stale] = []
    for ref in refs:
        found.append({})
        for asset in STAGES:
            place = AssetKey(asset), ref.partition_key
            if told.get_status(*place) != StaleStatus.FRESH:
                found[-1][asset] = [cause.reason for cause in told.get_stale_causes(*place)]
    return found


def stale_in_the_ui(instance: DagsterInstance, location: Path, ref: RecordingRef) -> Stale:
    """The same as Dagster's UI asks for it, with the definitions in a process of their own."""
    found: Stale = {}
    location.write_text("from scribe_assets.definitions import defs\n")
    with define_out_of_process_context(str(location), None, instance) as context:
        for asset in STAGES:
            variables = {"asset": {"path": [asset]}, "partition": ref.partition_key}
            answer = execute_dagster_graphql(context, QUERY, variables)
            node = answer.data["assetNodeOrError"]
            if node["staleStatus"] != "FRESH":
                found[asset] = [cause["reason"] for cause in node["staleCauses"]]
    return found


@pytest.fixture
def done(scribe: Scribe, sample_recording: Path, tmp_path: Path) -> Iterator[RecordingRef]:
    """A recording that was processed, in an instance that other processes can open."""
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, decode(sample_recording)[: 15 * media.SAMPLE_RATE], media.SAMPLE_RATE)
    with instance_in(tmp_path / "first") as scribe.instance:
        ref = scribe.upload(clip, "anne/a.wav")
        assert scribe.run(ref).success
        yield ref


def instance_in(home: Path) -> AbstractContextManager[DagsterInstance]:
    return open_instance(Settings.load().model_copy(update={"home": home}))


OF_WHISPER = {name: ["has a new code version"] for name in ("transcript", "fused_result")}
"""Exactly what depends on the Whisper model, after that has changed."""


@pytest.mark.models
def test_exactly_what_depends_on_a_change_is_stale(
    scribe: Scribe, done: RecordingRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = tmp_path / "location.py"
    never = scribe.upload(tmp_path / "clip.wav", "anne/b.wav")
    fresh, missing = stale(scribe.instance, done, never)
    assert fresh == stale_in_the_ui(scribe.instance, location, done) == {}
    assert missing == {asset: [] for asset in STAGES}

    monkeypatch.setenv("SCRIBE_EMBEDDING_MODEL", "another")
    (changed,) = stale(scribe.instance, done)
    assert set(changed) == {"speaker_embeddings", "speaker_identities", "fused_result"}
    monkeypatch.delenv("SCRIBE_EMBEDDING_MODEL")

    # The same words again make nothing stale that was made of them.
    assert scribe.run(done, ["transcript"]).success
    assert stale(scribe.instance, done) == [{}]

    end(scribe, done, Ending.SUCCEEDED)
    with instance_in(tmp_path / "second") as instance:
        rebuild(instance, scribe.storage, Versions.of(Settings.load()), lambda _: None)
        assert stale(instance, done) == [{}]
        monkeypatch.setenv("SCRIBE_WHISPER_MODEL", "another")
        assert stale(instance, done) == [OF_WHISPER]
    assert stale(scribe.instance, done, never) == [OF_WHISPER, missing]
    assert stale_in_the_ui(scribe.instance, location, done) == OF_WHISPER
    with instance_in(tmp_path / "third") as instance:
        rebuild(instance, scribe.storage, Versions.of(Settings.load()), lambda _: None)
        assert stale(instance, done) == [OF_WHISPER], "its model is not the one of now"


@pytest.mark.models
def test_new_names_make_nothing_stale_and_nothing_fresh(
    scribe: Scribe, done: RecordingRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice, _ = read_document(scribe.storage, done, SpeakerEmbeddings).voices()
    assert voice.embedding is not None
    # A stranger first, who changes no name; then a person who is heard; both are told of.
    for enrolled in (
        {"zoe": np.ones_like(voice.embedding) / np.sqrt(len(voice.embedding))},
        {"emil": voice.embedding},
    ):
        enrol_voices(scribe.storage, "anne", enrolled)
        run = scribe.refresh_people("anne")
        assert run.success
        assert stale(scribe.instance, done) == [{}]
        told = run.asset_materializations_for_node("reidentification")
        assert "speaker_identities" in {made.asset_key.to_user_string() for made in told}
    assert scribe.result(done).speakers[0].person_id == "emil"

    # Somebody else's bank is not this recording's.
    enrol_voices(scribe.storage, "ben", {"emil": voice.embedding})
    assert scribe.refresh_people("ben").success
    assert stale(scribe.instance, done) == [{}]

    monkeypatch.setenv("SCRIBE_WHISPER_MODEL", "another")
    enrol_voices(scribe.storage, "anne", {"frida": voice.embedding})
    assert scribe.refresh_people("anne").success
    assert scribe.result(done).speakers[0].person_id == "frida"
    assert stale(scribe.instance, done) == [OF_WHISPER], "the names were written by new code"
