"""What must hold of the transcript, or be told of."""

from collections.abc import Iterator

from dagster import AssetCheckResult, MetadataValue, multi_asset_check

from scribe_assets.artifacts.documents import Transcript
from scribe_assets.artifacts.facts import is_unlikely
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.checks.recording.specs import checks_of, warning
from scribe_assets.failures import PASSING_FAULTS

MOST_UNLIKELY = 0.25
"""Share of the words: a clear recording has some percent, a bad telephone line some more."""


@multi_asset_check(
    name="check_transcript",
    specs=checks_of(
        "transcript",
        language_is_sure="The language is more likely than all others together, and none but the "
        "given one is clearly heard.",
        speech_has_words="There are words wherever somebody speaks.",
        words_are_likely="Few words are less likely than other ones.",
    ),
    retry_policy=PASSING_FAULTS,
)
def check_transcript(transcript: Transcript) -> Iterator[AssetCheckResult]:
    """Look at the words alone."""
    yield language_is_sure(transcript)
    yield speech_has_words(transcript)
    yield words_are_likely(transcript)


def language_is_sure(transcript: Transcript) -> AssetCheckResult:
    """Tell where it is not."""
    return warning(
        "language_is_sure",
        not transcript.warnings,
        language=transcript.language or "none",
        probability=transcript.language_probability or 0.0,
    )


def speech_has_words(transcript: Transcript) -> AssetCheckResult:
    """Tell where voice activity finds speech and no word was heard."""
    unheard = transcript.unheard
    where = ", ".join(f"{clock(span.start)} to {clock(span.end)}" for span in unheard)
    return warning(
        "speech_has_words",
        not unheard,
        seconds=round(sum(span.duration for span in unheard), 3),
        where=MetadataValue.text(where or "nowhere"),
    )


def words_are_likely(transcript: Transcript) -> AssetCheckResult:
    """Tell of a transcript that a person should read before it is relied on."""
    words = [word for segment in transcript.segments for word in segment.words]
    unlikely = sum(map(is_unlikely, words))
    share = unlikely / len(words) if words else 0.0
    return warning(
        "words_are_likely",
        share <= MOST_UNLIKELY,
        words=len(words),
        unlikely=unlikely,
        share=round(share, 3),
    )
