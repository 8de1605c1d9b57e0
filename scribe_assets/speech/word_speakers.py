"""Which speaker says which word, decided over the whole sequence of words.

Times of words and of turns are both off by tenths of a second, so that time alone cuts sentences
short where the speaker changes. People change where sentences end and where they pause. Both are
weighed: giving a word to a speaker costs what his turns are away from it, and a change of speaker
costs most inside a clause. The cheapest sequence of speakers is found by dynamic programming
(Viterbi 1967), in time that grows with the number of words.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scribe_assets.speech.timeline import Span, Timeline, TimeSpan, Turn, Word

MAX_PAUSE = 1.0
"""After a longer silence, in seconds, a change of speaker costs nothing, and a speaker who goes on
begins a new segment."""


INSIDE_CLAUSE = 1.5
"""What a change of speaker costs between two words without a pause. A word that is given to
somebody else costs 1 at most: a fragment of two words never parts a clause."""


CLAUSE_END = 1.0
"""The same after a comma or the like. After a full stop it costs nothing."""


OUTSIDE = 0.6
"""What it costs to give a word to somebody whose turns do not hold it, however near they are."""


HALFWAY = 1.0
"""Seconds from a turn at which half of what distance can cost is added."""


EXCLUSIVE_SHARE = 0.1
"""What the exclusive timeline says beside turns that may overlap. It decides for words of which the
turns say nothing: sentences that are said all in overlap."""


WORD_END = 0.1
"""Seconds before the end of a word at which its speaker is looked for, or later than its middle.
Whisper gives the silence before a word to the word, so that it seems to begin too early."""


CANDIDATE_SECONDS = 5.0
"""Speakers whose turns are further from a word are not considered for it, unless nobody is
nearer."""


SENTENCE_MARKS = (".", "?", "!", "…", "。", "？", "！")
CLAUSE_MARKS = (",", ";", ":", "、", "，", "；", "：")
CLOSING_QUOTES = "\"'»”’)]』」"
OPENING_MARKS = frozenset("«“„‘([{<¿¡「『【（-–—")


def speakers_of(words: Sequence[Word], timeline: Timeline) -> list[str | None]:
    """The speaker of each word.

    Punctuation that stands alone goes with the word before it, an opening mark with the one after
    it.

    Args:
        words: in order of time.
        timeline: of those who can have said them.

    Returns:
        As many as there are words; all None where the timeline has no turns.
    """
    exclusive = timeline.exclusive or timeline.turns
    if not exclusive:
        return [None] * len(words)
    units = units_of([word.word for word in words])
    spans = [words[unit.main] for unit in units]
    costs = [
        _costs(span, held, active)
        for span, held, active in zip(
            spans,
            near(spans, exclusive, CANDIDATE_SECONDS),
            near(spans, timeline.turns, CANDIDATE_SECONDS),
            strict=True,
        )
    ]
    prices = [
        _price("".join(word.word for word in words[unit.slice]), after.start - before.end)
        for unit, (before, after) in zip(units, pairwise(spans), strict=False)
    ]
    speakers = _cheapest(costs, prices)
    return [
        speaker
        for unit, speaker in zip(units, speakers, strict=True)
        for _ in range(unit.start, unit.end)
    ]


@dataclass(frozen=True)
class Unit(Span[int]):
    """A word and the punctuation around it that stands alone, by their indices; `main` is that of
    the word itself."""

    main: int


def units_of(texts: Sequence[str]) -> list[Unit]:
    """Words with the punctuation that belongs to them: opening marks to the word that follows,
    all others to the one before. Where there are no words, all of it is one unit.

    >>> [tuple(unit) for unit in units_of(["«", "Non", "!", "»", "Si", "."])]
    [(0, 4), (4, 6)]
    """
    starts: list[int] = []
    mains: list[int] = []
    opened: int | None = None
    for index, text in enumerate(texts):
        if any(character.isalnum() for character in text):
            starts.append(index if opened is None else opened)
            mains.append(index)
            opened = None
        elif opened is None and (not mains or set(text) <= OPENING_MARKS):
            opened = index
    if texts and not mains:
        return [Unit(0, len(texts), 0)]
    return [
        Unit(start, end, main)
        for start, end, main in zip(starts, [*starts[1:], len(texts)], mains, strict=True)
    ]


def near(spans: Sequence[TimeSpan], turns: Sequence[Turn], reach: float) -> Iterator[list[Turn]]:
    """For each span the turns that are within reach, and perhaps some that are not; where there are
    none, the ones before and after it.

    Args:
        spans: in order of their starts.
        turns: in any order.
        reach: in seconds.
    """
    waiting = sorted(turns, reverse=True)
    active: list[Turn] = []
    before: Turn | None = None
    for span in spans:
        while waiting and waiting[-1].start < span.end + reach:
            active.append(waiting.pop())
        gone = [turn for turn in active if turn.end <= span.start - reach]
        if gone:
            before = max([*gone, *([before] if before else [])], key=lambda turn: turn.end)
            active = [turn for turn in active if turn.end > span.start - reach]
        yield active or [turn for turn in (before, *waiting[-1:]) if turn]


def _costs(word: Word, held: Sequence[Turn], active: Sequence[Turn]) -> dict[str, float]:
    """What it costs, from 0 to 1, to give a word to each of the speakers around it.

    Args:
        word: not punctuation.
        held: turns of the exclusive timeline.
        active: turns that may overlap.
    """
    by_held, by_active = _distances(word, held), _distances(word, active)
    return {
        speaker: EXCLUSIVE_SHARE * _cost(by_held.get(speaker, CANDIDATE_SECONDS))
        + (1 - EXCLUSIVE_SHARE) * _cost(by_active.get(speaker, CANDIDATE_SECONDS))
        for speaker in {**by_held, **by_active}
    }


def _distances(word: Word, turns: Sequence[Turn]) -> dict[str, float]:
    """How far the end of a word is from the nearest turn of each speaker, in seconds."""
    moment = max((word.start + word.end) / 2, word.end - WORD_END)
    distances: dict[str, float] = {}
    for turn in turns:
        distance = turn.distance(moment)
        distances[turn.speaker] = min(distance, distances.get(turn.speaker, distance))
    return distances


def _cost(seconds: float) -> float:
    """Of a distance; it rises with every second, so that the nearest is the cheapest."""
    return OUTSIDE + (1 - OUTSIDE) * seconds / (seconds + HALFWAY) if seconds else 0.0


def _price(text: str, pause: float) -> float:
    """What a change of speaker costs behind a word with its punctuation."""
    text = text.rstrip(CLOSING_QUOTES)
    if text.endswith(SENTENCE_MARKS):
        return 0.0
    price = CLAUSE_END if text.endswith(CLAUSE_MARKS) else INSIDE_CLAUSE
    return price * min(max(1 - pause / MAX_PAUSE, 0.0), 1.0)


def _cheapest(costs: Sequence[dict[str, float]], prices: Sequence[float]) -> list[str]:
    """The speakers of words by the lowest sum of costs, and of prices where they change.

    Args:
        costs: of each word, by speaker; of the first two that cost the same the first is taken.
        prices: of a change before each word but the first.
    """
    before: list[dict[str, str]] = []
    sums: dict[str, float] = {}
    for own, price in zip(costs, [0.0, *prices], strict=True):
        cheapest = min(sums, key=lambda speaker: sums[speaker], default=None)
        if cheapest is None:
            sums = own
            continue
        changed = sums[cheapest] + price
        from_whom = {s: s if sums.get(s, math.inf) <= changed else cheapest for s in own}
        # Less the lowest, so that a sum of thousands of words is as exact as one of ten.
        sums = {s: own[s] + min(sums.get(s, math.inf), changed) - sums[cheapest] for s in own}
        before.append(from_whom)
    speakers = [min(sums, key=lambda speaker: sums[speaker])] if sums else []
    for from_whom in reversed(before):
        speakers.append(from_whom[speakers[-1]])
    return speakers[::-1]
