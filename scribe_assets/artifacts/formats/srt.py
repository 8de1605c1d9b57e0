"""SubRip subtitles: numbered blocks of a time line and text, with a blank line after each.

There is no standard; players agree on `HH:MM:SS,mmm --> HH:MM:SS,mmm`
(https://wiki.videolan.org/SubRip/). Most take `<…>` for HTML and `{\\…}` for commands, and show
neither; there is no way to escape them, so brackets that look alike stand for them.
"""

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.cues import cues, timestamp
from scribe_assets.artifacts.formats.format import Format

LOOK_ALIKE = str.maketrans({"<": "‹", ">": "›", "{": "❴", "}": "❵"})


def render(result: Result) -> str:
    """One block a cue, the speaker before the first word of each segment."""
    return "".join(
        f"{number}\n{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}\n"
        + "\n".join(map(escape, cue.lines))
        + "\n\n"
        for number, cue in enumerate(cues(result, lead="{speaker}: "), start=1)
    )


def escape(line: str) -> str:
    """A line without an arrow, as some players take any line with one for a time line, and without
    what they take for markup.

    >>> escape('Anne: this --> that <b>')
    'Anne: this → that ‹b›'
    """
    return line.replace("-->", "→").translate(LOOK_ALIKE)


FORMAT = Format("srt", Result, ".srt", "application/x-subrip; charset=utf-8", render)
