"""The definitions: what Dagster sees, and what it does not load to see it."""

import subprocess
import sys

from dagster import AssetKey

from scribe_assets.definitions import PEOPLE, STAGES, build_definitions
from scribe_assets.partitions import recordings, users
from scribe_assets.settings import Settings

HEAVY = ["torch", "pyannote", "faster_whisper", "ctranslate2", "wespeaker", "av", "scipy"]


def test_lineage_goes_from_the_sources_to_the_result() -> None:
    graph = build_definitions(Settings.load()).resolve_asset_graph()
    ancestors = graph.get_ancestor_asset_keys(AssetKey("fused_result"))
    assert {key.to_user_string() for key in ancestors} == {
        "uploads",
        "identity_bank",
        "converted_audio",
        "diarization",
        "speaker_embeddings",
        "voiceprints",
        "speaker_identities",
        "transcript",
    }


def test_every_stage_is_partitioned_by_recording() -> None:
    for stage in STAGES:
        assert stage.partitions_def == recordings


def test_people_are_partitioned_by_user() -> None:
    for asset in PEOPLE:
        assert asset.partitions_def == users


def test_loading_imports_no_model_library() -> None:
    code = (
        "import sys, scribe_assets.definitions\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_no_secret_is_part_of_a_resource() -> None:
    definitions = build_definitions(Settings.load())
    storage = (definitions.resources or {})["storage"]
    assert "key" not in " ".join(name for name, value in storage.dict().items() if value)
