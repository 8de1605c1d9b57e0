"""Which language each piece of a recording is in."""

import itertools
import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech.transcription.languages import (
    CHANGE_PRICE,
    LEAST_LIKELY,
    PIECE_SECONDS,
    ExpectedLanguages,
    languages_in_order,
)

CODES = ("en", "fr", "es")


def likelihood(
    path: Sequence[str], likely: Sequence[dict[str, float]], seconds: Sequence[float], main: str
) -> float:
    """Of one sequence of languages, by its definition."""
    changes = sum(last != code for last, code in itertools.pairwise([main, *path]))
    heard = sum(
        min(1.0, duration / PIECE_SECONDS) * math.log(max(own[code], LEAST_LIKELY))
        for code, own, duration in zip(path, likely, seconds, strict=True)
    )
    return heard - CHANGE_PRICE * changes


@given(
    st.lists(
        st.tuples(
            st.fixed_dictionaries({code: st.floats(0, 1) for code in CODES}), st.floats(0.1, 8)
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(CODES),
)
def test_no_other_sequence_is_likelier(
    pieces: list[tuple[dict[str, float], float]], main: str
) -> None:
    likely, seconds = [own for own, _ in pieces], [duration for _, duration in pieces]
    best = max(
        likelihood(path, likely, seconds, main)
        for path in itertools.product(CODES, repeat=len(pieces))
    )
    found = languages_in_order(likely, seconds, main)
    assert math.isclose(likelihood(found, likely, seconds, main), best, abs_tol=1e-9)


def test_a_sentence_in_another_language_stands_alone() -> None:
    french, english = {"fr": 0.97, "en": 0.01}, {"en": 0.97, "fr": 0.01}
    pieces = [french, french, english, french]
    assert languages_in_order(pieces, [5.0] * 4, "fr") == ["fr", "fr", "en", "fr"]


def test_a_word_that_sounds_foreign_changes_nothing() -> None:
    french, foreign = {"fr": 0.9, "en": 0.05}, {"nl": 0.6, "fr": 0.1}
    assert languages_in_order([french, foreign, french], [5.0, 0.8, 5.0], "fr") == ["fr"] * 3
    assert languages_in_order([foreign], [5.0], "fr") == ["fr"]


def test_another_language_than_the_expected_ones_must_be_sure() -> None:
    expected = ExpectedLanguages(("fr", "en"))
    doubtful, sure = {"nl": 0.45, "de": 0.3, "fr": 0.03, "en": 0.02}, {"nl": 0.95, "fr": 0.01}
    assert languages_in_order([doubtful], [5.0], "fr") == ["nl"]
    assert languages_in_order([doubtful], [5.0], "fr", expected) == ["fr"]
    assert languages_in_order([sure], [5.0], "fr", expected) == ["nl"]
    assert languages_in_order([{"en": 0.6, "nl": 0.3}], [5.0], "fr", expected) == ["en"]


def test_the_language_of_a_recording_stays_though_another_one_is_expected() -> None:
    german = {"de": 0.8, "fr": 0.1, "en": 0.05}
    assert (
        languages_in_order([german] * 9, [5.0] * 9, "de", ExpectedLanguages(("fr", "en")))
        == ["de"] * 9
    )
