"""A label track of Audacity (its manual, "Importing and Exporting Labels"): begin, end and label
between tabulators, a line a segment."""

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format


def render(result: Result) -> str:
    """`Name: what is said`, with seconds from the start."""
    return "".join(
        f"{segment.start:.6f}\t{segment.end:.6f}\t"
        f"{result.display_name(segment.speaker)}: {one_line(segment.text)}\n"
        for segment in result.segments
    )


FORMAT = Format(
    "audacity", Result, ".labels.txt", "text/plain; charset=utf-8", render, is_stored=False
)
