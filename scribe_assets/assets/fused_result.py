"""Who said what when: the result, and the forms it can be read in."""

from dagster import AssetExecutionContext, MetadataValue, Output, asset

from scribe_assets.artifacts.documents import (
    Diarization,
    Models,
    Result,
    Speaker,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.artifacts.formats import md
from scribe_assets.assets.stage import stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.speech.diarization import Timeline
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.transcription import Transcription
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage

PREVIEW_LINES = 40


@asset(
    partitions_def=recordings,
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
        segments = fuse(
            Transcription(
                transcript.language, transcript.language_probability, transcript.segments
            ),
            Timeline(diarization.turns, diarization.exclusive),
        )
        result = Result(
            recording_id=recording.recording_id,
            user_id=recording.user_id,
            job_id=recording.options.job_id,
            source=recording.source,
            duration=recording.duration,
            language=transcript.language,
            language_probability=transcript.language_probability,
            models=Models(
                diarization=diarization.model,
                embedding=speaker_identities.model,
                transcription=transcript.model,
            ),
            speakers=[
                Speaker(
                    label=identity.label,
                    person_id=identity.person_id,
                    name=identity.name,
                    score=identity.score,
                    speech_seconds=identity.speech_seconds,
                )
                for identity in speaker_identities.identities
            ],
            segments=segments,
        )
        words = [word for segment in segments for word in segment.words]
        preview = "\n".join(md.render(result).splitlines()[:PREVIEW_LINES])
        return Output(
            result,
            metadata={
                "segments": len(segments),
                "words": len(words),
                "words_in_overlap": sum(word.overlap for word in words),
                "speakers": md.facts(result),
                "preview": MetadataValue.md(preview),
                **running.speed(recording.duration),
            },
        )
