"""What corrections hold on to is found again: speakers by when they speak, words by time and text.

Another model hears other words, divides them in another way, and calls the speakers otherwise. Too
little that is alike is no find: a correction that waits does no harm, and a wrong one does.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from scribe_assets.speech.corrections import SpeakerAnchor, Version, WordsAnchor
from scribe_assets.speech.timeline import Span, Timeline, Word
from scribe_assets.speech.words import folded

SLACK = 0.5
"""Seconds by which a word's times may differ between two models, and then some."""

ALIKE = 0.5
"""From this similarity on, two texts may be what two models make of the same words."""

MIN_LETTERS = 4
"""Of texts with fewer letters, such as "it" and "is", being alike says nothing."""

SHORT = 12
"""Up to so many words, texts are compared letter by letter, beyond word by word."""

CONTEXT = 3
"""Words before and after others that tell which ones of several are meant."""

CONTEXT_WEIGHT = 0.25
SECOND_WEIGHT = 0.25
"""What the words around, and a second of distance, count beside the likeness of the text."""

SAME_LENGTH = 0.25
"""Seconds by which the same recording may be longer in another codec, which adds silence."""

SAME_WORDS = 1 / 3
"""From this share on, words heard at the same times are those of the same recording. Two models
have more in common, two recordings next to nothing."""


def speech_by_speaker(timeline: Timeline) -> dict[str, list[Span[float]]]:
    """When each speaker speaks, in seconds: spans in order that do not overlap."""
    return {
        label: union(turn for turn in timeline.turns if turn.speaker == label)
        for label in timeline.speakers
    }


def union(spans: Iterable[Span[float]]) -> list[Span[float]]:
    """What spans cover, in order and without overlap.

    >>> union([Span(3, 5), Span(0, 2), Span(1, 3), Span(6, 7)])
    [Span(start=0, end=5), Span(start=6, end=7)]
    """
    joined: list[Span[float]] = []
    for span in sorted((span.start, span.end) for span in spans):
        if joined and span[0] <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span[1]))
        else:
            joined.append(Span(*span))
    return joined


def seconds(spans: Iterable[Span[float]]) -> float:
    """How long spans are together."""
    return sum(span.duration for span in spans)


def shared_seconds(one: Sequence[Span[float]], other: Sequence[Span[float]]) -> float:
    """What two unions of spans have in common; see `union`."""
    shared, at = 0.0, 0
    for span in one:
        while at < len(other) and other[at].end <= span.start:
            at += 1
        following = at
        while following < len(other) and other[following].start < span.end:
            shared += max(0.0, span.shared(other[following]))
            following += 1
    return shared


def speaker_like(
    speech: Sequence[Span[float]], speakers: Mapping[str, Sequence[Span[float]]]
) -> str | None:
    """The speaker whose speech is, for more than a half, this one (Jaccard index: the seconds that
    both have, of those that either has). So no two can be who speak one after the other, and
    nobody is where two voices that were told apart are one now, in equal parts.

    Args:
        speech: see `union`.
        speakers: the speech of each, by label.
    """
    whole = seconds(speech)
    found, most = None, 0.5
    for label, other in speakers.items():
        both = shared_seconds(speech, other)
        alike = both / max(whole + seconds(other) - both, 1e-9)
        if alike > most:
            found, most = label, alike
    return found


def holder_of(
    speech: Sequence[Span[float]], speakers: Mapping[str, Sequence[Span[float]]]
) -> str | None:
    """The one speaker who speaks during more than half of this speech, whatever else he says."""
    half = seconds(speech) / 2
    holders = [label for label, own in speakers.items() if shared_seconds(speech, own) > half]
    return holders[0] if len(holders) == 1 else None


def is_as_long(one: Version, other: Version) -> bool:
    """Whether two versions of an upload may be the same recording, by their length."""
    return one.etag == other.etag or abs(one.duration - other.duration) <= SAME_LENGTH


def is_heard(anchor: SpeakerAnchor, words: Sequence[Word]) -> bool:
    """Whether the words of an anchor are heard at their times, as far as models agree.

    Args:
        anchor: of a speaker.
        words: of the whole recording, in order of time.

    Returns:
        True for an anchor without words, all of which may have been put right by hand: nothing
        speaks against it.
    """
    if not anchor.words:
        return True
    found = 0
    for sample in anchor.words:
        around = words[
            bisect_left(words, sample.start - SLACK, key=_start) : bisect_right(
                words, sample.start + SLACK, key=_start
            )
        ]
        found += any(folded(word.word) == folded(sample.word) for word in around)
    return found > SAME_WORDS * len(anchor.words)


@dataclass(frozen=True)
class Found(Span[int]):
    """Words that were found, by their indices, and how much alike they are, in [0, 1]."""

    likeness: float
    score: float


def find_words(words: Sequence[Word], anchor: WordsAnchor, text: str | None = None) -> Found | None:
    """The words that an anchor means.

    Args:
        words: of a track, in order of time.
        anchor: of the words.
        text: what they may be as well: another model may hear at once what a person had to correct.

    Returns:
        The most alike of those that begin and end within `SLACK` of the anchor's times; None where
        there are none. Where a person has added words that are heard now, these words, too.
    """
    spans = list(_near(words, anchor))
    if text is not None:
        written = list(_written(words, anchor, text))
        if written and not any(_is_as_then(words, span, anchor) for span in spans):
            found = [_compared(words, span, anchor, text, whole=False) for span in written]
            return max(found, key=lambda one: one.score)
    found = [_compared(words, span, anchor, text) for span in spans]
    return max(found, key=lambda one: one.score, default=None)


