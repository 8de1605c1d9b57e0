"""Who said what when: the result, and the forms it can be read in."""

from dagster import AssetExecutionContext, Output, asset

from scribe_assets.artifacts.documents import Diarization, Result, SpeakerIdentities, Transcript
from scribe_assets.assets.external import corrections as corrections_by_hand
from scribe_assets.assets.stage import data_version, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.library.combining import combine
from scribe_assets.library.naming import without_forgotten
from scribe_assets.partitions import recordings
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.metadata import result_metadata
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_versions


@asset(
    partitions_def=recordings,
    deps=[corrections_by_hand],
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"s3"},
)
def fused_result(
    context: AssetExecutionContext,
    storage: S3Storage,
    converted_audio: ConvertedAudio,
    diarization: Diarization,
    speaker_identities: SpeakerIdentities,
    transcript: Transcript,
) -> Output[Result]:
    """Every word with its speaker, and every speaker with a name where it is known."""
    recording = converted_audio.recording
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        check_versions(recording, diarization, speaker_identities, transcript)
        identities = without_forgotten(storage, running.ref.user_id, speaker_identities)
        corrections = read_corrections(storage, running.ref)
        result = combine(recording, diarization, identities, transcript, corrections)
        return Output(
            result,
            data_version=data_version(result),
            metadata={**result_metadata(result), **running.speed(recording.duration)},
        )
