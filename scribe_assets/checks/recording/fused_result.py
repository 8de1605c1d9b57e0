"""What must hold of every result, or be told of."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from dagster import AssetCheckResult, AssetIn, MetadataValue, multi_asset_check

from scribe_assets.artifacts.documents import Diarization, Result, SpeakerIdentities, Transcript
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.checks.recording.specs import checks_of, warning
from scribe_assets.failures import PASSING_FAULTS
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord, Turn

FAR = 1.0
"""Seconds from all speech. The times of words and of turns differ by less."""

REPEATS = 3
SENTENCE_WORDS = 3
"""So many segments in a row that say the same, of so many words, are more often a loop of the model
than a person. Those that clearly are one have been removed (`speech/transcription/inventions.py`).
"""

MAX_TOLD = 20
OTHERS = ("transcript", "speaker_identities", "diarization")


@multi_asset_check(
    name="check_fused_result",
    specs=checks_of(
        "fused_result",
        *OTHERS,
        no_word_is_lost="Every word of the transcript is in exactly one segment.",
        names_are_unique="No person is given to two speakers, unless they have one voice.",
        no_word_seems_invented="No word is where nobody speaks, and nothing is said again and "
        "again.",
    ),
    ins={name: AssetIn(name) for name in OTHERS},
    retry_policy=PASSING_FAULTS,
)
def check_fused_result(
    fused_result: Result,
    transcript: Transcript,
    speaker_identities: SpeakerIdentities,
    diarization: Diarization,
) -> Iterator[AssetCheckResult]:
    """Compare the result with what it was made of."""
    yield no_word_is_lost(fused_result, transcript)
    yield names_are_unique(fused_result, speaker_identities)
    yield no_word_seems_invented(fused_result, diarization)


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
        check_name="no_word_is_lost",
        passed=not lost and not added,
        metadata={"lost": len(lost), "added": added, "by_hand": len(by_hand)},
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
    return AssetCheckResult(
        check_name="names_are_unique",
        passed=not twice,
        metadata={"people": ", ".join(twice) or "none"},
    )


def no_word_seems_invented(fused_result: Result, diarization: Diarization) -> AssetCheckResult:
    """Tell of words that diarization has heard nobody say, and of what comes again and again."""
    words = [word for segment in fused_result.segments for word in segment.words]
    alone = far_from_speech(words, diarization.turns)
    loops = repeated(fused_result.segments)
    told = [f"{clock(word.start)} nobody speaks: {word.word.strip()}" for word in alone]
    told += [f"{clock(loop.start)} again and again: {loop.text}" for loop in loops]
    lines = "\n".join(f"- {escape(line)}" for line in told[:MAX_TOLD])
    return warning(
        "no_word_seems_invented",
        not told,
        words=len(alone),
        repeated=len(loops),
        where=MetadataValue.md(lines or "nowhere"),
    )


def far_from_speech(words: list[SpokenWord], turns: list[Turn]) -> list[SpokenWord]:
    """The words that are further than `FAR` from all turns."""
    ordered = sorted(turns, key=lambda turn: turn.start)
    # Turns overlap: the latest end of those before counts, not that of the last one.
    found, next_turn, heard_until = [], 0, float("-inf")
    for word in sorted(words, key=lambda word: word.start):
        while next_turn < len(ordered) and ordered[next_turn].start <= word.end + FAR:
            heard_until = max(heard_until, ordered[next_turn].end)
            next_turn += 1
        if heard_until < word.start - FAR:
            found.append(word)
    return found


def repeated(segments: list[SpokenSegment]) -> list[SpokenSegment]:
    """The first of `REPEATS` segments or more in a row that say the same."""
    groups = [list(same) for _, same in groupby(segments, lambda s: s.text.strip().casefold())]
    return [
        same[0] for same in groups if len(same) >= REPEATS and len(same[0].words) >= SENTENCE_WORDS
    ]
