"""The definitions: what Dagster sees, and what it does not load to see it."""

import subprocess
import sys

from dagster import AssetKey, AssetsDefinition
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from pydantic import SecretStr

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
        "corrections",
    }


def test_every_stage_is_partitioned_by_recording() -> None:
    for stage in STAGES:
        assert stage.partitions_def == recordings


def test_people_are_partitioned_by_user() -> None:
    for asset in PEOPLE:
        assert asset.partitions_def == users


def test_no_passing_fault_fails_a_run_at_once() -> None:
    """A check is a step as well: where S3 or the database is away for a moment, the recording has
    not failed."""
    definitions = build_definitions(Settings.load())
    steps = [
        definition.op
        for definition in [*(definitions.assets or ()), *(definitions.asset_checks or ())]
        if isinstance(definition, AssetsDefinition) and definition.is_executable
    ]
    assert len(steps) > len(STAGES)
    assert [step.name for step in steps if step.retry_policy is None] == []


def test_loading_imports_no_model_library() -> None:
    code = (
        "import sys, scribe_assets.definitions\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_no_secret_is_part_of_what_dagster_keeps_and_shows() -> None:
    settings = Settings(
        minio_endpoint="minio:9000",
        minio_access_key="hush-access",
        minio_secret_key=SecretStr("hush-secret"),
        hf_token=SecretStr("hush-token"),
    )
    definitions = build_definitions(settings)
    storage = (definitions.resources or {})["storage"]
    assert "hush" not in repr(storage)
    assert "hush" not in str(storage.dict())
    shown = RepositorySnap.from_def(definitions.get_repository_def())
    assert "minio:9000" in serialize_value(shown)
    assert "hush" not in serialize_value(shown)
