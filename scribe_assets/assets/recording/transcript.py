"""What is said, without speakers."""

from dagster import AssetExecutionContext, MetadataValue, Output, ResourceParam, asset

from scribe_assets.artifacts import pictures
from scribe_assets.artifacts.documents import Transcript
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.stage import data_version, stage
from scribe_assets.assets.vocabulary_rules import VocabularyRules
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.library.combining import language_by_hand
from scribe_assets.library.vocabulary import hot_words
from scribe_assets.partitions import recordings
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.tracks.merging import merge_transcriptions
from scribe_assets.speech.transcription.languages import ExpectedLanguages
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.words import join_texts
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import ON_DEVICE, PRIORITY_TAG, TRANSCRIPTION_PRIORITY

PREVIEW_CHARACTERS = 500


@asset(
    partitions_def=recordings,
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={**ON_DEVICE, PRIORITY_TAG: TRANSCRIPTION_PRIORITY},
    group_name="recording",
    kinds={"whisper", "s3"},
)
def transcript(
    context: AssetExecutionContext,
    storage: S3Storage,
    models: ResourceParam[ModelRegistry],
    expected_languages: ResourceParam[ExpectedLanguages],
    vocabulary: VocabularyRules,
    converted_audio: ConvertedAudio,
) -> Output[Transcript]:
    """Language, segments, and words with times and probabilities."""
    recording = converted_audio.recording
    languages = recording.options.languages
    whisper = recording.options.model
    expected = expected_languages if languages is None else ExpectedLanguages(languages)
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        by_hand = language_by_hand(read_corrections(storage, running.ref), recording)
        hotwords = hot_words(
            storage, running.ref.user_id, recording.options.hotwords, vocabulary.most
        )
        with converted_audio.open_tracks() as tracks, models.transcriber(whisper) as model:
            said = merge_transcriptions(
                [
                    transcribe(
                        model,
                        track,
                        language=by_hand or recording.options.language,
                        hotwords=hotwords,
                        progress=progress,
                        expected=expected,
                    )
                    for track, progress in zip(tracks, running.parts(len(tracks)), strict=True)
                ]
            )
        text = join_texts((segment.text, segment.language) for segment in said.segments)
        document = Transcript(
            recording_id=recording.recording_id,
            source=recording.source,
            model=models.transcriber_name(whisper),
            language=said.language,
            language_probability=said.language_probability,
            segments=said.segments,
            unheard=said.unheard,
            language_heard=said.language_heard,
        )
        return Output(
            document,
            data_version=data_version(document),
            metadata={
                **facts(document),
                **{f"removed_{reason}": count for reason, count in said.removed.items() if count},
                **models.facts("transcription"),
                "model": document.model,
                "word_probability": MetadataValue.md(
                    pictures.of_words(document, recording.duration)
                ),
                "preview": MetadataValue.md(escape(text[:PREVIEW_CHARACTERS]) or "*No speech.*"),
                **running.speed(recording.duration),
            },
        )
