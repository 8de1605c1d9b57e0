"""What must hold of the speakers' identities, or be told of."""

from dagster import AssetCheckResult, MetadataValue, asset_check

from scribe_assets.artifacts.documents import SpeakerIdentities
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.checks.recording.specs import warning
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings
from scribe_assets.speech.voices.identification import MARGIN
from scribe_assets.speech.voices.voice import Identity


@asset_check(
    asset="speaker_identities",
    partitions_def=recordings,
    description="No speaker is nearly another person, or nearly known.",
    retry_policy=PASSING_FAULTS,
)
def identities_are_clear(speaker_identities: SpeakerIdentities) -> AssetCheckResult:
    """Tell whose name a person should confirm."""
    threshold = speaker_identities.threshold
    unclear = [one for one in speaker_identities.identities if is_unclear(one, threshold)]
    told = "\n".join(f"- {escape(f'{one.label}: {one.reason}')}" for one in unclear)
    return warning("identities_are_clear", not unclear, who=MetadataValue.md(told or "nobody"))


def is_unclear(identity: Identity, threshold: float) -> bool:
    """Whether a little more or less similarity would have decided otherwise."""
    score, second = identity.score, identity.runner_up_score
    if score is None or identity.same_as:
        return False
    near_threshold = abs(score - threshold) < MARGIN
    near_another = second is not None and score >= threshold and abs(score - second) < MARGIN
    return near_threshold or near_another
