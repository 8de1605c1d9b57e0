"""What must hold of the converted audio, or be told of."""

from dagster import AssetCheckResult, AssetCheckSeverity, MetadataValue, asset_check

from scribe_assets.artifacts.formats.md import escape
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.storage.recordings import ConvertedAudio

ROUNDING_SECONDS = 1.0
"""What a file and its sound may differ in length without a reason: containers round, and ffmpeg
guesses the length of some by their bit rate."""

ROUNDING_SHARE = 0.02


@asset_check(
    asset="converted_audio",
    partitions_def=recordings,
    description="All sound that the upload promises was decoded.",
    retry_policy=PASSING_FAULTS,
)
def nothing_is_damaged(converted_audio: ConvertedAudio) -> AssetCheckResult:
    """Tell what was lost."""
    damage = converted_audio.recording.damage
    return AssetCheckResult(
        passed=not damage,
        severity=AssetCheckSeverity.WARN,
        metadata={"damage": MetadataValue.md(escape("\n".join(damage)) or "none")},
    )


@asset_check(
    asset="converted_audio",
    partitions_def=recordings,
    description="The audio is as long as the upload says, or it is known why not.",
    retry_policy=PASSING_FAULTS,
)
def durations_agree(converted_audio: ConvertedAudio) -> AssetCheckResult:
    """Compare both durations. Joined files are longer than their first header says, a video may go
    on without sound, and damage has its own check."""
    recording = converted_audio.recording
    promised, timeline = recording.media.duration, recording.timeline
    explained = bool(recording.damage or timeline.parts or recording.media.video_codec)
    apart = 0.0 if promised is None else abs(promised - (recording.duration - timeline.start))
    allowed = max(ROUNDING_SECONDS, ROUNDING_SHARE * recording.duration)
    return AssetCheckResult(
        passed=explained or apart <= timeline.start + allowed,
        severity=AssetCheckSeverity.WARN,
        metadata={"upload": promised or 0.0, "audio": recording.duration, "apart": round(apart, 3)},
    )
