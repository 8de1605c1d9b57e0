"""What people corrected outside of a run, told to Dagster: lineage holds for it as for a run."""

import hashlib

from dagster import AssetMaterialization, AssetObservation, DagsterInstance, MetadataValue

from scribe_assets.artifacts.documents import Corrections, Document, Result
from scribe_assets.artifacts.facts import facts
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DATA_VERSION_TAG


def report(instance: DagsterInstance, storage: S3Storage, ref: RecordingRef) -> None:
    """Tell an instance of the corrections of a recording, and of the result that has them.

    Args:
        instance: Dagster's.
        storage: S3.
        ref: the recording.

    Raises:
        MissingObjectError: the recording was deleted meanwhile.
    """
    corrections, result = read_corrections(storage, ref), read_document(storage, ref, Result)
    if corrections is not None:
        observe(instance, storage, ref, corrections)
    instance.report_runless_asset_event(
        AssetMaterialization(
            "fused_result",
            partition=ref.partition_key,
            description="after a correction",
            metadata=facts(result) | {"uri": _uri(storage, ref, Result.file_name)},
            tags={DATA_VERSION_TAG: _digest(result)},
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
                "uri": _uri(storage, ref, Corrections.file_name),
                "corrections": len(corrections.corrections),
            },
            tags={DATA_VERSION_TAG: _digest(corrections)},
        )
    )


def _uri(storage: S3Storage, ref: RecordingRef, name: str) -> MetadataValue:
    return MetadataValue.url(f"s3://{storage.processed_bucket}/{processed_key(ref, name)}")


def _digest(document: Document) -> str:
    return hashlib.sha256(document.to_json().encode()).hexdigest()[:32]
