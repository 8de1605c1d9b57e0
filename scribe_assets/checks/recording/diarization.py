"""What must hold of the diarization, or be told of."""

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetIn, multi_asset_check

from scribe_assets.artifacts.documents import Diarization, Options
from scribe_assets.checks.recording.specs import checks_of, warning
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.storage.recordings import ConvertedAudio


@multi_asset_check(
    name="check_diarization",
    specs=checks_of(
        "diarization",
        "converted_audio",
        somebody_speaks="There is speech in the recording.",
        speakers_are_within_bounds="The number of speakers is not at a bound that the options "
        "set, where there may be more or fewer of them.",
    ),
    ins={"converted_audio": AssetIn("converted_audio")},
    retry_policy=PASSING_FAULTS,
)
def check_diarization(
    converted_audio: ConvertedAudio, diarization: Diarization
) -> Iterator[AssetCheckResult]:
    """Look at who speaks, and at what the options say of it."""
    yield somebody_speaks(diarization)
    yield speakers_are_within_bounds(diarization, converted_audio.recording.options)


def somebody_speaks(diarization: Diarization) -> AssetCheckResult:
    """Tell of a recording in which nobody does."""
    seconds = sum(turn.duration for turn in diarization.exclusive)
    return warning("somebody_speaks", bool(diarization.turns), seconds=round(seconds, 3))


def speakers_are_within_bounds(diarization: Diarization, options: Options) -> AssetCheckResult:
    """Tell where fewer speakers were found than the options say there are, and where the number
    that was found is one that they only just allow."""
    found = len({turn.speaker for turn in diarization.turns})
    exact, low, high = options.num_speakers, options.min_speakers, options.max_speakers
    why = "no bound was reached"
    if exact is not None:
        if found != exact:
            why = f"the options say that there are {exact} speakers"
    elif low != high:
        if high is not None and found >= high:
            why = f"there may be more: the options allow at most {high}"
        elif low is not None and low > 1 and found <= low:
            why = f"there may be fewer: the options ask for at least {low}"
    passed = why == "no bound was reached"
    return warning("speakers_are_within_bounds", passed, speakers=found, why=why)
