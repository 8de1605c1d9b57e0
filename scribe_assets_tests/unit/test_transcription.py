"""What Whisper invents, and where speech is cut."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scribe_assets.speech import activity
from scribe_assets.speech.activity import SpeechBlock, speech_blocks, speech_regions
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Span
from scribe_assets.speech.transcription.decoding import with_margins
from scribe_assets.speech.transcription.inventions import without_inventions, without_loops
from scribe_assets.speech.transcription.kept import words_of


@dataclass
class Heard:
    """As faster-whisper's Word."""

    word: str
    start: float = 0.0
    end: float = 0.1


@dataclass
class Piece(Heard):
    """The same with its probability."""

    probability: float = 0.9


@dataclass
class Segment:
    """As faster-whisper's."""

    words: list[Heard]
    no_speech_prob: float = 0.0
    avg_logprob: float = -0.2
    compression_ratio: float = 1.5
    start: float = field(default=0.0)


def heard(text: str, start: float = 1.0) -> list[Heard]:
    return [Heard(f" {word}", start, start + 0.1) for word in text.split()]


def text(segments: list[Segment]) -> str:
    return " | ".join("".join(word.word for word in one.words).strip() for one in segments)


BLOCK = SpeechBlock(
    0, 20 * SAMPLE_RATE, (Span(0, 5 * SAMPLE_RATE), Span(15 * SAMPLE_RATE, 20 * SAMPLE_RATE))
)


def cleaned(*segments: Segment) -> tuple[str, dict[str, int]]:
    removed: Counter[str] = Counter()
    kept = without_inventions(BLOCK, list(segments), removed)
    return text(kept), {reason: count for reason, count in removed.items() if count}


def test_speech_is_left_alone() -> None:
    said = "no no no I said no I said no to that and I will say no again"
    assert cleaned(Segment(heard(said))) == (said, {})


def test_words_in_silence_are_removed_and_counted() -> None:
    words = [Heard(" yes", 4.9, 5.4), Heard(" thanks", 9, 9.5), Heard(" you", 16, 16.2)]
    assert cleaned(Segment(words)) == ("yes you", {"outside_speech": 1})


def test_what_the_model_itself_doubts_is_removed() -> None:
    doubted = Segment(heard("thank you for watching"), no_speech_prob=0.9, avg_logprob=-1.4)
    assert cleaned(Segment(heard("so")), doubted) == ("so", {"silence": 4})


def test_a_loop_is_heard_once() -> None:
    loop = Segment(heard("and then " + "he went home " * 20 + "again"), compression_ratio=6.0)
    assert cleaned(loop) == ("and then he went home again", {"repeated": 57})


def test_a_sentence_repeated_on_and_on_is_removed() -> None:
    again = [Segment(heard("I will see you soon")) for _ in range(10)]
    kept, removed = cleaned(*again, Segment(heard("yes")), Segment(heard("yes")))
    assert kept == "I will see you soon | " * 3 + "yes | yes"
    assert removed == {"repeated": 35}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""),
        ("one two three", "one two three"),
        ("ha ha ha", "ha ha ha"),
        ("ha ha ha ha ha", "ha"),
        ("a b a b a b a b c", "a b c"),
        ("x A B c a b C a b c a b c y", "x A B c y"),
    ],
)
def test_loops(said: str, kept: str) -> None:
    found = without_loops(heard(said))
    assert "".join(word.word for word in found).strip() == kept


@pytest.mark.parametrize(
    ("language", "pieces", "expected"),
    [
        ("fr", [" l", "'homme", " est"], ["l'homme", "est"]),
        (
            "ja",
            [" From", " fair", "est", " creatures", ",", " we"],
            ["From", "fairest", "creatures,", "we"],
        ),
        (
            "ja",
            ["明日", " Dag", "ster", "を", "使", "う", "。"],
            ["明日", "Dagster", "を", "使", "う。"],
        ),
        ("zh", ["20", "24", "年"], ["2024", "年"]),
    ],
)
def test_pieces_of_a_word_are_put_together(
    language: str, pieces: list[str], expected: list[str]
) -> None:
    """Whisper gives pieces of words in languages without spaces, also of words that have them."""
    raw: Any = [Piece(piece, n * 0.1, n * 0.1 + 0.1) for n, piece in enumerate(pieces)]
    words = words_of(raw, BLOCK, language)
    assert [word.word for word in words] == expected
    assert words[0].start == 0
    assert words[-1].end == pytest.approx(len(pieces) * 0.1)


