"""Who speaks when: labels, not yet names."""

from dagster import AssetExecutionContext, MetadataValue, Output, ResourceParam, asset

from scribe_assets.artifacts import pictures
from scribe_assets.artifacts.documents import Diarization, Options
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.assets.stage import data_version, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.timeline import Span, Turn
from scribe_assets.speech.tracks.merging import merge_timelines
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DIARIZATION_PRIORITY, ON_DEVICE, PRIORITY_TAG


@asset(
    partitions_def=recordings,
    io_manager_key="document_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={**ON_DEVICE, PRIORITY_TAG: DIARIZATION_PRIORITY},
    group_name="recording",
    kinds={"pyannote", "s3"},
)
def diarization(
    context: AssetExecutionContext,
    storage: S3Storage,
    models: ResourceParam[ModelRegistry],
    converted_audio: ConvertedAudio,
) -> Output[Diarization]:
    """Turns of every speaker with overlap, and the exclusive timeline."""
    recording = converted_audio.recording
    with stage(context, storage, recording.source, recording.options.job_id) as running:
        with converted_audio.open_tracks() as tracks, models.diarizer() as pipeline:
            counts = speaker_counts(recording.options, len(tracks))
            timeline = merge_timelines(
                [
                    diarize(pipeline, track, *counts, progress=progress)
                    for track, progress in zip(tracks, running.parts(len(tracks)), strict=True)
                ]
            )
        document = Diarization(
            recording_id=recording.recording_id,
            source=recording.source,
            model=models.names["diarization"],
            duration=recording.duration,
            turns=timeline.turns,
            exclusive=timeline.exclusive,
            speakers_between=timeline.number,
        )
        rows = "".join(
            f"| {label} | {clock(sum(turn.duration for turn in turns))} | {len(turns)} |\n"
            for label, turns in by_speaker(document.turns).items()
        )
        return Output(
            document,
            data_version=data_version(document),
            metadata={
                **facts(document),
                **models.facts("diarization"),
                "waveform": MetadataValue.md(pictures.of_sound(recording, document.turns)),
                "timeline": MetadataValue.md(
                    pictures.timeline(by_speaker(document.turns), document.duration)
                ),
                "preview": MetadataValue.md(f"| speaker | speaks | turns |\n|---|---|---|\n{rows}"),
                **running.speed(recording.duration),
            },
        )


def by_speaker(turns: list[Turn]) -> dict[str, list[Span[float]]]:
    """The turns of each speaker, by label, in order."""
    labels = sorted({turn.speaker for turn in turns})
    return {label: [turn for turn in turns if turn.speaker == label] for label in labels}


def speaker_counts(options: Options, tracks: int) -> tuple[int | None, int | None, int | None]:
    """How many speakers a track has, at least and at most, by what the options say of all.

    In each track somebody speaks, or it would not have been taken; so with several tracks only the
    largest number is known of each.
    """
    exact, low, high = options.num_speakers, options.min_speakers, options.max_speakers
    if tracks == 1:
        return exact, low, high
    most = exact or high
    return None, None, max(1, most - tracks + 1) if most else None
