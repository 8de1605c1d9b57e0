"""Pictures: short enough to be seen at once, whatever they show, and valid SVG."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribe_assets.artifacts.documents import SpeakerIdentities
from scribe_assets.artifacts.pictures import (
    MAX_CHARACTERS,
    NOTHING,
    of_result,
    probabilities,
    runs,
    scores,
    timeline,
    waveform,
    where,
)
from scribe_assets.speech.timeline import Span
from scribe_assets.speech.voices.voice import Identity
from scribe_assets_tests.unit.results import RESULT

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> ElementTree.Element:
    """The SVG in a Markdown image."""
    assert len(picture) <= MAX_CHARACTERS
    match = re.fullmatch(r"!\[([^\]\[]*)\]\(data:image/svg\+xml,([!-'*-~]*)\)", picture)
    assert match, picture
    return ElementTree.fromstring(unquote(match[2]))  # noqa: S314 - our own


def colours(picture: str) -> set[str | None]:
    return {path.get("stroke") for path in drawn(picture).iter(f"{SVG}path")}


spans = st.lists(
    st.tuples(st.floats(0, 3600), st.floats(0, 60)).map(lambda t: Span(t[0], sum(t))), max_size=20
)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 90_000), spans)
def test_any_sound_can_be_drawn(levels: list[float], seconds: float, speech: list[Span]) -> None:
    drawn(waveform(levels, seconds, speech))


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=30), spans, max_size=15), st.floats(0, 90_000))
def test_any_speakers_can_be_drawn(rows: dict[str, list[Span]], seconds: float) -> None:
    picture = timeline(rows, seconds)
    if rows:
        drawn(picture)
    else:
        assert picture == NOTHING


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 1)), max_size=40),
    st.floats(0, 3600),
    spans,
)
def test_any_words_can_be_drawn(
    words: list[tuple[float, float]], seconds: float, unheard: list[Span]
) -> None:
    drawn(probabilities(words, seconds, unheard))


def test_speech_and_clipping_are_seen() -> None:
    assert len(colours(waveform([0.1, 0.2], 2))) == 1
    assert len(colours(waveform([0.1, 0.2, 1.0], 3, [Span(1.0, 1.9)]))) == 3


def test_names_are_seen_and_stay_text() -> None:
    rows = {"<script>alert(1)</script>": [Span(0.0, 1.0)], "Zoé | *x*": [Span(1.0, 2.0)]}
    texts = [text.text for text in drawn(timeline(rows, 2)).iter(f"{SVG}text")]
    assert texts == ["<script>alert(1)<…", "Zoé | *x*"]
    result = of_result(RESULT)
    assert [text.text for text in drawn(result).iter(f"{SVG}text")] == ["Anne B.", "Speaker 2"]


def test_the_threshold_divides_people_from_strangers() -> None:
    def identity(label: str, person: str | None, score: float) -> Identity:
        return Identity(label, person, person, score, None, None, 3.0, "", "")

    identities = SpeakerIdentities(
        recording_id="a",
        model="m",
        threshold=0.5,
        enrolled=["anne"],
        identities=[identity("SPEAKER_00", "anne", 0.9), identity("SPEAKER_01", None, 0.2)],
    )
    anne, stranger, threshold = drawn(scores(identities)).iter(f"{SVG}path")
    end = 120 + 0.5 * 480
    assert threshold.get("d") == f"M{end:.0f},0v32"
    assert anne.get("stroke") != stranger.get("stroke")
    assert scores(identities.model_copy(update={"identities": []})) == NOTHING


@pytest.mark.parametrize(
    ("span", "columns"),
    [
        (Span(0.0, 10.0), [True] * 4),
        (Span(2.5, 2.6), [False, True, False, False]),
        (Span(9.99, 12.0), [False, False, False, True]),
    ],
)
def test_a_span_is_in_its_columns(span: Span, columns: list[bool]) -> None:
    assert where([span], 10.0, 4) == columns
    assert sum(run.duration for run in runs(columns)) == sum(columns)
