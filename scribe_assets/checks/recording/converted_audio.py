"""What must hold of the converted audio, or be told of."""

from collections.abc import Iterator

from dagster import AssetCheckResult, MetadataValue, multi_asset_check

from scribe_assets.artifacts.formats.md import escape
from scribe_assets.checks.recording.specs import checks_of, warning
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.storage.recordings import ConvertedAudio

ROUNDING_SECONDS = 1.0
"""What a file and its sound may differ in length without a reason: containers round, and ffmpeg
guesses the length of some by their bit rate."""

ROUNDING_SHARE = 0.02

MOST_CLIPPED = 0.001
"""Share of all samples. Loud music, mastered to the limit, has less; a microphone that is turned up
too far has a multiple."""

FAINT = 0.02
"""Amplitude, -34 dBFS: who speaks into a microphone that is on is ten times as loud."""


@multi_asset_check(
    name="check_converted_audio",
    specs=checks_of(
        "converted_audio",
        nothing_is_damaged="All sound that the upload promises was decoded.",
        durations_agree="The audio is as long as the upload says, or it is known why not.",
        sound_is_well_recorded="The sound is neither clipped nor very quiet.",
    ),
    retry_policy=PASSING_FAULTS,
)
def check_converted_audio(converted_audio: ConvertedAudio) -> Iterator[AssetCheckResult]:
    """Look at the facts about the upload."""
    yield nothing_is_damaged(converted_audio)
    yield durations_agree(converted_audio)
    yield sound_is_well_recorded(converted_audio)


def nothing_is_damaged(converted_audio: ConvertedAudio) -> AssetCheckResult:
    """Tell what was lost."""
    damage = converted_audio.recording.damage
    told = MetadataValue.md(escape("\n".join(damage)) or "none")
    return warning("nothing_is_damaged", not damage, damage=told)


def durations_agree(converted_audio: ConvertedAudio) -> AssetCheckResult:
    """Compare both durations. Joined files are longer than their first header says, a video may go
    on without sound, and damage has its own check."""
    recording = converted_audio.recording
    promised, timeline = recording.media.duration, recording.timeline
    explained = bool(recording.damage or timeline.parts or recording.media.video_codec)
    apart = 0.0 if promised is None else abs(promised - (recording.duration - timeline.start))
    allowed = max(ROUNDING_SECONDS, ROUNDING_SHARE * recording.duration)
    return warning(
        "durations_agree",
        explained or apart <= timeline.start + allowed,
        upload=promised or 0.0,
        audio=recording.duration,
        apart=round(apart, 3),
    )


def sound_is_well_recorded(converted_audio: ConvertedAudio) -> AssetCheckResult:
    """Tell of sound from which words get lost however good a model is."""
    sound = converted_audio.recording.sound
    if sound is None:
        return warning("sound_is_well_recorded", True, why="an older Scribe has not measured it")
    peak = max(sound.peaks, default=0.0)
    if sound.clipped > MOST_CLIPPED:
        why = "it is clipped: record with less gain"
    elif peak < FAINT:
        why = "it is very quiet: record with more gain, or nearer to those who speak"
    else:
        why = "it is neither clipped nor quiet"
    well = sound.clipped <= MOST_CLIPPED and peak >= FAINT
    return warning("sound_is_well_recorded", well, peak=peak, clipped=sound.clipped, why=why)
