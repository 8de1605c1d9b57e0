"""Conversations in which people take turns fast: short turns, gaps of 0.1 to 0.3 s, small overlaps.

Made of the clips of `voices`, which have no words: theirs are the ones that Whisper hears in the
clip, where nobody else speaks. A clip is cut in pauses, at the ends of sentences above all, so that
most turns end as turns do and some in the middle of a clause.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from scribe_assets.speech.conversion import decode
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import TimeSpan, Transcription, Turn, Word

SPEAKERS = 5
"""Of a conversation; a clip has 12 s."""


ROUNDS = 2
"""So often each voice is in one."""


SHORTEST_PAUSE = 0.2
SHORTEST_PIECE = 0.6
"""In seconds."""


ROUGHNESS = 0.25
"""By how much, in seconds, the end of a word may miss the pause behind it."""


FRAME = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Piece:
    """What one says in one turn."""

    waveform: np.ndarray
    words: str


@dataclass(frozen=True)
class Talk:
    """A conversation: its sound, turns in order of time, and the words of each."""

    name: str
    waveform: np.ndarray
    turns: list[Turn]
    words: list[str]


def joined(voices: Path) -> np.ndarray:
    """All clips as one recording, with a second of silence behind each, to be transcribed."""
    silence = np.zeros(SAMPLE_RATE, np.float32)
    return np.concatenate([part for clip in _clips(voices) for part in (decode(clip), silence)])


def fast_talks(voices: Path, said: Transcription) -> list[Talk]:
    """Of 60 voices 24 conversations, each voice in two of them; the same ones each time.

    Args:
        voices: a folder with a clip of each speaker.
        said: the words of the clips, `joined`.
    """
    dice = np.random.default_rng(14)
    clips = _clips(voices)
    waveforms = [decode(clip) for clip in clips]
    words = _by_clip(waveforms, [word for segment in said.segments for word in segment.words])
    order = np.concatenate([dice.permutation(len(clips)) for _ in range(ROUNDS)])
    return [
        _talk(
            f"fast-{number:02d}",
            {
                clips[index].stem: list(_pieces(waveforms[index], words[index], dice))
                for index in together
            },
            dice,
        )
        for number, together in enumerate(order.reshape(-1, SPEAKERS))
    ]


def _clips(voices: Path) -> list[Path]:
    return sorted(voices.glob("*.flac"))


def _by_clip(waveforms: list[np.ndarray], words: list[Word]) -> list[list[Word]]:
    """The words of each clip, with times in it, of those in all clips joined."""
    edges = np.cumsum([0, *(len(clip) + SAMPLE_RATE for clip in waveforms)]) / SAMPLE_RATE
    return [
        [
            replace(word, start=word.start - start, end=word.end - start)
            for word in words
            if start <= (word.start + word.end) / 2 < end
        ]
        for start, end in pairwise(map(float, edges))
    ]


def _pieces(waveform: np.ndarray, words: list[Word], dice: np.random.Generator) -> Iterator[Piece]:
    """A clip cut in pauses between words: at all ends of sentences, at most commas, at a third of
    all others."""
    pauses = list(_pauses(waveform))
    begin, first = TimeSpan(0, pauses[0].end if pauses and pauses[0].start == 0 else 0), 0
    for pause in pauses:
        index = _boundary(words, pause)
        if not first < index < len(words) or pause.start < begin.end + SHORTEST_PIECE:
            continue
        mark = words[index - 1].word[-1]
        if dice.random() < (1.0 if mark in ".?!" else 0.7 if mark in ",;:" else 0.3):
            yield _piece(waveform, begin, pause, words[first:index])
            begin, first = pause, index
    end = len(waveform) / SAMPLE_RATE
    last = pauses[-1] if pauses and end - pauses[-1].end < 0.02 else TimeSpan(end, end)
    if words[first:] and last.start > begin.end + SHORTEST_PAUSE:
        yield _piece(waveform, begin, last, words[first:])


def _boundary(words: list[Word], pause: TimeSpan) -> int:
    """How many words are before a pause: up to a mark where one is near, for times are rough."""
    middle = (pause.start + pause.end) / 2
    marked = [
        index
        for index, word in enumerate(words, 1)
        if word.word[-1] in ".?!,;:" and pause.distance(word.end) < ROUGHNESS
    ]
    if marked:
        return min(marked, key=lambda index: pause.distance(words[index - 1].end))
    return sum((word.start + word.end) / 2 < middle for word in words)


def _piece(waveform: np.ndarray, before: TimeSpan, after: TimeSpan, words: list[Word]) -> Piece:
    """From one pause to another one, with 50 ms of each."""
    start, end = max(before.end - 0.05, 0), after.start + 0.05
    part = waveform[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
    return Piece(part, " ".join(word.word for word in words))


def _pauses(waveform: np.ndarray) -> Iterator[TimeSpan]:
    """Where it is 25 dB below its loud parts for long enough, in seconds."""
    frames = waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-10)
    quiet = np.r_[False, level < np.percentile(level, 95) - 25, False]
    for start, end in np.flatnonzero(quiet[1:] != quiet[:-1]).reshape(-1, 2) / 100:
        if end - start >= SHORTEST_PAUSE:
            yield TimeSpan(float(start), float(end))


def _talk(name: str, pieces: dict[str, list[Piece]], dice: np.random.Generator) -> Talk:
    """One after the other, each time somebody else, until nobody else has anything to say."""
    turns: list[Turn] = []
    said: list[Piece] = []
    end, last = 0.5, ""
    while others := [who for who, left in pieces.items() if left and who != last]:
        last = others[dice.integers(len(others))]
        kind = dice.random()
        low, high = (-0.5, -0.1) if kind < 0.15 else (0.1, 0.3) if kind < 0.75 else (0.3, 1.0)
        start = max(0.5, end + dice.uniform(low, high))
        piece = pieces[last].pop(0)
        turns.append(Turn(start, start + len(piece.waveform) / SAMPLE_RATE, last))
        said.append(piece)
        end = max(end, turns[-1].end)
    # Digital silence between turns would tell more than there is in any recording.
    waveform = dice.normal(0, 3e-4, int((end + 1) * SAMPLE_RATE)).astype(np.float32)
    for turn, piece in zip(turns, said, strict=True):
        first = int(turn.start * SAMPLE_RATE)
        waveform[first : first + len(piece.waveform)] += piece.waveform
    order = sorted(range(len(turns)), key=lambda number: turns[number].start)
    return Talk(name, waveform, [turns[n] for n in order], [said[n].words for n in order])
