"""What a word processor shows of a result."""

import io

import docx
from docx.document import Document

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats import BINARY
from scribe_assets_tests.unit.results import RESULT, segment


def word(result: Result) -> Document:
    """What a word processor reads."""
    return docx.Document(io.BytesIO(BINARY["docx"].render(result)))


def test_docx_has_a_title_the_facts_speakers_as_headings_and_times() -> None:
    paragraphs = word(RESULT).paragraphs
    assert [(p.style and p.style.name, p.text) for p in paragraphs] == [
        ("Title", "default/meeting_1.mp4"),
        ("Normal", "1:01:40 · en · Anne B., Speaker 2"),
        ("Heading 1", "Anne B."),
        ("Normal", "0:01  Hello, *R&D* <people>!"),
        ("Heading 1", "Speaker 2"),
        ("Normal", "1:00:00  Bonjour à tous."),
    ]
    silent = word(RESULT.model_copy(update={"segments": [], "warnings": ["a hole of 2 s"]}))
    assert [p.text for p in silent.paragraphs[2:]] == ["a hole of 2 s", "No speech."]


def test_docx_tells_the_language_and_the_direction_of_what_is_said() -> None:
    said = [
        segment(0, "SPEAKER_00", "Ça", "va ?", language="fr"),
        segment(5, "SPEAKER_00", "שלום", language="he"),
    ]
    document = word(RESULT.model_copy(update={"segments": said}))
    french, hebrew = document.paragraphs[-2:]
    assert french.text == "0:00  Ça va\u202f?"
    assert french._p.xpath(".//w:lang/@w:val") == ["fr"]
    assert (french.runs[1].font.rtl, hebrew.runs[1].font.rtl) == (None, True)
    assert [len(p._p.xpath("./w:pPr/w:bidi")) for p in (french, hebrew)] == [0, 1]


def test_docx_says_nothing_of_the_library_that_wrote_it() -> None:
    properties = word(RESULT).core_properties
    assert properties.title == "default/meeting_1.mp4"
    assert properties.author == properties.comments == ""
    assert properties.created == RESULT.source.last_modified
