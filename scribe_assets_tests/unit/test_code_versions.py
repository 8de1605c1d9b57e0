"""The versions by which Dagster tells what is stale."""

import os
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey

from scribe_assets.artifacts.content import content_version
from scribe_assets.artifacts.documents import SpeakerIdentities
from scribe_assets.definitions import build_definitions
from scribe_assets.library.code_versions import INPUTS, code_versions, found_version, split
from scribe_assets.settings import Settings
from scribe_assets.speech.voices.voice import Identity

NOW = code_versions(Settings())


def changed(**settings: Any) -> set[str]:
    """The assets whose version is another one with some settings."""
    then = code_versions(Settings(**settings))
    return {asset for asset, version in then.items() if version != NOW[asset]}


@pytest.mark.parametrize(
    ("settings", "assets"),
    [
        ({"whisper_model": "small"}, {"transcript", "fused_result"}),
        ({"languages": ("fr", "en")}, {"transcript", "fused_result"}),
        (
            {"diarization_model": "pyannote/speaker-diarization-community-1"},
            {"diarization", "speaker_embeddings", "speaker_identities", "fused_result"},
        ),
        (
            {"embedding_model": "Wespeaker/wespeaker-voxceleb-resnet293-LM"},
            {
                *("speaker_embeddings", "speaker_identities", "fused_result"),
                *("voiceprints", "reidentification"),
            },
        ),
        (
            {"identity_threshold": 0.7},
            {"speaker_identities", "fused_result", "reidentification"},
        ),
        ({"tracks": "each"}, {*INPUTS} - {"voiceprints", "reidentification"}),
        # What changes where and how fast something is made, and not what.
        ({"device": "cuda:1", "vram_budget_gb": 2, "max_hours": 1, "ui_port": 3001}, set()),
        # Said, and as it would be without.
        ({"identity_threshold": 0.58, "whisper_model": "base"}, set()),
    ],
)
def test_a_setting_changes_what_depends_on_it(settings: dict[str, Any], assets: set[str]) -> None:
    assert changed(**settings) == assets


def test_dagster_knows_the_versions_and_what_they_are_made_of() -> None:
    graph = build_definitions(Settings()).resolve_asset_graph()
    for asset, inputs in INPUTS.items():
        node = graph.get(AssetKey(asset))
        assert node.code_version == NOW[asset]
        parents = {key.to_user_string() for key in node.parent_keys}
        if asset == "speaker_identities":
            parents -= {"voiceprints"}  # no partition of it; see the asset
        assert parents == set(inputs)
    assert set(NOW) == set(INPUTS)


def test_a_folder_is_known_by_its_weights_wherever_it_lies(tmp_path: Path) -> None:
    weights = os.urandom(200_000)

    def version(name: str, content: bytes) -> str:
        folder = tmp_path / name
        (folder / "deeper").mkdir(parents=True)
        (folder / "model.bin").write_bytes(content)
        (folder / "deeper" / "config.json").write_text("{}")
        (folder / ".cache").write_text(name)
        return code_versions(Settings(whisper_model=str(folder)))["transcript"]

    first = version("a", weights)
    assert first == version("moved", weights)
    trained = weights[:-8] + bytes(8)
    assert first != version("trained", trained)


def test_what_was_found_is_of_now_only_where_its_models_are() -> None:
    inputs = [NOW["converted_audio"]]
    assert found_version("transcript", NOW, inputs, []) == NOW["transcript"]
    other = found_version("transcript", NOW, inputs, ["transcript"])
    assert split(other) == {**split(NOW["transcript"]), "transcript": "?"}
    assert found_version("transcript", NOW, [""], []) != NOW["transcript"]


def test_another_runner_up_is_no_other_content_for_the_result() -> None:
    def identities(**told: Any) -> SpeakerIdentities:
        one = {
            "label": "SPEAKER_00",
            "person_id": None,
            "name": None,
            "score": 0.2,
            "runner_up": None,
            "runner_up_score": None,
            "speech_seconds": 3.0,
            "decision": "unknown",
            "reason": "nobody is similar",
            **told,
        }
        return SpeakerIdentities(
            recording_id="a", model="m", threshold=0.5, enrolled=[], identities=[Identity(**one)]
        )

    before = content_version(identities())
    assert content_version(identities(runner_up="ben", runner_up_score=0.1)) == before
    assert content_version(identities(person_id="anne", name="Anne")) != before
