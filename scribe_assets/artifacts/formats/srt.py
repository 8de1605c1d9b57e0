"""SubRip subtitles: numbered blocks of a time line and text, with a blank line after each.

There is no standard; players agree on `HH:MM:SS,mmm --> HH:MM:SS,mmm`
(https://wiki.videolan.org/SubRip/).
"""

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.cues import Cue, cues, timestamp
from scribe_assets.artifacts.formats.format import Format


def render(result: Result) -> str:
    """One block a cue, the speaker before the text."""
    return "".join(
        f"{number}\n{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}\n{text(cue)}\n\n"
        for number, cue in enumerate(cues(result), start=1)
    )


def text(cue: Cue) -> str:
    """What is read, without an arrow: some players take any line with one for a time line.

    >>> text(Cue(0, 1, "Anne", "this --> that"))
    'Anne: this → that'
    """
    return f"{cue.speaker}: {cue.text}".replace("-->", "→")


FORMAT = Format("srt", Result, ".srt", "application/x-subrip; charset=utf-8", render)
