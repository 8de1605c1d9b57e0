"""All that Dagster sees, put together from its parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetsDefinition, Definitions, define_asset_job

from scribe_assets.assets.external import corrections, identity_bank, uploads
from scribe_assets.assets.identification import Identification
from scribe_assets.assets.media_rules import MediaRules
from scribe_assets.assets.people.reidentification import reidentification
from scribe_assets.assets.people.voiceprints import voiceprints
from scribe_assets.assets.recording.converted_audio import converted_audio
from scribe_assets.assets.recording.diarization import diarization
from scribe_assets.assets.recording.fused_result import fused_result
from scribe_assets.assets.recording.speaker_embeddings import speaker_embeddings
from scribe_assets.assets.recording.speaker_identities import speaker_identities
from scribe_assets.assets.recording.transcript import transcript
from scribe_assets.assets.vocabulary_rules import VocabularyRules
from scribe_assets.checks import CHECKS
from scribe_assets.launcher import device_executor
from scribe_assets.launcher.lease import Lease
from scribe_assets.library.code_versions import code_versions
from scribe_assets.partitions import recordings, users
from scribe_assets.sensors.identity_bank import identity_bank_sensor
from scribe_assets.sensors.run_outcome import run_outcome_sensor
from scribe_assets.sensors.uploads import uploads_sensor
from scribe_assets.settings import Settings
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.transcription.languages import ExpectedLanguages
from scribe_assets.storage.io_managers import AudioIOManager, DocumentIOManager
from scribe_assets.storage.s3 import S3Storage

STAGES = [
    converted_audio,
    diarization,
    speaker_embeddings,
    speaker_identities,
    transcript,
    fused_result,
]
PEOPLE = [voiceprints, reidentification]


def build_definitions(
    settings: Settings, stages: Sequence[AssetsDefinition] = STAGES, **resources: Any
) -> Definitions:
    """Everything that Dagster sees of an installation.

    What the assets, the sensors and the resources need to know of the settings is passed on here.

    Args:
        settings: of the installation.
        stages: the assets of a recording; the run of an upload materialises all of them.
        resources: by name, instead of those that are made here.
    """
    storage = S3Storage.from_settings(settings)
    versions = code_versions(settings)
    job = define_asset_job(
        "transcribe_recording",
        selection=list(stages),
        partitions_def=recordings,
        description="All stages of one recording, from the upload to the result.",
    )
    refresh = define_asset_job(
        "refresh_people",
        selection=PEOPLE,
        partitions_def=users,
        description="A user's voiceprints, and the names in all of the user's recordings.",
    )
    return Definitions(
        assets=[
            uploads,
            identity_bank,
            corrections,
            *(with_version(made, versions) for made in (*PEOPLE, *stages)),
        ],
        asset_checks=CHECKS,
        jobs=[job, refresh],
        sensors=[uploads_sensor(job), identity_bank_sensor(refresh), run_outcome_sensor],
        resources={
            "storage": storage,
            "models": build_models(settings),
            "expected_languages": ExpectedLanguages(settings.languages),
            "vocabulary": VocabularyRules(most=settings.vocabulary),
            "media_rules": MediaRules.from_settings(settings),
            "code_versions": versions,
            "identification": Identification.from_settings(settings),
            "audio_io_manager": AudioIOManager(storage=storage),
            "document_io_manager": DocumentIOManager(storage=storage),
            **resources,
        },
        # The stages of a recording, one after the other; those on a device in its warm worker.
        executor=device_executor,
    )


def with_version(made: AssetsDefinition, versions: Mapping[str, str]) -> AssetsDefinition:
    """The same asset, with the version of its code by which Dagster tells what is stale."""
    return made.map_asset_specs(
        lambda spec: spec.replace_attributes(
            code_version=versions.get(spec.key.to_user_string(), spec.code_version)
        )
    )


def build_models(settings: Settings) -> ModelRegistry:
    """The models of an installation; none is loaded before it is needed."""
    return ModelRegistry(
        cache=settings.home / "cache" / "models",
        whisper=settings.whisper_model,
        diarization=settings.diarization_model,
        embedding=settings.embedding_model,
        device=settings.device,
        hf_token=settings.hf_token.get_secret_value() or None,
        budget_gb=settings.vram_budget_gb,
        lease=lambda device: Lease(settings.home, device).using(),
    )


defs = build_definitions(Settings.load())
