"""A table of the segments (RFC 4180, with plain line ends), for spreadsheets and data frames."""

import csv
import io

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format

COLUMNS = ("start", "end", "speaker", "person_id", "name", "language", "text")
FORMULA = ("=", "+", "-", "@")
"""A spreadsheet takes text that begins so for something to compute."""


def render(result: Result) -> str:
    """A line of names, and a line a segment. Times are seconds."""
    people = {speaker.label: speaker for speaker in result.speakers}
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for segment in result.segments:
        person = people.get(segment.speaker or "")
        table.writerow(
            [
                f"{segment.start:.3f}",
                f"{segment.end:.3f}",
                segment.speaker or "",
                cell(person.person_id if person else None),
                cell(person.name if person else None),
                segment.language or result.language or "",
                cell(segment.text),
            ]
        )
    return file.getvalue()


def cell(text: str | None) -> str:
    """Text of others in one line, which no spreadsheet computes.

    >>> cell("=1+1"), cell("Yes, 1+1.")
    ("'=1+1", 'Yes, 1+1.')
    """
    line = one_line(text or "")
    return f"'{line}" if line.startswith(FORMULA) else line


FORMAT = Format("csv", Result, ".csv", "text/csv; charset=utf-8", render, is_stored=False)
