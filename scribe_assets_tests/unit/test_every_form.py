"""Every form is read by a library that has not written it, and nothing that is said is lost."""

import csv
import html
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats import BINARY, FORMATS
from scribe_assets_tests.unit.random_results import results
from scribe_assets_tests.unit.results import RESULT, segment

Row = tuple[float, float, str]
"""Start and end in seconds, and text."""

SCRIPTS = RESULT.model_copy(
    update={
        "segments": [
            segment(0, "SPEAKER_00", "שלום", "לכולם.", language="he"),
            segment(5, "SPEAKER_01", "مرحبا", "بكم", "(1)", language="ar"),
            segment(9, "SPEAKER_00", "明日", "は", "晴れ。", text="明日は晴れ。", language="ja"),
            segment(12, "SPEAKER_01", "नमस्ते", "안녕하세요", "🙂"),
        ]
    }
)


def letters(text: str) -> Counter[str]:
    """The letters and digits of a text, however they are composed: forms differ in the rest, as
    some characters mean something there."""
    apart = unicodedata.normalize("NFD", text)
    return Counter(character for character in apart if unicodedata.category(character)[0] in "LN")


def said(result: Result) -> list[Row]:
    return [
        (each.start, each.end, " ".join(word.word for word in each.words))
        for each in result.segments
    ]


def text_of(rows: Iterable[Row]) -> str:
    return " ".join(text for *_, text in rows)


def assert_in_order(rows: list[Row]) -> None:
    """Each has a length, and ends before the next one begins."""
    assert all(0 <= start < end for start, end, _ in rows)
    assert all(left[1] <= right[0] for left, right in pairwise(rows))


def read_file(content: str, suffix: str, reader: Callable[[str], list[Row]]) -> list[Row]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"result{suffix}"
        file.write_text(content, "utf-8")
        return reader(str(file))


def srt(content: str) -> list[Row]:
    import srt

    return [
        (cue.start.total_seconds(), cue.end.total_seconds(), cue.content)
        for cue in srt.parse(content, ignore_errors=False)
    ]


def vtt(content: str) -> list[Row]:
    import webvtt

    return [
        (
            cue.start_time.in_milliseconds() / 1000,
            cue.end_time.in_milliseconds() / 1000,
            html.unescape(cue.text),
        )
        for cue in webvtt.from_string(content).captions
    ]


def labels(content: str) -> list[Row]:
    lines = csv.reader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [(float(start), float(end), text) for start, end, text in lines]


def table(content: str) -> list[Row]:
    import pandas

    rows = pandas.read_csv(io.StringIO(content), keep_default_na=False, dtype={"text": str})
    return list(rows[["start", "end", "text"]].itertuples(index=False, name=None))


def seglst(content: str) -> list[Row]:
    import meeteval

    lines = meeteval.io.SegLST(json.loads(content))  # its `parse` wants simplejson
    return [(float(line["start_time"]), float(line["end_time"]), line["words"]) for line in lines]


def stm(content: str) -> list[Row]:
    import meeteval

    lines = meeteval.io.STM.parse(content)
    return [(float(line.begin_time), float(line.end_time), line.transcript) for line in lines]


def ctm(content: str) -> list[Row]:
    import meeteval

    return [
        (float(line.begin_time), float(line.begin_time + line.duration), line.word)
        for line in meeteval.io.CTM.parse(content)
    ]


SUBTITLES = {"srt": srt, "vtt": vtt}
OF_SEGMENTS = {"audacity": labels, "csv": table, "seglst": seglst, "stm": stm}


@pytest.mark.parametrize("form", SUBTITLES)
@given(results())
def test_subtitles(form: str, result: Result) -> None:
    rows = SUBTITLES[form](FORMATS[form].render(result))
    assert_in_order(rows)
    names = [result.display_name(each.speaker) for each in result.segments]
    shown = letters(text_of(rows))
    assert letters(text_of(said(result))) <= shown
    assert shown <= letters(text_of(said(result)) + " ".join(names))


@pytest.mark.parametrize("form", OF_SEGMENTS)
@given(results())
def test_a_line_a_segment(form: str, result: Result) -> None:
    rows = OF_SEGMENTS[form](FORMATS[form].render(result))
    for (start, end, text), segment_ in zip(rows, result.segments, strict=True):
        assert (start, end) == (segment_.start, segment_.end)
        (whole,) = said(result.model_copy(update={"segments": [segment_]}))
        name = result.display_name(segment_.speaker) if form == "audacity" else ""
        assert letters(text) == letters(name + whole[2])


@given(results())
def test_ctm(result: Result) -> None:
    rows = ctm(FORMATS["ctm"].render(result))
    assert letters(text_of(rows)) == letters(text_of(said(result)))
    assert all(0 <= start <= end for start, end, _ in rows)
    assert [start for start, *_ in rows] == sorted(start for start, *_ in rows)


