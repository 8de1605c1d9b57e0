"""Who the speakers are, by the identity bank."""

from typing import Any

from dagster import (
    AssetDep,
    AssetExecutionContext,
    MetadataValue,
    Output,
    ResourceParam,
    SpecificPartitionsPartitionMapping,
    asset,
)

from scribe_assets.artifacts import pictures
from scribe_assets.artifacts.documents import SpeakerEmbeddings, SpeakerIdentities, Voiceprints
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.identification import Identification
from scribe_assets.assets.people.voiceprints import voiceprints
from scribe_assets.assets.stage import data_version, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.library.bank_problems import bank_problems
from scribe_assets.library.naming import decide
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.partitions import recordings
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_versions
from scribe_assets.tags import PRIORITY_TAG, VOICES_PRIORITY


@asset(
    partitions_def=recordings,
    # Dagster has no mapping from a recording to its user, so none is named: with all of them, a
    # change of anybody's bank would make everybody's recordings stale. The stage reads that user's
    # alone, and `reidentification` sees to the names when that bank changes.
    deps=[AssetDep(voiceprints, partition_mapping=SpecificPartitionsPartitionMapping([]))],
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={PRIORITY_TAG: VOICES_PRIORITY},
    group_name="recording",
    kinds={"s3"},
)
def speaker_identities(
    context: AssetExecutionContext,
    storage: S3Storage,
    models: ResourceParam[ModelRegistry],
    identification: Identification,
    converted_audio: ConvertedAudio,
    speaker_embeddings: SpeakerEmbeddings,
) -> Output[SpeakerIdentities]:
    """For each label the person, or why there is none."""
    recording = converted_audio.recording
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        check_versions(recording, speaker_embeddings)
        # Somebody may have been enrolled a moment ago, and the sensor has not seen it yet.
        enrolled: Voiceprints | None = None
        if speaker_embeddings.speakers:
            enrolled, _ = refresh_voiceprints(
                storage, running.ref.user_id, models.names["embedding"], models.embedder_on_cpu
            )
            for problem in bank_problems(enrolled):
                context.log.warning(problem)
        document = decide(speaker_embeddings, enrolled, identification.threshold)
        return Output(
            document,
            data_version=data_version(document),
            metadata={
                **identities_metadata(document),
                **running.speed(recording.duration),
            },
        )


def identities_metadata(document: SpeakerIdentities) -> dict[str, Any]:
    """What is told of the identities, whoever wrote them."""
    rows = "".join(
        "| " + " | ".join(escape(one_line(cell or "")) for cell in cells) + " |\n"
        for i in document.identities
        for cells in [(i.label, i.person_id, i.name, i.reason)]
    )
    table = f"| label | person | name | why |\n|---|---|---|---|\n{rows}"
    return {
        **facts(document),
        "similarity": MetadataValue.md(pictures.scores(document)),
        "preview": MetadataValue.md(table),
    }