def _near(words: Sequence[Word], anchor: WordsAnchor) -> Iterator[Span[int]]:
    """All spans of words that begin and end within `SLACK` of the anchor's times."""
    first = bisect_left(words, anchor.start - SLACK, key=_start)
    starts = range(first, bisect_right(words, anchor.start + SLACK, key=_start))
    last = bisect_right(words, anchor.end + SLACK, key=_start)
    ends = [at for at in range(first, last) if abs(words[at].end - anchor.end) <= SLACK]
    return (Span(start, end + 1) for start in starts for end in ends if start <= end)


def _written(words: Sequence[Word], anchor: WordsAnchor, text: str) -> Iterator[Span[int]]:
    """The spans of more words than the anchor's that are what a person has written, and that begin
    or end within `SLACK` of its times: with words that were not heard before, they take longer."""
    wanted, few = _letters(text), len(anchor.text.split())
    first = bisect_left(words, anchor.start - SLACK, key=_start)
    last = bisect_right(words, anchor.end + SLACK, key=_start)
    for start in range(max(first - len(text.split()), 0), last):
        said = ""
        for end in range(start, len(words)):
            said += _letters(words[end].word)
            if not wanted.startswith(said):
                break
            if said == wanted:
                away = (words[start].start - anchor.start, words[end].end - anchor.end)
                if min(map(abs, away)) <= SLACK and end - start >= few:
                    yield Span(start, end + 1)
                break


def _is_as_then(words: Sequence[Word], span: Span[int], anchor: WordsAnchor) -> bool:
    """Whether words and those around them are the very ones that were corrected: a person may have
    added to them what stands beside them already, such as a second "very"."""
    said = " ".join(word.word for word in words[span.slice])
    then = (anchor.text, anchor.before, anchor.after)
    return [folded(text) for text in (said, *context_of(words, span))] == [*map(folded, then)]


def words_between(words: Sequence[Word], span: Span[float]) -> Span[int] | None:
    """The words whose middle is in a span of time, by their indices; None where there are none."""
    inside = [
        at
        for at in range(len(words))
        if span.start <= (words[at].start + words[at].end) / 2 < span.end
    ]
    return Span(inside[0], inside[-1] + 1) if inside else None


def context_of(words: Sequence[Word], span: Span[int]) -> tuple[str, str]:
    """The texts before and after some words."""
    before = words[max(span.start - CONTEXT, 0) : span.start]
    after = words[span.end : span.end + CONTEXT]
    return " ".join(word.word for word in before), " ".join(word.word for word in after)


def _compared(
    words: Sequence[Word],
    span: Span[int],
    anchor: WordsAnchor,
    text: str | None,
    *,
    whole: bool = True,
) -> Found:
    """How much alike words are to an anchor.

    Args:
        words: of a track.
        span: the words to compare.
        anchor: see `find_words`.
        text: see `find_words`.
        whole: the words begin and end where the anchor does, and not only one of both.
    """
    said = " ".join(word.word for word in words[span.slice])
    before, after = context_of(words, span)
    is_sure = _has_neighbours(before, after, anchor)
    alike = _likeness(said, anchor.text, is_sure=is_sure)
    if text is not None:
        alike = max(alike, _likeness(said, text, is_sure=is_sure))
    around = (likeness(before, anchor.before) + likeness(after, anchor.after)) / 2
    away = [abs(words[span.start].start - anchor.start), abs(words[span.end - 1].end - anchor.end)]
    score = alike + CONTEXT_WEIGHT * around - SECOND_WEIGHT * (sum(away) if whole else min(away))
    return Found(span.start, span.end, alike, score)


def _likeness(one: str, other: str, *, is_sure: bool) -> float:
    """As `likeness`, but that a short text is like no other one, unless its place is sure."""
    alike = likeness(one, other)
    is_short = min(len(_letters(one)), len(_letters(other))) < MIN_LETTERS
    return 0.0 if is_short and alike < 1 and not is_sure else alike


def _has_neighbours(before: str, after: str, anchor: WordsAnchor) -> bool:
    """Whether the words next to a place, on both sides, are those next to the anchor."""
    here = [*folded(before).split()[-1:]], [*folded(after).split()[:1]]
    then = [*folded(anchor.before).split()[-1:]], [*folded(anchor.after).split()[:1]]
    return any(here) and here == then


def _letters(text: str) -> str:
    """Text without spaces, accents, case and punctuation."""
    return folded(text).replace(" ", "")


def likeness(one: str, other: str) -> float:
    """How much alike two texts are, in [0, 1]; accents, case and punctuation do not count, unless
    there is nothing else.

    >>> likeness("Emanuel!", "emmanuel"), likeness("yes", "no")
    (0.9333333333333333, 0.0)
    """
    plain = [folded(one), folded(other)]
    left, right = plain if all(plain) else (one.casefold(), other.casefold())
    if left == right:
        return 1.0
    if max(left.count(" "), right.count(" ")) < SHORT:
        return SequenceMatcher(None, left, right, autojunk=False).ratio()
    return SequenceMatcher(None, left.split(), right.split(), autojunk=False).ratio()


def _start(word: Word) -> float:
    return word.start
