"""`result.html` as text: what stands in it, and what may run and load."""

import base64
import hashlib
import json
import re
from html import unescape
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats import html
from scribe_assets.artifacts.formats.page import texts
from scribe_assets.artifacts.formats.page.colours import (
    NIGHT,
    PAPER,
    contrast,
    speaker_colours,
)
from scribe_assets.speech.timeline import SpokenSegment
from scribe_assets_tests.unit.results import RESULT, PageText, segment

AA = 4.5
"""Contrast of text (WCAG 2.2, 1.4.3)."""


def result_of(*segments: SpokenSegment, **fields: object) -> Result:
    return RESULT.model_copy(update={"segments": [*segments], **fields})


def test_colours_of_speakers_can_be_read_by_light_and_in_the_dark() -> None:
    for colour in speaker_colours(60):
        assert contrast(colour.by_light, PAPER) >= AA
        assert contrast(colour.in_the_dark, NIGHT) >= AA


def oklab(colour: str) -> np.ndarray:
    """The colour in a space with distances as they are seen (Ottosson, "A perceptual color space
    for image processing", 2020)."""
    channels = np.array([*bytes.fromhex(colour[1:])]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ linear
    )
    seen: np.ndarray = (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )
    return seen


@pytest.mark.parametrize("background", ["by_light", "in_the_dark"])
def test_colours_of_twelve_speakers_can_be_told_apart(background: str) -> None:
    seen = [oklab(getattr(colour, background)) for colour in speaker_colours(12)]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 0.075


def test_the_first_colours_do_not_depend_on_how_many_there_are() -> None:
    assert speaker_colours(20)[:3] == speaker_colours(3)


def schemes() -> list[dict[str, str]]:
    """The colours of page.css by name, by light and in the dark."""
    css = (files("scribe_assets.artifacts.formats") / "page" / "page.css").read_text("utf-8")
    blocks = re.findall(r":root \{([^}]*--page[^}]*)\}", css)
    return [dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block)) for block in blocks]


def test_text_can_be_read_on_every_background() -> None:
    by_light, in_the_dark = schemes()
    assert (by_light["page"], in_the_dark["page"]) == (PAPER, NIGHT)
    for colours in (by_light, in_the_dark):
        for behind in ("page", "unsure", "now", "hit", "here", "line"):
            assert contrast(colours["text"], colours[behind]) >= AA, behind
        assert contrast(colours["quiet"], colours["page"]) >= AA
        assert contrast(colours["nobody"], colours["page"]) >= AA


def test_the_policy_lets_nothing_run_or_load_but_what_is_in_the_page() -> None:
    page = html.render(RESULT)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in unescape(policy).split("; "))
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "style-src": digest(style),
        "script-src": digest(script),
        "media-src": "'self' file:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r'\sstyle="|\son\w+="', page), "no policy with hashes lets these work"


def test_sound_can_be_in_the_page_itself() -> None:
    page = html.page(RESULT, "data:audio/mpeg;base64,AAAA")
    assert 'src="data:audio/mpeg;base64,AAAA"' in page
    assert "media-src data:;" in page
    assert 'src="audio.flac"' in html.render(RESULT)


HOSTILE = [
    *("</script><script>alert(1)</script>", "<img/src=x/onerror=alert(1)>", "-->", "<!--"),
    *('"onmouseover="x', "&lt;b&gt;", "$title", "${x}", "\x00\x1b[31m", "\u202eabc", "\ud800"),
]


def test_hostile_text_stays_text() -> None:
    """Words, names, languages and warnings are from models, people and files of others."""
    said = segment(0, "SPEAKER_00", *HOSTILE, language='"><b>')
    speaker = RESULT.speakers[0].model_copy(update={"name": "<b>$title</b>"})
    page = html.render(
        result_of(said, speakers=[speaker], warnings=["<i>&"], language='fr"><script>')
    )
    assert page.count("<script") == 2
    assert not re.search(r"<(b|i|img)[ >/]", page)
    assert not set(page) & set("\x00\x1b\u202e\ud800")
    shown = PageText(page).shown
    for text in (*HOSTILE[:8], "␀␛[31m", "�abc", "<b>$title</b>", "<i>&"):
        assert text in shown


