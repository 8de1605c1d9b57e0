"""The voice of each speaker as an embedding, kept so that later decisions need no audio."""

from dagster import AssetExecutionContext, Output, ResourceParam, asset

from scribe_assets.artifacts.documents import Diarization, SpeakerEmbeddings
from scribe_assets.artifacts.facts import facts
from scribe_assets.assets.stage import data_version, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.timeline import Timeline
from scribe_assets.speech.voices.samples import embed_speakers
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_versions
from scribe_assets.tags import ON_DEVICE, PRIORITY_TAG, VOICES_PRIORITY


@asset(
    partitions_def=recordings,
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={**ON_DEVICE, PRIORITY_TAG: VOICES_PRIORITY},
    group_name="recording",
    kinds={"wespeaker", "s3"},
)
def speaker_embeddings(
    context: AssetExecutionContext,
    storage: S3Storage,
    models: ResourceParam[ModelRegistry],
    converted_audio: ConvertedAudio,
    diarization: Diarization,
) -> Output[SpeakerEmbeddings]:
    """The voice of each label, from the speech during which nobody else speaks."""
    recording = converted_audio.recording
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        check_versions(recording, diarization)
        timeline = Timeline(diarization.turns, diarization.exclusive)
        with converted_audio.open_tracks() as tracks, models.embedder() as model:
            voices = [
                voice
                for track, own in zip(tracks, timeline.of_tracks(len(tracks)), strict=True)
                for voice in embed_speakers(model, track, own)
            ]
        voices.sort(key=lambda voice: voice.label)
        document = SpeakerEmbeddings.of(
            recording.recording_id, models.names["embedding"], voices, recording.source
        )
        return Output(
            document,
            data_version=data_version(document),
            metadata={
                **facts(document),
                **models.facts("embedding"),
                **running.speed(recording.duration),
            },
        )
