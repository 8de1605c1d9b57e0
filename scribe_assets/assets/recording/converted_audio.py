"""The upload's sound as 16 kHz mono FLAC, whatever it came in."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dagster import AssetExecutionContext, MetadataValue, Output, ResourceParam, asset

from scribe_assets.artifacts import pictures
from scribe_assets.artifacts.documents import Options, Recording, Sound, TakenTrack, TracksTaken
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.media_rules import MediaRules
from scribe_assets.assets.stage import data_version, is_done_already, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.keys import RecordingRef
from scribe_assets.partitions import recordings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets.storage.layout import AUDIO
from scribe_assets.storage.recordings import (
    ConvertedAudio,
    find_upload,
    read_options,
    to_source,
)
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets.tags import CONVERSION_PRIORITY, PRIORITY_TAG

SOUND_PARTS = 240
"""In which it is told how loud a recording is."""


@asset(
    partitions_def=recordings,
    deps=["uploads"],
    output_required=False,  # a run that has nothing to do skips all stages
    io_manager_key="audio_io_manager",
    retry_policy=PASSING_FAULTS,
    op_tags={PRIORITY_TAG: CONVERSION_PRIORITY},
    group_name="recording",
    kinds={"ffmpeg", "s3"},
)
def converted_audio(
    context: AssetExecutionContext, storage: S3Storage, media_rules: ResourceParam[MediaRules]
) -> Iterator[Output[ConvertedAudio]]:
    """The upload's sound as 16 kHz mono FLAC, with the facts about the upload."""
    if is_done_already(context, storage):
        return
    with (
        stage(context, storage) as running,
        tempfile.TemporaryDirectory(prefix="scribe-") as folder,
    ):
        found = find_upload(storage, running.ref)
        options = read_options(storage, found.key)
        original = Path(folder) / "upload"
        upload = storage.download(found.bucket, found.key, original)
        running.report(to_source(upload), options.job_id, is_current=True)
        conversion = convert(
            original,
            Path(folder) / AUDIO,
            options.tracks or media_rules.tracks,
            media_rules.limits,
            running.progress,
        )
        original.unlink()
        with media.AudioFile(Path(folder) / AUDIO) as audio:
            levels = media.sound_levels(audio, SOUND_PARTS)
        recording = describe(running.ref, upload, options, conversion, levels)
        for loss in recording.damage:
            context.log.warning(f"{upload.uri}: {loss}")
        yield Output(
            ConvertedAudio(recording, folder=Path(folder)),
            data_version=data_version(recording),
            metadata={
                **facts(recording),
                "waveform": MetadataValue.md(pictures.of_sound(recording)),
                "damage": MetadataValue.md(escape("\n".join(recording.damage)) or "none"),
                **running.speed(recording.duration),
            },
        )


def describe(
    ref: RecordingRef,
    upload: S3Object,
    options: Options,
    conversion: Conversion,
    levels: media.SoundLevels,
) -> Recording:
    """The facts about an upload and its conversion."""
    files = [file.name for file in conversion.tracks] or [AUDIO]
    taken = [
        TakenTrack(
            track=group.channels[0].track,
            channels=[channel.channel for channel in group.channels],
            audio=file,
        )
        for group, file in zip(conversion.choice.groups, files, strict=True)
    ]
    return Recording(
        recording_id=ref.recording_id,
        user_id=ref.user_id,
        source=to_source(upload),
        media=conversion.media,
        duration=conversion.duration,
        options=options,
        warnings=conversion.warnings,
        timeline=conversion.timeline,
        tracks=TracksTaken(
            mode=conversion.choice.mode,
            reason=conversion.choice.reason,
            taken=taken,
            left_out=list(conversion.choice.left_out),
        ),
        damage=list(conversion.damage),
        sound=Sound(
            peaks=[round(peak, 3) for peak in levels.peaks], clipped=round(levels.clipped, 6)
        ),
    )
