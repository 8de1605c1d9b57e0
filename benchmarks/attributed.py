"""How many words are on the wrong speaker.

Two measures, both by turn of the reference, so that variants can be compared turn by turn:

- `wrong_speakers`: of the words that were heard right, how many are given to somebody else. Heard
  and reference words are aligned by edit distance, by time where words repeat; the alignment does
  not depend on speakers, so that all variants are measured on the same words.
- `cp_errors`: the errors of cpWER (Watanabe et al., CHiME-6, 2020), which does without that
  alignment, but counts what was misheard, too.

Both name the speakers of a result so that most words are right.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.data import Example
from benchmarks.intervals import Scored
from scribe_assets.speech.timeline import SpokenSegment, Timeline, TimeSpan, Turn, Word

LATENESS_PRICE = 0.01
"""What a second between a word and its reference costs; a wrong word costs 1. It decides where the
same word is said several times, and nothing else."""


MOST_LATENESS = 0.5


REACH = 0.5
"""Seconds by which times of words and turns may be wrong."""


@dataclass(frozen=True)
class Token:
    """A normalised word and the moment when it is said, in seconds; `owner` is the number of the
    reference turn, or of the heard word, that it is of."""

    text: str
    moment: float
    owner: int


@dataclass(frozen=True)
class Reference:
    """What was said in a recording: turns in order of time, and their words."""

    name: str
    turns: list[Turn]
    tokens: list[Token]


def reference(
    name: str, turns: list[Turn], words: list[str], speech: Sequence[Turn] = ()
) -> Reference:
    """The words of a turn are spread over its speech by their number of letters.

    Args:
        name: of the recording.
        turns: in order of time.
        words: of each turn.
        speech: when they speak, without the pauses in a turn, where that is known.
    """
    tokens = []
    for number, (turn, text) in enumerate(zip(turns, words, strict=True)):
        own = [
            TimeSpan(max(part.start, turn.start), min(part.end, turn.end))
            for part in speech
            if part.speaker == turn.speaker and part.shared(turn) > 0
        ]
        said = normaliser()(text).split()
        moments = _spread(said, own or [turn])
        tokens += [Token(*pair, number) for pair in zip(said, moments, strict=True)]
    return Reference(name, turns, tokens)


def reference_of(one: Example) -> Reference:
    """Of a recording with words and turns."""
    if not one.seglst:
        raise ValueError(f"{one.name} has no words to compare with")
    parts = sorted(json.loads(one.seglst.read_text()), key=lambda part: float(part["start_time"]))
    turns = [Turn(float(p["start_time"]), float(p["end_time"]), p["speaker"]) for p in parts]
    return reference(one.name, turns, [part["words"] for part in parts], one.turns.turns)


def wrong_speakers(
    truth: Reference, words: Sequence[Word], speakers: Sequence[str | None]
) -> list[Scored]:
    """Words that were heard right and are given to somebody else.

    Args:
        truth: what was said.
        words: as they were heard, in order of time.
        speakers: of each of them.
    """
    pairs = _pairs(truth, words)
    names = _names(truth, pairs, speakers)
    wrong, length = np.zeros(len(truth.turns)), np.zeros(len(truth.turns))
    for number, index in pairs:
        length[number] += 1
        wrong[number] += names.get(truth.turns[number].speaker) != str(speakers[index])
    return _by_turn(truth, wrong, length)


def out_of_reach(
    truth: Reference, words: Sequence[Word], speakers: Sequence[str | None], timeline: Timeline
) -> list[Scored]:
    """Words whose speaker has no turn at that time, give or take half a second: what diarization
    took for somebody else, or missed. No rule that goes by time gives them to the right one.

    Args:
        truth, words: as for `wrong_speakers`.
        speakers: of each word by a good rule, to know who is who.
        timeline: what diarization found.
    """
    pairs = _pairs(truth, words)
    names = _names(truth, pairs, speakers)
    wrong, length = np.zeros(len(truth.turns)), np.zeros(len(truth.turns))
    for number, index in pairs:
        length[number] += 1
        wrong[number] += not any(
            turn.speaker == names.get(truth.turns[number].speaker)
            and turn.shared(words[index]) > -REACH
            for turn in timeline.turns
        )
    return _by_turn(truth, wrong, length)


def cp_errors(truth: Reference, segments: Sequence[SpokenSegment]) -> list[Scored]:
    """The errors of cpWER.

    A word too many counts at the turn of the word beside it in the alignment; all words of a
    speaker too many count at the turns that are nearest to them.
    """
    from rapidfuzz.distance import Levenshtein

    said = {turn.speaker: [t for t in truth.tokens if truth.turns[t.owner].speaker == turn.speaker]
            for turn in truth.turns}  # fmt: skip
    found: dict[str, list[Token]] = {}
    for segment in sorted(segments, key=lambda part: (part.start, part.end)):
        middle = (segment.start + segment.end) / 2
        nearest = min(
            range(len(truth.turns)), key=lambda number: truth.turns[number].distance(middle)
        )
        found.setdefault(str(segment.speaker), []).extend(
            Token(text, middle, nearest) for text in normaliser()(segment.text).split()
        )
    ours, theirs = list(said.values()), list(found.values())
    # Speakers are padded to the same number, with some who say nothing.
    size = max(len(ours), len(theirs))
    ours += [[]] * (size - len(ours))
    theirs += [[]] * (size - len(theirs))
    texts = [[[token.text for token in side] for side in sides] for sides in (ours, theirs)]
    costs = np.array(
        [[Levenshtein.distance(left, right) for right in texts[1]] for left in texts[0]]
    )
    wrong, length = np.zeros(len(truth.turns)), np.zeros(len(truth.turns))
    for token in truth.tokens:
        length[token.owner] += 1
    for row, column in _assigned(costs):
        for edit in Levenshtein.editops(texts[0][row], texts[1][column]):
            if ours[row]:
                wrong[ours[row][min(edit.src_pos, len(ours[row]) - 1)].owner] += 1
            else:
                wrong[theirs[column][edit.dest_pos].owner] += 1
    return _by_turn(truth, wrong, length)


@cache
def normaliser() -> Callable[[str], str]:
    """Of the authors of Whisper, for English."""
    from whisper_normalizer.english import EnglishTextNormalizer

    return cache(EnglishTextNormalizer())


def _pairs(truth: Reference, words: Sequence[Word]) -> list[tuple[int, int]]:
    """For each word that was heard right, the number of its turn and its index as it was heard."""
    tokens = [
        Token(text, (word.start + word.end) / 2, number)
        for number, word in enumerate(words)
        for text in normaliser()(word.word).split()
    ]
    return [
        (truth.tokens[one].owner, tokens[other].owner)
        for one, other in _hits(tuple(truth.tokens), tuple(tokens))
    ]


def _names(
    truth: Reference, pairs: Sequence[tuple[int, int]], speakers: Sequence[str | None]
) -> dict[str, str]:
    """The speaker of the result who is each speaker of the reference, so that most words are
    right."""
    said = sorted({turn.speaker for turn in truth.turns})
    found = sorted({str(speaker) for speaker in speakers})
    same = np.zeros((len(said), len(found)))
    for number, index in pairs:
        row, column = truth.turns[number].speaker, str(speakers[index])
        same[said.index(row), found.index(column)] += 1
    return {said[row]: found[column] for row, column in _assigned(-same)}


def _by_turn(truth: Reference, wrong: np.ndarray, length: np.ndarray) -> list[Scored]:
    return [
        Scored(f"{truth.name}/{number}", truth.name, float(wrong[number]), float(length[number]))
        for number in range(len(truth.turns))
    ]


def _assigned(costs: np.ndarray) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    return [
        (int(row), int(column)) for row, column in zip(*linear_sum_assignment(costs), strict=True)
    ]


def _spread(words: list[str], speech: Sequence[TimeSpan]) -> list[float]:
    """The moment of each word, by its share of all letters in the seconds of speech."""
    ends = np.cumsum([0.0, *(span.duration for span in speech)])
    letters = np.cumsum([0.0, *(len(word) + 1 for word in words)])
    middles = (letters[:-1] + letters[1:]) / 2 / max(letters[-1], 1) * ends[-1]
    spans = np.clip(np.searchsorted(ends, middles, "right") - 1, 0, len(speech) - 1)
    return [float(speech[i].start + at - ends[i]) for i, at in zip(spans, middles, strict=True)]


@cache
def _hits(said: tuple[Token, ...], heard: tuple[Token, ...]) -> list[tuple[int, int]]:
    """Indices of words that are the same in both, by edit distance (Levenshtein). Kept, because
    every rule is measured on the same words."""
    insert, delete, both = 0, 1, 2
    steps = np.zeros((len(said) + 1, len(heard) + 1), np.uint8)
    steps[1:, 0] = delete
    row = [float(number) for number in range(len(heard) + 1)]
    for i, one in enumerate(said, 1):
        above, row = row, [float(i)]
        for j, other in enumerate(heard, 1):
            late = min(LATENESS_PRICE * abs(one.moment - other.moment), MOST_LATENESS)
            cost, step = min(
                (above[j - 1] + (one.text != other.text) + late, both),
                (above[j] + 1, delete),
                (row[j - 1] + 1, insert),
            )
            row.append(cost)
            steps[i, j] = step
    pairs, i, j = [], len(said), len(heard)
    while i and j:
        step = steps[i, j]
        if step == both and said[i - 1].text == heard[j - 1].text:
            pairs.append((i - 1, j - 1))
        i -= step != insert
        j -= step != delete
    return pairs[::-1]
