"""`result.html` in Chromium, as somebody has it who got a folder by mail."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from scribe_assets.artifacts.formats import html
from scribe_assets_tests.pages import (
    NEAR,
    SECONDS,
    Open,
    Opener,
    long_talk,
    speakers,
    talk,
    words_of,
)
from scribe_assets_tests.unit.results import RESULT, segment

PICTURE = os.environ.get("SCRIBE_PAGE_PICTURE")
"""Where to keep the picture of the page, for the docs."""


@pytest.fixture
def opened(open_page: Opener) -> Open:
    return open_page(html.render(talk()))


def test_a_click_on_a_word_puts_the_sound_there(opened: Open) -> None:
    words = words_of(talk())
    for number in (0, 11, 40, len(words) - 1):
        opened.page.locator("p[data-first] > span").nth(number).click()
        assert abs(opened.time() - words[number].start) < NEAR
        assert len(opened.lit()) == 1
        assert opened.state("document.querySelector('audio').paused")


def test_a_click_on_a_time_plays_from_there_and_the_spoken_word_is_lit(opened: Open) -> None:
    result = talk()
    opened.page.locator("a.time").nth(2).click()
    start = result.segments[2].start
    opened.until(f"document.querySelector('audio').currentTime > {start + 1.5}")
    opened.page.keyboard.press("Space")
    assert opened.state("document.querySelector('audio').paused")
    time = opened.time()
    (spoken,) = [word for word in words_of(result) if word.start <= time + 0.02 < word.end]
    opened.until(f"document.querySelector('.now')?.textContent[0] === '{spoken.word[0]}'")
    assert len(opened.lit()) == 1


def test_a_click_in_the_timeline_puts_the_sound_there(opened: Open) -> None:
    box = opened.page.locator("#timeline").bounding_box()
    assert box
    opened.page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert abs(opened.time() - SECONDS / 4) < SECONDS / box["width"] + NEAR
    assert opened.page.locator("#timeline").get_attribute("aria-valuetext") == "0:30"


def test_a_link_to_a_moment_begins_there(opened: Open) -> None:
    opened.page.goto(opened.page.url + "#t=13")
    assert abs(opened.time() - 13) < NEAR


def test_the_search_folds_accents_and_case(opened: Open) -> None:
    page = opened.page
    page.keyboard.press("/")
    page.keyboard.type("ETE")
    opened.found("1 / 2")
    assert page.locator(".here").all_inner_texts() == ["l'été\u202f?"]
    page.keyboard.press("Enter")
    opened.found("2 / 2")
    assert page.locator(".here").all_inner_texts() == ["l'été"]
    page.keyboard.press("Enter")
    opened.found("1 / 2")
    page.keyboard.press("Shift+Enter")
    opened.found("2 / 2")
    for written, count in {
        "la soeur  de PAUL": "1 / 1",
        "qui s’en": "1 / 1",
        "xyz": "0 / 0",
    }.items():
        page.locator("#search").fill(written)
        opened.found(count)
    page.locator("#search").fill("la soeur")
    opened.found("1 / 1")
    assert page.locator(".here").all_inner_texts() == ["la", "sœur"]
    page.get_by_label("Suivant").click()
    page.keyboard.press("Escape")
    opened.found("")
    assert page.locator(".hit, .here").count() == 0


def test_keys(opened: Open) -> None:
    page = opened.page
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert abs(opened.time() - 10) < NEAR
    page.keyboard.press("ArrowLeft")
    assert abs(opened.time() - 5) < NEAR
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert opened.state("document.querySelector('audio').playbackRate") == 1.5
    assert page.locator("#speed").input_value() == "1.5"
    page.keyboard.press("-")
    assert opened.state("document.querySelector('audio').playbackRate") == 1.25
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("ArrowRight")
    assert abs(opened.time() - 5) < NEAR, "keys are for the help while it is there"
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    page.keyboard.press("/")
    page.keyboard.type("a b?")
    assert page.locator("#search").input_value() == "a b?"
    assert opened.state("document.querySelector('audio').paused")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    opened.until("!document.querySelector('audio').paused")


def test_the_spoken_word_is_kept_in_view_until_somebody_scrolls(open_page: Opener) -> None:
    opened = open_page(html.render(long_talk(300, 3)))
    page = opened.page
    page.locator("a.time").nth(5).click()
    in_view = """(() => {
      const box = document.querySelector(".now")?.getBoundingClientRect();
      const bar = document.getElementById("bar").getBoundingClientRect();
      return box && box.top >= bar.bottom - 1 && box.bottom <= innerHeight;
    })()"""
    page.evaluate("document.querySelector('audio').currentTime = 70")
    opened.until(in_view)
    assert page.locator("#back").is_hidden()
    page.mouse.move(500, 600)
    page.mouse.wheel(0, -5000)
    page.locator("#back").wait_for(state="visible")
    opened.until("scrollY === 0")
    opened.until(f"document.querySelector('audio').currentTime > {opened.time() + 1}")
    page.wait_for_timeout(600)
    assert opened.state("scrollY") == 0
    page.locator("#back").click()
    opened.until(in_view)
    assert page.locator("#back").is_hidden()


HOSTILE = (
    *("</script><script>window.evil=1</script>", "<img/src=http://127.0.0.1:9/x/onerror=evil=1>"),
    *("-->", "<!--", "\u202eright", "nul\x00l", "שלום", '"onclick="evil=1'),
)


def test_hostile_text_stays_text_and_nothing_is_loaded(open_page: Opener) -> None:
    said = segment(0, "SPEAKER_00", *HOSTILE)
    name = "<script>window.evil=1</script>"
    result = RESULT.model_copy(update={"segments": [said], "speakers": speakers(name)})
    opened = open_page(html.render(result))
    assert opened.page.locator("p[data-first] > span").all_inner_texts() == [
        *HOSTILE[:4],
        *("�right", "nul␀l", *HOSTILE[6:]),
    ]
    assert opened.page.locator("h2").first.inner_text() == name
    assert opened.state("typeof window.evil") == "undefined"
    assert opened.told == []
    assert {Path(url).name for url in opened.requests} == {"result.html", "audio.flac"}
    assert len({url.rpartition("/")[0] for url in opened.requests}) == 1


def test_what_got_into_a_page_all_the_same_neither_runs_nor_loads(open_page: Opener) -> None:
    evil = (
        "<script>window.evil=1</script><img src='http://127.0.0.1:9/a' onerror='window.evil=1'>"
        "<link rel='stylesheet' href='http://127.0.0.1:9/b'><iframe src='http://127.0.0.1:9/c'>"
        "</iframe><p style='color: red'>x</p>"
    )
    opened = open_page(html.render(talk()).replace("</main>", f"{evil}</main>"))
    assert opened.state("typeof window.evil") == "undefined"
    refused = [told for told in opened.told if "Content Security Policy" in told]
    assert len(refused) >= 5, opened.told
    assert not [url for url in opened.requests if not url.startswith("file:")]


def test_it_says_so_where_there_is_no_sound(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "alone.html").write_text(html.render(talk()))
    page = browser.new_page()
    page.goto((tmp_path / "alone.html").as_uri())
    page.locator("#no-audio").wait_for(state="visible")
    page.locator("p[data-first] > span").nth(3).click()
    assert page.locator(".now").count() == 1, "the text can be read and searched all the same"
    page.close()


def test_a_recording_without_speech_is_a_page_too(open_page: Opener) -> None:
    opened = open_page(html.render(talk().model_copy(update={"segments": [], "speakers": []})))
    opened.page.keyboard.press("ArrowRight")
    assert abs(opened.time() - 5) < NEAR
    opened.page.locator("#search").fill("a")
    opened.found("0 / 0")
    assert opened.page.get_by_text("Aucune parole.").is_visible()
    assert opened.told == []


LONG_TASK = 50.0
"""Milliseconds from which a task is a long one (W3C, "Long Tasks")."""


def test_twelve_thousand_words_are_smooth(browser: Browser, open_page: Opener) -> None:
    """What counts is the processor's time, of which a busy machine takes nothing away."""
    page = open_page(html.render(long_talk(12_000, 12))).page
    page.wait_for_timeout(500)
    categories = ["toplevel", "disabled-by-default-devtools.timeline"]
    browser.start_tracing(page=page, categories=categories)
    try:
        read_and_search(page)
    finally:
        trace = json.loads(browser.stop_tracing())
    tasks = milliseconds_of_tasks(trace["traceEvents"], page.url)
    assert len(tasks) > 100
    assert max(tasks) < LONG_TASK


