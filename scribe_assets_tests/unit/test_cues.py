"""Subtitles that can be read, of whatever was said."""

import re
from itertools import zip_longest

from hypothesis import given

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.artifacts.formats.cues import LINE_CHARACTERS, MOST_SECONDS, cues
from scribe_assets_tests.unit.random_results import results
from scribe_assets_tests.unit.results import RESULT, segment


@given(results())
def test_cues_can_be_read_and_follow_each_other(result: Result) -> None:
    found = cues(result)
    for cue, following in zip_longest(found, found[1:]):
        assert 1 <= len(cue.lines) <= 2
        assert all(cue.lines)
        assert cue.start < cue.end
        if following:
            assert cue.end <= following.start
        words = " ".join(cue.lines).split()
        assert max(map(len, cue.lines)) <= max(LINE_CHARACTERS, *map(len, words))
        if len(cue.lines) == 2 or len(words) > 2:
            assert cue.end - cue.start <= MOST_SECONDS + 0.001


@given(results())
def test_every_word_is_in_a_cue_in_the_order_of_its_segment(result: Result) -> None:
    said = [
        re.sub(r"\s", "", "".join(line for cue in cues(alone) for line in cue.lines))
        for alone in (result.model_copy(update={"segments": [one]}) for one in result.segments)
    ]
    together = "".join("".join(cue.lines) for cue in cues(result))
    assert sorted(re.sub(r"\s", "", together)) == sorted("".join(said))
    for one, text in zip(result.segments, said, strict=True):
        shown = cues(result.model_copy(update={"segments": [one]}), lead="")
        assert "".join("".join(cue.lines) for cue in shown).replace(" ", "") == text


@given(results())
def test_nothing_that_is_said_is_a_line_of_its_own(result: Result) -> None:
    """Each block has a number, a time line and one or two lines, whatever is in the words."""
    blocks = FORMATS["srt"].render(result).split("\n\n")[:-1]
    for number, block in enumerate(blocks, start=1):
        lines = block.split("\n")
        assert lines[0] == str(number)
        assert lines[1].count("-->") == 1
        assert len(lines) in (3, 4)
        assert not any("-->" in line or "<" in line or "{" in line for line in lines[2:])
    blocks = FORMATS["vtt"].render(result).split("\n\n")[1:-1]
    for block in blocks:
        lines = block.split("\n")
        assert re.fullmatch(r"\S+ --> \S+", lines[0])
        assert len(lines) in (2, 3)
        assert block.count("<") == block.count("<v ") == 1


def test_long_speech_is_cut_where_sentences_and_clauses_end() -> None:
    said = (
        "When we came to the house there was nobody in it, and the door stood open. We went in, "
        "and called, but nobody answered; the lamp was still warm."
    )
    spoken = RESULT.model_copy(
        update={"segments": [segment(0, "SPEAKER_00", *said.split(), step=0.4)]}
    )
    assert [cue.lines for cue in cues(spoken)] == [
        ("When we came to the house there was", "nobody in it, and the door stood open."),
        ("We went in, and called, but nobody", "answered; the lamp was still warm."),
    ]


def test_a_short_word_stays_until_it_is_read_or_the_next_one_comes() -> None:
    spoken = RESULT.model_copy(
        update={
            "segments": [
                segment(1, "SPEAKER_00", "Yes.", step=0.2),
                segment(1.5, "SPEAKER_01", "No.", step=0.2),
            ]
        }
    )
    assert [(cue.start, cue.end) for cue in cues(spoken)] == [(1, 1.5), (1.5, 2.5)]


def test_who_is_interrupted_can_be_read() -> None:
    said = "This is a sentence of some length, and while it is said somebody agrees with it."
    spoken = RESULT.model_copy(
        update={
            "segments": [
                segment(0, "SPEAKER_00", *said.split(), step=0.4),
                segment(0.3, "SPEAKER_01", "Yes.", step=0.2),
            ]
        }
    )
    first, second = cues(spoken)
    assert (first.start, first.end, second.start) == (0, 2.3, 2.3)


def test_who_speaks_has_a_place_in_the_line() -> None:
    spoken = RESULT.model_copy(
        update={"segments": [segment(0, "SPEAKER_00", *["a" * 9] * 8, step=0.3)]}
    )
    for line in FORMATS["srt"].render(spoken).splitlines():
        assert len(line) <= LINE_CHARACTERS
