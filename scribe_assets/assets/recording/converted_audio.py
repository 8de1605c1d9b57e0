"""The upload's sound as 16 kHz mono FLAC, whatever it came in."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from dagster import AssetExecutionContext, Output, asset

from scribe_assets.artifacts.documents import Recording
from scribe_assets.assets.stage import is_done_already, stage
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.speech import media
from scribe_assets.storage.layout import AUDIO
from scribe_assets.storage.recordings import (
    ConvertedAudio,
    find_upload,
    read_options,
    to_source,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import CONVERSION_PRIORITY, PRIORITY_TAG


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
    context: AssetExecutionContext, storage: S3Storage
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
        found_media = media.probe(original)
        flac = Path(folder) / AUDIO
        conversion = media.convert(original, flac, running.progress)
        if conversion.warnings:
            context.log.warning(f"ffmpeg says of {upload.uri}: {conversion.warnings}")
        recording = Recording(
            recording_id=running.ref.recording_id,
            user_id=running.ref.user_id,
            source=to_source(upload),
            media=found_media,
            duration=round(conversion.duration, 3),
            options=options,
            warnings=conversion.warnings,
        )
        yield Output(
            ConvertedAudio(recording, file=flac),
            metadata={
                "duration": recording.duration,
                "upload": upload.uri,
                "container": found_media.container,
                "codec": found_media.audio_codec,
                "channels": found_media.channels,
                "sample_rate": found_media.sample_rate,
                "ffmpeg_warnings": conversion.warnings or "none",
                **running.speed(recording.duration),
            },
        )
