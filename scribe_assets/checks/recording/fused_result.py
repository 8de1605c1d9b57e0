"""What must hold of every result."""

from collections import Counter

from dagster import AssetCheckResult, AssetIn, asset_check

from scribe_assets.artifacts.documents import Result, SpeakerIdentities, Transcript
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.partitions import recordings


@asset_check(
    asset="fused_result",
    additional_ins={"transcript": AssetIn("transcript")},
    partitions_def=recordings,
    description="Every word of the transcript is in exactly one segment.",
    retry_policy=PASSING_FAULTS,
)
def no_word_is_lost(fused_result: Result, transcript: Transcript) -> AssetCheckResult:
    """Compare the words, with their times, of the transcript and of the result; words that were
    set by hand stand for those of their time."""
    heard = Counter(
        (word.start, word.word) for segment in transcript.segments for word in segment.words
    )
    fused = Counter(
        (word.start, word.word) for segment in fused_result.segments for word in segment.words
    )
    by_hand = [w for segment in fused_result.segments for w in segment.words if w.by_hand]
    written = Counter((word.start, word.word) for word in by_hand)
    lost = [
        (start, text)
        for start, text in (heard - fused).elements()
        if not any(word.start <= start < word.end for word in by_hand)
    ]
    added = (fused - heard - written).total()
    return AssetCheckResult(
        passed=not lost and not added,
        metadata={"lost": len(lost), "added": added, "by_hand": len(by_hand)},
    )


@asset_check(
    asset="fused_result",
    additional_ins={"speaker_identities": AssetIn("speaker_identities")},
    partitions_def=recordings,
    description="No person is given to two speakers, unless they have one voice.",
    retry_policy=PASSING_FAULTS,
)
def names_are_unique(
    fused_result: Result, speaker_identities: SpeakerIdentities
) -> AssetCheckResult:
    """Count the speakers of each person, but for labels that were found to be another one."""
    same = {identity.label for identity in speaker_identities.identities if identity.same_as}
    people = Counter(
        speaker.person_id
        for speaker in fused_result.speakers
        if speaker.person_id and speaker.label not in same
    )
    twice = sorted(person for person, count in people.items() if count > 1)
    return AssetCheckResult(passed=not twice, metadata={"people": ", ".join(twice) or "none"})
