"""The readable forms of documents: one module a format, each a pure function of the document.

A new format is a module with a `Format` in it, and its line in `REGISTERED`. Rendering belongs
here, with the quirks of each format. Writing the files does not (see `storage`), nor does deciding
what a document holds.
"""

from collections.abc import Iterator
from typing import Any

from scribe_assets.artifacts.documents import Document, Result
from scribe_assets.artifacts.formats import (
    csv,
    docx,
    eaf,
    html,
    labels,
    md,
    nist,
    rttm,
    seglst,
    srt,
    textgrid,
    txt,
    vtt,
)
from scribe_assets.artifacts.formats.format import D, Format

REGISTERED: list[Format[Any, str]] = [
    srt.FORMAT,
    vtt.FORMAT,
    rttm.FORMAT,
    rttm.DIARIZATION_FORMAT,
    seglst.FORMAT,
    md.FORMAT,
    html.FORMAT,
    txt.FORMAT,
    csv.FORMAT,
    nist.STM,
    nist.CTM,
    labels.FORMAT,
    textgrid.FORMAT,
    eaf.FORMAT,
]
"""All formats that are text, in the order in which their files are written."""


def formats_of(kind: type[D]) -> dict[str, Format[D, str]]:
    """The formats of a type of document, by name."""
    return {form.name: form for form in REGISTERED if form.document is kind}


def forms_of(document: Document) -> Iterator[tuple[Format[Any, str], str]]:
    """Each form that is stored beside a document: its format, and the content of the file."""
    for form in formats_of(type(document)).values():
        if form.is_stored:
            yield form, form.render(document)


FORMATS = formats_of(Result)
"""Those of a result, by the name used on the command line; `json` is the result itself."""

BINARY: dict[str, Format[Result, bytes]] = {form.name: form for form in (docx.FORMAT,)}
"""Those of a result that are no text, made when asked for."""
