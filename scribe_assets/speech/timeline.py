"""Time: turns, words and segments, and what is asked of intervals. Seconds from the start."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from dataclasses import field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, order=True)
class Turn:
    """One speaker speaks from start to end, in seconds from the start of the recording."""

    start: float
    end: float
    speaker: str

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Timeline:
    """Turns of all speakers, labelled SPEAKER_00, SPEAKER_01, … in order of first speech.

    `turns` may overlap; in `exclusive` one speaker, the dominant one, holds each moment.
    """

    turns: list[Turn]
    exclusive: list[Turn]

    @property
    def speakers(self) -> list[str]:
        """All labels, in order."""
        return sorted({turn.speaker for turn in self.turns})


def in_order_of_speech(timeline: Timeline) -> Timeline:
    """Rename the speakers SPEAKER_00, SPEAKER_01, … in the order in which they first speak.

    >>> in_order_of_speech(Timeline([Turn(0, 1, "b"), Turn(1, 2, "a")], [])).turns
    [Turn(start=0, end=1, speaker='SPEAKER_00'), Turn(start=1, end=2, speaker='SPEAKER_01')]
    """
    labels: dict[str, str] = {}
    for turn in sorted([*timeline.turns, *timeline.exclusive]):
        labels.setdefault(turn.speaker, f"SPEAKER_{len(labels):02d}")

    def renamed(turns: list[Turn]) -> list[Turn]:
        return [Turn(turn.start, turn.end, labels[turn.speaker]) for turn in turns]

    return Timeline(renamed(timeline.turns), renamed(timeline.exclusive))


@dataclass(frozen=True)
class SpokenWord:
    """A word and its speaker; `overlap` where somebody else speaks at the same time.

    `speaker` is None only in a recording in which diarization found no speech at all.
    """

    start: float
    end: float
    word: str
    probability: float
    speaker: str | None
    overlap: bool


@dataclass(frozen=True)
class SpokenSegment:
    """What one speaker says without a long pause."""

    start: float
    end: float
    speaker: str | None
    text: str
    words: list[SpokenWord]


def clean_spans(timeline: Timeline, label: str) -> list[tuple[float, float]]:
    """(start, end) in seconds of the stretches where one speaker speaks and no other does."""
    own = [turn for turn in timeline.turns if turn.speaker == label]
    return subtract(own, [turn for turn in timeline.turns if turn.speaker != label])


def longest(spans: list[tuple[float, float]], seconds: float) -> list[tuple[float, float]]:
    """The longest spans that together last so many seconds; the last one is cut.

    >>> longest([(0, 1), (2, 5), (6, 8)], 4)
    [(2, 5), (6, 7)]
    """
    taken: list[tuple[float, float]] = []
    for start, end in sorted(spans, key=lambda span: span[0] - span[1]):
        if seconds <= 0:
            break
        end = min(end, start + seconds)
        taken.append((start, end))
        seconds -= end - start
    return taken


def subtract(turns: list[Turn], others: list[Turn]) -> list[tuple[float, float]]:
    """The parts of turns during which none of the others lasts, in seconds.

    >>> subtract([Turn(0, 10, "a")], [Turn(2, 3, "b"), Turn(2.5, 4, "c")])
    [(0, 2), (4, 10)]
    """
    others = sorted(others)
    free = []
    for turn in turns:
        start = turn.start
        for other in others:
            if other.end <= start or other.start >= turn.end:
                continue
            if other.start > start:
                free.append((start, other.start))
            start = other.end
        if start < turn.end:
            free.append((start, turn.end))
    return free


UNSPACED_LANGUAGES = {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
"""Written without spaces between words."""


@dataclass(frozen=True)
class Word:
    """One word; times in seconds from the start of the recording, probability in [0, 1]."""

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True)
class TranscriptSegment:
    """A stretch of words that Whisper decoded together."""

    start: float
    end: float
    text: str
    words: list[Word]
    language: str | None = None


@dataclass(frozen=True)
class Transcription:
    """What was said; no language and no segments where nobody speaks.

    `removed` are the words that Whisper invented, by reason (see `without_inventions`).
    """

    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]
    removed: dict[str, int] = field(default_factory=dict)


def shared(turn: Turn, word: Word) -> float:
    """Seconds that a turn and a word have in common; negative: how far they are apart."""
    return min(turn.end, word.end) - max(turn.start, word.start)