@given(results())
def test_rttm(result: Result) -> None:
    from pyannote.database.util import load_rttm

    def read(file: str) -> list[Row]:
        turns = [
            (turn.start, turn.end, name)
            for annotation in load_rttm(file).values()
            for turn, _, name in annotation.itertracks(yield_label=True)
        ]
        return sorted(turns)

    turns = read_file(FORMATS["rttm"].render(result), ".rttm", read)
    expected = [(each.start, each.end) for each in result.segments if each.end > each.start]
    assert [turn[:2] for turn in turns] == [pytest.approx(each) for each in expected]


@given(results())
def test_textgrid(result: Result) -> None:
    from pympi.Praat import TextGrid

    def read(file: str) -> list[Row]:
        rows = []
        for tier in TextGrid(file, codec="utf-8").get_tiers():
            at = 0.0
            for start, end, text in tier.get_all_intervals():
                assert start == at
                assert start < end
                at = end
                if " - words" in tier.name:
                    rows.append((start, end, text))
            assert at == tier.xmax >= result.duration
        return rows

    rows = read_file(FORMATS["textgrid"].render(result), ".TextGrid", read)
    assert letters(text_of(rows)) == letters(text_of(said(result)))


@given(results())
def test_eaf(result: Result) -> None:
    from pympi import Eaf

    def read(file: str) -> list[Row]:
        rows, eaf = [], Eaf(file, suppress_version_warning=True)
        slots = eaf.timeslots.values()
        assert [*slots] == sorted(slots)
        for name in eaf.get_tier_names():
            found = sorted(eaf.get_annotation_data_for_tier(name))
            assert_in_order(found)
            parent = eaf.get_parameters_for_tier(name).get("PARENT_REF")
            if parent:
                around = eaf.get_annotation_data_for_tier(parent)
                for start, end, *_ in found:
                    assert any(outer[0] <= start and end <= outer[1] for outer in around)
                rows += found
        return rows

    rows = read_file(FORMATS["eaf"].render(result), ".eaf", read)
    assert letters(text_of(rows)) == letters(text_of(said(result)))


@given(results())
def test_docx(result: Result) -> None:
    import docx

    document = docx.Document(io.BytesIO(BINARY["docx"].render(result)))
    paragraphs = [p for p in document.paragraphs[2:] if p.style and p.style.name == "Normal"]
    assert len(paragraphs) == max(1, len(result.segments))
    for paragraph, (_, _, text) in zip(paragraphs, said(result), strict=False):
        time, words = paragraph.runs
        assert re.fullmatch(r"\d+:\d\d  ", time.text)
        assert letters(words.text) == letters(text)
    headings = [p.text for p in document.paragraphs if p.style and p.style.name == "Heading 1"]
    assert set(headings) == {result.display_name(each.speaker) for each in result.segments}


@given(results())
def test_markdown(result: Result) -> None:
    from markdown_it import MarkdownIt

    blocks = MarkdownIt("commonmark").enable("table").parse(FORMATS["md"].render(result))
    assert {block.type for block in blocks} <= {
        *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"),
        *("blockquote_open", "blockquote_close"),
    }
    assert [block.tag for block in blocks if block.type == "heading_open"] == ["h1"]
    parts = [part for block in blocks for part in block.children or []]
    assert {part.type for part in parts} <= {
        *("text", "text_special", "softbreak", "strong_open", "strong_close", "em_open", "em_close")
    }
    shown = letters(" ".join(part.content for part in parts[1:]))
    assert letters(text_of(said(result))) <= shown


@given(results())
def test_plain_text(result: Result) -> None:
    blocks = FORMATS["txt"].render(result).removesuffix("\n").split("\n\n")
    assert letters(text_of(said(result))) <= letters(" ".join(blocks[1:]))
    assume(all(one_line(each.text) for each in result.segments))  # a turn of nothing has no line
    changes = [0] + [left.speaker != right.speaker for left, right in pairwise(result.segments)]
    assert len(blocks) == 2 + sum(changes) + len(result.warnings)
    assert [block.count("\n") for block in blocks if "\n" in block] == [1] * (
        1 + len(result.segments[:1]) + sum(changes)
    )


@given(results())
def test_html(result: Result) -> None:
    import html5lib

    page = html5lib.HTMLParser(strict=True).parse(FORMATS["html"].render(result))
    shown = letters(" ".join(page.find("{*}body").itertext()))
    assert letters(text_of(said(result))) <= shown
    scripts = [element.text for element in page.iter("{http://www.w3.org/1999/xhtml}script")]
    assert "x" not in scripts


@pytest.mark.parametrize("form", [*SUBTITLES, *OF_SEGMENTS])
def test_other_scripts_and_directions_stay_as_they_are(form: str) -> None:
    rows = (SUBTITLES | OF_SEGMENTS)[form](FORMATS[form].render(SCRIPTS))
    shown = [text.replace("\n", " ") for _, _, text in rows]
    for one, text in zip(SCRIPTS.segments, shown, strict=True):
        assert one.text in text