def test_speech_is_cut_at_silences(monkeypatch: pytest.MonkeyPatch, sample_recording: Path) -> None:
    speech = decode(sample_recording)
    pause = np.zeros(3 * SAMPLE_RATE, np.float32)
    waveform = np.concatenate([speech, pause, speech, pause, speech])
    whole = list(speech_blocks(waveform, 40))
    assert all(block.duration <= 40 * SAMPLE_RATE for block in whole)
    assert len(whole) == 3
    assert list(speech_blocks(np.zeros(SAMPLE_RATE * 3, np.float32), 40)) == []
    # Read in small parts, it is the same speech, to the accuracy of voice activity.
    monkeypatch.setattr(activity, "READ_SECONDS", 13.0)
    parts = list(speech_blocks(waveform, 40))

    def active(blocks: list[SpeechBlock]) -> np.ndarray:
        found = np.zeros(len(waveform), bool)
        for block in blocks:
            for region in block.regions:
                found[region.slice] = True
        return found

    assert (active(whole) != active(parts)).mean() < 0.05
    assert all(block.duration <= 40 * SAMPLE_RATE for block in parts)


def test_speech_across_the_border_of_what_is_read_is_not_cut(
    monkeypatch: pytest.MonkeyPatch, sample_recording: Path
) -> None:
    """Also where it is the only speech of what is read at once."""
    monkeypatch.setattr(activity, "READ_SECONDS", 20.0)
    speech = decode(sample_recording)[int(10.7 * SAMPLE_RATE) : int(14.2 * SAMPLE_RATE)]
    before, after = (np.zeros(length * SAMPLE_RATE, np.float32) for length in (18, 25))
    (block,) = speech_blocks(np.concatenate([before, speech, after]), 10)
    (region,) = block.regions
    assert region.start < 19.5 * SAMPLE_RATE
    assert region.end > 21 * SAMPLE_RATE


def test_speech_longer_than_what_is_read_at_once_is_cut(
    monkeypatch: pytest.MonkeyPatch, sample_recording: Path
) -> None:
    """It cannot be read as a whole; and reading comes to an end."""
    monkeypatch.setattr(activity, "READ_SECONDS", 2.0)
    speech = decode(sample_recording)[int(10.7 * SAMPLE_RATE) : int(14.2 * SAMPLE_RATE)]
    blocks = list(speech_blocks(speech, 10))
    assert sum(region.duration for block in blocks for region in block.regions) > 0.8 * len(speech)


def test_blocks_take_silence_around_them_and_no_speech_of_others() -> None:
    second = SAMPLE_RATE
    spans = [Span(start * second, (start + 1) * second) for start in (1, 2, 9)]
    blocks = [SpeechBlock(span.start, span.end, (span,)) for span in spans]
    edges = [(b.start / second, b.end / second) for b in with_margins(blocks, 10 * second, 5)]
    assert edges == [(0.6, 2), (2, 3.4), (8.6, 10)]
    assert with_margins([], 10 * second, 5) == []
    (whole,) = with_margins(blocks[:1], 10 * second, 10)
    assert (whole.start, whole.end) == (0, 10 * second)


def test_a_voice_without_pause_is_cut_all_the_same(sample_recording: Path) -> None:
    speech = decode(sample_recording)
    regions = [speech[region.slice] for region in speech_regions(speech)]
    waveform = np.concatenate(regions * 3)
    blocks = list(speech_blocks(waveform, 10))
    assert max(block.duration for block in blocks) <= 11 * SAMPLE_RATE
    assert sum(block.duration for block in blocks) > 0.9 * len(waveform)


def test_parallel_keeps_the_order_and_takes_only_what_it_needs() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_parallel(2, lambda number: number * 2, items())
    assert next(results) == 0
    assert len(taken) <= 6
    assert list(results) == [2 * number for number in range(1, 100)]
