"""What corrections hold on to is found again: speakers by when they speak, words by time and text.

Another model hears other words, divides them in another way, and calls the speakers otherwise. Too
little that is alike is no find: a correction that waits does no harm, and a wrong one does.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from scribe_assets.speech.corrections import SpeakerAnchor, Version, WordsAnchor
from scribe_assets.speech.timeline import Span, Timeline, Word
from scribe_assets.speech.words import folded

SLACK = 0.5
"""Seconds by which a word's times may differ between two models, and then some."""

ALIKE = 0.5
"""From this similarity on, two texts may be what two models make of the same words."""

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
    """
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
        there are none.
    """
    first = bisect_left(words, anchor.start - SLACK, key=_start)
    starts = range(first, bisect_right(words, anchor.start + SLACK, key=_start))
    last = bisect_right(words, anchor.end + SLACK, key=_start)
    ends = [at for at in range(first, last) if abs(words[at].end - anchor.end) <= SLACK]
    best: Found | None = None
    for start in starts:
        for end in ends:
            if end < start:
                continue
            found = _compared(words, Span(start, end + 1), anchor, text)
            if best is None or found.score > best.score:
                best = found
    return best


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
    words: Sequence[Word], span: Span[int], anchor: WordsAnchor, text: str | None
) -> Found:
    said = " ".join(word.word for word in words[span.slice])
    alike = likeness(said, anchor.text)
    if text is not None:
        alike = max(alike, likeness(said, text))
    before, after = context_of(words, span)
    around = (likeness(before, anchor.before) + likeness(after, anchor.after)) / 2
    away = abs(words[span.start].start - anchor.start) + abs(words[span.end - 1].end - anchor.end)
    score = alike + CONTEXT_WEIGHT * around - SECOND_WEIGHT * away
    return Found(span.start, span.end, alike, score)


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