def milliseconds_of_tasks(events: list[dict[str, Any]], url: str) -> list[float]:
    """What each task of a page's main thread took of the processor. Chromium has pages of its own
    beside it."""
    (begun,) = [event for event in events if event["name"] == "TracingStartedInBrowser"]
    (process,) = [
        frame["processId"] for frame in begun["args"]["data"]["frames"] if frame["url"] == url
    ]
    (thread,) = [
        event["tid"]
        for event in events
        if event["name"] == "thread_name"
        and event["pid"] == process
        and event["args"]["name"] == "CrRendererMain"
    ]
    return [
        event["tdur"] / 1000
        for event in events
        if event["name"].endswith("RunTask")
        and "tdur" in event  # the last one has not ended
        and (event["pid"], event["tid"]) == (process, thread)
    ]


def read_and_search(page: Page) -> None:
    """What people do: scroll, play, go elsewhere, search for much and for little."""
    page.mouse.move(500, 600)
    for _ in range(5):
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
    page.mouse.click(500, 600)
    page.keyboard.press("Space")
    page.wait_for_timeout(1000)
    box = page.evaluate("document.getElementById('timeline').getBoundingClientRect().toJSON()")
    for share in (0.01, 0.02):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + 5)
        page.wait_for_timeout(300)
    page.keyboard.press("/")
    for written in ("e", "et", "ete", "oeuvre"):
        page.keyboard.press("Control+a")
        page.keyboard.type(written)
        page.wait_for_timeout(300)
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(100)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(open_page: Opener, scheme: str) -> None:
    result = long_talk(200, 14)
    result = result.model_copy(update={"warnings": ["the file ends early"]})
    opened = open_page(html.render(result), color_scheme=scheme)
    opened.page.locator("p[data-first] > span").nth(1).click()
    opened.page.locator("#search").fill("et")
    opened.page.locator(".here").first.wait_for()
    assert faults(opened.page) == []
    opened.page.locator("#ask").click()
    assert faults(opened.page) == []


