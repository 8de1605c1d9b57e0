"""Words and speakers are found again, and others are not taken for them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scribe_assets.speech.anchors import context_of, find_words
from scribe_assets.speech.correcting import Corrected, correct
from scribe_assets.speech.corrections import (
    NameCorrection,
    SpeakerAnchor,
    TextCorrection,
    Version,
    WordsAnchor,
)
from scribe_assets.speech.timeline import (
    Span,
    Timeline,
    TimeSpan,
    Transcription,
    TranscriptSegment,
    Turn,
    Word,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Version("one", 60.0)
TURNS = [Turn(0.0, 60.0, "SPEAKER_00")]


def heard(text: str, start: float = 10.0, length: float = 0.4) -> list[Word]:
    """Words of equal length, one after the other."""
    return [
        Word(round(start + length * at, 3), round(start + length * (at + 1), 3), word, 0.9)
        for at, word in enumerate(text.split())
    ]


def corrected(words: list[Word], *corrections: TextCorrection) -> Corrected:
    text = " ".join(word.word for word in words)
    segment = TranscriptSegment(words[0].start, words[-1].end, text, words, "en")
    return correct(Transcription("en", 0.9, [segment]), Timeline(TURNS, TURNS), corrections, FIRST)


def said(done: Corrected) -> str:
    return " ".join(word.word for segment in done.segments for word in segment.words)


def text(words: list[Word], start: int, end: int, instead: str) -> TextCorrection:
    """Some of the words that one model heard are these ones."""
    meant = words[start:end]
    anchor = WordsAnchor(
        meant[0].start,
        meant[-1].end,
        " ".join(word.word for word in meant),
        *context_of(words, Span(start, end)),
    )
    return TextCorrection("t", NOW, FIRST, anchor, instead)


@pytest.mark.parametrize(
    ("first", "wrong", "instead", "next_", "start"),
    [
        ("we met in New last spring", (3, 4), "New York", "we met in New York last spring", 10.0),
        ("we met in New last spring", (3, 4), "New York City", "we met in New York City ah", 10.0),
        ("we met in York last spring", (3, 4), "New York", "we met in New York last spring", 9.6),
        ("we met in New City today", (3, 5), "New York City", "we met in New York City to", 10.0),
        ("New", (0, 1), "New York", "New York", 10.0),
        ("we met in New last", (3, 4), "New York", "he sat on new york past", 10.0),
    ],
)
def test_words_that_a_person_has_added_are_not_added_to_those_that_are_heard_now(
    first: str, wrong: tuple[int, int], instead: str, next_: str, start: float
) -> None:
    correction = text(heard(first), *wrong, instead)
    assert instead in said(corrected(heard(first), correction))
    done = corrected(heard(next_, start), correction)
    assert done.applied == ["t"]
    assert said(done).casefold() == next_.casefold()
    assert instead in said(done)


def test_a_word_that_a_person_has_added_beside_an_equal_one_is_added() -> None:
    words = heard("that is very very good")
    assert said(corrected(words, text(words, 2, 3, "very very"))) == "that is very very very good"


def test_a_longer_word_nearby_is_not_what_a_person_has_written() -> None:
    correction = text(heard("we tell Emanuel today"), 2, 3, "Emmanuelle")
    done = corrected(heard("as Emmanuelle Emanuel this", 10.05), correction)
    assert said(done) == "as Emmanuelle Emmanuelle this"


def test_a_correction_that_another_one_takes_back() -> None:
    words = heard("we met in New last spring")
    more = text(words, 3, 4, "New York")
    back = replace(more, id="b", words=replace(more.words, text="New York"), text="New")
    assert said(corrected(words, more, back)) == "we met in New last spring"


@pytest.mark.parametrize(("wrong", "other"), [("is", "it"), ("on", "no"), ("is", "this")])
def test_a_short_word_is_no_other_one(wrong: str, other: str) -> None:
    then = heard(f"the weather {wrong} good today")
    correction = text(then, 2, 3, "was")
    assert said(corrected(then, correction)) == "the weather was good today"
    now = corrected(heard(f"whether I like {other} or do not", 9.6), correction)
    assert said(now) == f"whether I like {other} or do not"
    assert now.unfitting.keys() == {"t"}
    # Between the same words it is the same place, whatever a model hears there.
    assert said(corrected(heard(f"the weather {other} good"), correction)) == "the weather was good"


def test_a_short_word_is_found_beside_one_that_is_alike() -> None:
    words = heard("so is it", length=0.2)
    found = find_words(words, WordsAnchor(10.4, 10.6, "is", "why", "then"))
    assert found is not None
    assert (found.start, found.likeness) == (1, 1.0)


def test_a_speaker_all_of_whose_words_were_corrected_is_known_by_length() -> None:
    anchor = SpeakerAnchor("SPEAKER_00", [TimeSpan(0.0, 60.0)], [])
    words = heard("good morning")
    segment = TranscriptSegment(words[0].start, words[-1].end, "", words, "en")
    for version, names in ((Version("mp3", 60.1), {"SPEAKER_00": "Ada"}), (Version("x", 70.0), {})):
        done = correct(
            Transcription("en", 0.9, [segment]),
            Timeline(TURNS, TURNS),
            [NameCorrection("n", NOW, FIRST, anchor, "Ada")],
            version,
        )
        assert done.names == names
