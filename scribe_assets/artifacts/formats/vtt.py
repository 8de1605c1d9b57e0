"""WebVTT subtitles (W3C, https://www.w3.org/TR/webvtt1/): a header, then blocks of a time line and
text. The speaker is a voice span, `<v Name>`; `&`, `<` and `>` are escaped."""

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.cues import cues, timestamp
from scribe_assets.artifacts.formats.format import Format


def render(result: Result) -> str:
    """One block a cue."""
    blocks = (
        f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}\n"
        f"<v {annotation(cue.speaker)}>" + "\n".join(map(escape, cue.lines)) + "\n\n"
        for cue in cues(result)
    )
    return "WEBVTT\n\n" + "".join(blocks)


def escape(text: str) -> str:
    """Text as cue text.

    >>> escape("R&D -> <b>")
    'R&amp;D -&gt; &lt;b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def annotation(name: str) -> str:
    """A name as it stands in a tag, whose end makes no arrow of it.

    >>> annotation("Anne --")
    'Anne -&#45;'
    """
    escaped = escape(name)
    return f"{escaped[:-1]}&#45;" if escaped.endswith("--") else escaped


FORMAT = Format("vtt", Result, ".vtt", "text/vtt; charset=utf-8", render)
