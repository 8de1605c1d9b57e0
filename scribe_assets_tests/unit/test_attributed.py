"""How words on the wrong speaker are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.attributed import Reference, cp_errors, out_of_reach, reference, wrong_speakers
from scribe_assets.speech.timeline import SpokenSegment, Timeline, Turn, Word

meeteval = pytest.importorskip("meeteval")


def conversation() -> Reference:
    turns = [Turn(0, 2, "anne"), Turn(2, 4, "ben"), Turn(4, 6, "anne")]
    return reference("talk", turns, ["we go home", "no we do not", "we do"])


def heard(*texts: str) -> list[Word]:
    return [Word(i * 0.7, i * 0.7 + 0.6, text, 0.9) for i, text in enumerate(texts)]


WORDS = heard("We", "go", "home.", "No,", "we", "do", "not.", "Hm.", "We", "do!")


def test_speakers_may_have_other_names() -> None:
    scored = wrong_speakers(conversation(), WORDS, list("xxxyyyyyxx"))
    assert [(one.unit, one.group, one.errors, one.length) for one in scored] == [
        ("talk/0", "talk", 0, 3),
        ("talk/1", "talk", 0, 4),
        ("talk/2", "talk", 0, 2),
    ]


def test_a_word_of_somebody_else_counts_in_its_turn() -> None:
    scored = wrong_speakers(conversation(), WORDS, list("xxxxyyyyxz"))
    assert [one.errors for one in scored] == [0, 1, 1]


def test_what_diarization_lost_is_out_of_reach() -> None:
    turns = [Turn(0, 2, "x"), Turn(2, 3.3, "y"), Turn(5.5, 7, "x")]
    lost = out_of_reach(conversation(), WORDS, list("xxxyyyyyxx"), Timeline(turns, []))
    assert [one.errors for one in lost] == [0, 1, 0]


def test_words_that_were_misheard_do_not_count() -> None:
    words = heard("We", "own", "home.", "No,", "we", "do", "not.", "We", "do!")
    scored = wrong_speakers(conversation(), words, list("xyxyyyyxx"))
    assert [(one.errors, one.length) for one in scored] == [(0, 2), (0, 4), (0, 2)]


texts = st.lists(st.sampled_from(["we", "go", "home", "no", "do"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(st.sampled_from("xyzv"), texts), min_size=1, max_size=5))
def test_errors_by_turn_are_those_of_cpwer(parts: list[tuple[str, str]]) -> None:
    from meeteval.io import SegLST

    truth = conversation()
    segments = [SpokenSegment(i, i + 1, who, text, []) for i, (who, text) in enumerate(parts)]
    scored = cp_errors(truth, segments)
    assert [one.length for one in scored] == [3, 4, 2]
    said = ["we go home", "no we do not", "we do"]
    expected = meeteval.wer.cpwer(
        SegLST(
            [
                {"session_id": "s", "speaker": turn.speaker, "words": text}
                for turn, text in zip(truth.turns, said, strict=True)
            ]
        ),
        SegLST([{"session_id": "s", "speaker": who, "words": text} for who, text in parts]),
    )
    assert sum(one.errors for one in scored) == expected["s"].errors