def test_each_word_has_its_times_in_the_order_of_the_page() -> None:
    page = html.render(RESULT)
    (times,) = re.findall(r'<script type="application/json" id="times">(.*?)</script>', page)
    words = [word for said in RESULT.segments for word in said.words]
    assert json.loads(times) == {
        "starts": [word.start for word in words],
        "ends": [word.end for word in words],
    }
    assert [*re.findall(r'data-first="(\d+)"', page)] == ["0", "3"]


def test_a_long_speech_is_divided_at_its_sentences() -> None:
    sentence = ["word"] * 24 + ["end."]
    page = html.render(result_of(segment(0, "SPEAKER_00", *sentence * 10, step=0.25)))
    assert [*re.findall(r'data-first="(\d+)"', page)] == ["0", "75", "150", "225"]
    assert page.count("<section") == 1
    endless = html.render(result_of(segment(0, "SPEAKER_00", *["word"] * 301, step=0.25)))
    assert [*re.findall(r'data-first="(\d+)"', endless)] == ["0", "150", "300"]


def test_sheets_part_no_speaker_from_a_heading() -> None:
    """A long speech goes on in the next sheet; whoever comes next has a heading there."""
    alone = [segment(10 * n, "SPEAKER_00", "Yes.") for n in range(45)]
    page = html.render(result_of(*alone, segment(500, "SPEAKER_01", "No.")))
    assert page.count('class="sheet"') == 3
    assert page.count("<h2><bdi>") == 2
    assert [*re.findall(r'<section class="([^"]*)"', page)] == ["s0", "s0 more", "s0 more", "s1"]


def test_a_segment_without_words_keeps_its_text() -> None:
    page = html.render(result_of(SpokenSegment(0, 1, None, "Well <then>.", [])))
    assert "Well <then>." in PageText(page).shown
    assert '"starts":[]' in page


def test_a_mark_by_itself_stays_with_its_word() -> None:
    said = segment(0, "SPEAKER_00", "Un", "«", "devis", "».", "Ah", "", "oui", "?", "Oui.")
    page = html.render(result_of(said, language="fr"))
    assert "Un «\xa0devis\xa0». Ah  oui\u202f? Oui." in PageText(page).shown


def test_unsure_words_are_shaded_and_say_how_unsure() -> None:
    said = segment(0, "SPEAKER_00", "sure", "not")
    vague = type(said.words[1])(0.5, 1, "not", 0.31, "SPEAKER_00", overlap=True)
    page = html.render(result_of(SpokenSegment(0, 1, "SPEAKER_00", "", [said.words[0], vague])))
    assert '<span>sure</span> <span class="overlap unsure" title="not sure (31\u202f%)">' in page


@pytest.mark.parametrize(
    ("language", "word"), [("fr", "Vitesse"), ("en", "Speed"), ("ja", "Speed")]
)
def test_the_page_speaks_the_language_of_the_recording(language: str, word: str) -> None:
    page = html.render(result_of(*RESULT.segments, language=language))
    assert word in PageText(page).shown
    assert f'<main lang="{language}"' in page


def test_every_language_of_the_page_has_all_texts_and_no_others() -> None:
    template = (files("scribe_assets.artifacts.formats") / "page" / "page.html").read_text("utf-8")
    filled = {*re.findall(r"\$(\w+)", template), "no_speech"}
    (names,) = {frozenset(words) for words in texts.TEXTS.values()}
    assert names < filled


def test_the_timeline_has_a_lane_for_each_speaker() -> None:
    page = html.render(RESULT)
    (box,) = re.findall(r'viewBox="([^"]*)"', page)
    assert box == "0 0 3700.250 2"
    assert '<path class="s0" d="M1.50 0h1.50v1h-1.50z"/>' in page
    assert '<path class="s1" d="M3600.00 1h1.50v1h-1.50z"/>' in page
