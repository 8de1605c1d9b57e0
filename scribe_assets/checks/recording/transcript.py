"""What must hold of the transcript, or be told of."""

from dagster import AssetCheckResult, AssetCheckSeverity, MetadataValue, asset_check

from scribe_assets.artifacts.documents import Transcript
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings


@asset_check(
    asset="transcript",
    partitions_def=recordings,
    description="The language is more likely than all others together, and none but the given one "
    "is clearly heard.",
    retry_policy=PASSING_FAULTS,
)
def language_is_sure(transcript: Transcript) -> AssetCheckResult:
    """Tell where it is not."""
    return AssetCheckResult(
        passed=not transcript.warnings,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "language": transcript.language or "none",
            "probability": transcript.language_probability or 0.0,
        },
    )


@asset_check(
    asset="transcript",
    partitions_def=recordings,
    description="There are words wherever somebody speaks.",
    retry_policy=PASSING_FAULTS,
)
def speech_has_words(transcript: Transcript) -> AssetCheckResult:
    """Tell where voice activity finds speech and no word was heard."""
    unheard = transcript.unheard
    where = ", ".join(f"{clock(span.start)} to {clock(span.end)}" for span in unheard)
    return AssetCheckResult(
        passed=not unheard,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "seconds": round(sum(span.duration for span in unheard), 3),
            "where": MetadataValue.text(where or "nowhere"),
        },
    )
