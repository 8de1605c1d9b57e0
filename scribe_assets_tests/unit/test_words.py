"""Words that are kept of what Whisper hears: with their marks, and with times that can be used."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Span, Word
from scribe_assets.speech.transcription.coverage import wordless_speech
from scribe_assets.speech.transcription.kept import segments_of, words_of
from scribe_assets.speech.transcription.word_times import SHORTEST_SECONDS, with_lengths
from scribe_assets_tests.calls import speakers, turns_alone
from scribe_assets_tests.unit.test_transcription import Piece, Segment

BLOCK = SpeechBlock(10 * SAMPLE_RATE, 30 * SAMPLE_RATE, (Span(0, 1),))


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (" Ça| va| ?", ["Ça", "va\u00a0?"]),
        (" Oui| !| Non|.", ["Oui\u00a0!", "Non."]),
        (
            " Il| dit| «| bonjour| »| et| part|.",
            ["Il", "dit", "«\u00a0bonjour\u00a0»", "et", "part."],
        ),
        (" «| Bonjour| »", ["«\u00a0Bonjour\u00a0»"]),
        (" -| Bonjour", ["-\u00a0Bonjour"]),
        (" \u201c|Yes|,\u201d| he| said", ["\u201cYes,\u201d", "he", "said"]),
        (" Rock| &| roll", ["Rock", "&", "roll"]),
        (" l|'homme", ["l'homme"]),
        (" well| -| known", ["well\u00a0-", "known"]),
        (" ...", []),
        (" ♪", []),
        (" Hello| (", ["Hello\u00a0("]),
    ],
)
def test_no_mark_stands_alone(pieces: str, words: list[str]) -> None:
    raw = [Piece(text, start, start + 0.5) for start, text in enumerate(pieces.split("|"))]
    kept = words_of(raw, BLOCK, "fr")
    assert [word.word for word in kept] == words
    assert all(word.duration > 0 for word in kept)


def test_a_segment_of_marks_alone_is_none() -> None:
    heard = [Segment([Piece(" ...", 1, 2)]), Segment([Piece(" Yes", 3, 3), Piece(".", 3, 3)])]
    (kept,) = segments_of(heard, BLOCK, "en")
    assert kept.text == "Yes."
    assert kept.duration == pytest.approx(SHORTEST_SECONDS)


@given(
    times=st.lists(st.tuples(st.floats(10, 30), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_words_have_lengths_and_rise(times: list[tuple[float, float]]) -> None:
    """Whatever the alignment says; also twelve words in one moment."""
    words = [
        Word(start, min(30.0, start + length), str(number), 1.0)
        for number, (start, length) in enumerate(sorted(times))
    ]
    kept = with_lengths(words, 10.0, 30.0)
    assert [word.word for word in kept] == [word.word for word in words]
    assert all(word.duration >= SHORTEST_SECONDS - 0.002 for word in kept)
    assert all(left.end <= right.start + 0.002 for left, right in pairwise(kept))
    assert kept[0].start >= 10
    assert kept[-1].end <= 30.002


def test_words_with_good_times_keep_them() -> None:
    words = [Word(10.5, 11, "a", 1), Word(11, 11.2, "b", 1), Word(15, 16, "c", 1)]
    assert with_lengths(words, 10, 30) == words


def test_speech_without_words_is_found() -> None:
    """Of two speakers, one has been heard."""
    voice = speakers()[0] + speakers()[1]
    block = SpeechBlock(0, len(voice), (Span(0, len(voice)),))
    one, other = turns_alone()
    said = [Word(span.start, span.end, "word", 1.0) for span in sorted(one)]
    found = wordless_speech(voice, block, said)
    heard = np.zeros(len(voice), bool)
    for stretch in found:
        heard[stretch.slice] = True
    long = [span for span in other if span.duration > 2]
    assert long
    for span in long:
        middle = round((span.start + span.end) / 2 * SAMPLE_RATE)
        assert heard[middle]
    everything = sorted([*one, *other])
    assert not wordless_speech(voice, block, [Word(s.start, s.end, "w", 1) for s in everything])
