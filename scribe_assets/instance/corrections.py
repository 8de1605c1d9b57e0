"""What people corrected outside of a run, told to Dagster: lineage holds for it as for a run."""

from dagster import AssetMaterialization, AssetObservation, DagsterInstance

from scribe_assets.artifacts.content import content_version
from scribe_assets.artifacts.documents import Corrections, Result
from scribe_assets.keys import RecordingRef
from scribe_assets.library.code_versions import INPUTS, CodeVersions, made_from
from scribe_assets.provenance import Made, provenance_tags
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.metadata import places, result_metadata
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DATA_VERSION_TAG


def report(
    instance: DagsterInstance, storage: S3Storage, ref: RecordingRef, versions: CodeVersions
) -> None:
    """Tell an instance of the corrections of a recording, and of the result that has them.

    Args:
        instance: Dagster's.
        storage: S3.
        ref: the recording.
        versions: the code versions of the installation.

    Raises:
        MissingObjectError: the recording was deleted meanwhile.
    """
    corrections, result = read_corrections(storage, ref), read_document(storage, ref, Result)
    if corrections is not None:
        observe(instance, storage, ref, corrections)
    name = "fused_result"
    inputs = [Made.newest(instance, one, ref.partition_key) for one in INPUTS[name]]
    version = made_from(name, versions[name], [made.code_version for made in inputs])
    instance.report_runless_asset_event(
        AssetMaterialization(
            name,
            partition=ref.partition_key,
            description="after a correction",
            metadata={**result_metadata(result), **places(storage, ref, Result.file_name)},
            tags=provenance_tags(content_version(result), version, inputs),
        )
    )


def observe(
    instance: DagsterInstance, storage: S3Storage, ref: RecordingRef, corrections: Corrections
) -> None:
    """Tell an instance of the corrections of a recording alone."""
    instance.report_runless_asset_event(
        AssetObservation(
            "corrections",
            partition=ref.partition_key,
            metadata={
                **places(storage, ref, Corrections.file_name),
                "corrections": len(corrections.corrections),
            },
            tags={DATA_VERSION_TAG: content_version(corrections)},
        )
    )