def faults(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds that is more than a blemish, and where first."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (fault["id"], fault["nodes"][0]["html"])
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def test_the_picture_of_the_page(open_page: Opener, tmp_path: Path) -> None:
    """`SCRIBE_PAGE_PICTURE=docs/result.png pytest -k picture_of_the` makes that of the docs."""
    result = talk()
    result = result.model_copy(update={"duration": result.segments[-1].end + 1})
    opened = open_page(html.render(result), viewport={"width": 900, "height": 900})
    page = opened.page
    page.locator("#search").fill("lundi")
    opened.found("1 / 2")
    page.locator("p[data-first] > span").nth(24).click()
    page.mouse.move(5, 5)
    assert page.locator(".unsure").count() == 2  # one of them in the help
    page.screenshot(path=PICTURE or tmp_path / "result.png")


def test_it_is_printed_without_what_only_a_screen_needs(open_page: Opener) -> None:
    opened = open_page(html.render(long_talk(600, 3)), color_scheme="dark")
    opened.page.emulate_media(media="print")
    for hidden in ("audio", "#tools", "#place"):
        assert opened.page.locator(hidden).is_hidden()
    assert opened.page.locator("#timeline").is_visible()
    paper = "getComputedStyle(document.body).backgroundColor"
    assert opened.state(paper) == "rgb(255, 255, 255)"
