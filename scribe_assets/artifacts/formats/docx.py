"""A document of word processors (ECMA-376, Office Open XML), written by python-docx: a title, a
heading for each change of speaker, and a paragraph a segment with its time."""

import io
import unicodedata
from datetime import UTC
from typing import TYPE_CHECKING

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.plain import clock, facts, typeset, visible

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

MAX_PROPERTY = 255
"""Characters of a property such as the title."""

GREY = 0x59, 0x59, 0x59
"""Of times: 7:1 on white (WCAG 2.2, 1.4.6)."""

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def render(result: Result) -> bytes:
    """The file. Speakers are headings, so that word processors list them to jump to."""
    import docx

    document = docx.Document()
    _describe(document, result)
    document.add_heading(visible(result.source.key), level=0)
    document.add_paragraph(visible(facts(result)))
    for warning in result.warnings:
        document.add_paragraph(visible(warning), style="Quote")
    heading = document.styles["Heading 1"].style_id
    names = {label: result.display_name(label) for label in {s.speaker for s in result.segments}}
    speaker: str | None = ""
    for segment in result.segments:
        if segment.speaker != speaker:
            speaker = segment.speaker
            # Each `style=` would look through all styles.
            document.add_paragraph(names[speaker])._p.style = heading
        language = segment.language or result.language
        paragraph = document.add_paragraph()
        _say(paragraph, clock(segment.start), typeset(one_line(segment.text), language), language)
    if not result.segments:
        document.add_paragraph().add_run("No speech.").italic = True
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _describe(document: "Document", result: Result) -> None:
    """The properties of the file, in place of those of the library's template."""
    properties = document.core_properties
    properties.title = visible(result.source.key)[:MAX_PROPERTY]
    properties.author = properties.comments = ""
    properties.language = result.language or ""
    made_at = result.source.last_modified.astimezone(UTC).replace(tzinfo=None)
    properties.created = properties.modified = made_at


def _say(paragraph: "Paragraph", time: str, text: str, language: str | None) -> None:
    """Time and text, with the direction of the writing, and the language for spelling checkers."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    paragraph.add_run(f"{time}  ").font.color.rgb = RGBColor(*GREY)
    said = paragraph.add_run(text)
    if is_right_to_left(text):
        paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
        said.font.rtl = True
    if language:
        element = OxmlElement("w:lang")
        for kind in ("val", "eastAsia", "bidi"):
            element.set(qn(f"w:{kind}"), language)
        said._r.get_or_add_rPr().append(element)


def is_right_to_left(text: str) -> bool:
    """Whether a text begins so, by its first letter (Unicode standard annex 9, rules P2 and P3).

    >>> is_right_to_left("« שלום"), is_right_to_left("Shalom"), is_right_to_left("1")
    (True, False, False)
    """
    directions = map(unicodedata.bidirectional, text)
    return next((each for each in directions if each in ("L", "R", "AL")), "L") != "L"


FORMAT = Format("docx", Result, ".docx", MEDIA_TYPE, render, is_stored=False)
