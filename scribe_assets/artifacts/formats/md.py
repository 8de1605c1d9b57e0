"""Markdown, to read and to paste (CommonMark, https://spec.commonmark.org/)."""

import re

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format


def render(result: Result) -> str:
    """A heading, the facts, and a paragraph for each change of speaker."""
    lines = [f"# {escape(result.source.key)}", "", facts(result), ""]
    speaker: str | None = ""
    for segment in result.segments:
        if segment.speaker != speaker:
            speaker = segment.speaker
            lines += [
                "",
                f"**{escape(result.display_name(speaker))}** · {clock(segment.start)}",
                "",
            ]
        lines.append(escape(segment.text))
    if not result.segments:
        lines.append("*No speech.*")
    return "\n".join(lines) + "\n"


def facts(result: Result) -> str:
    """Length, language and speakers in a line."""
    names = ", ".join(result.display_name(speaker.label) for speaker in result.speakers)
    parts = [clock(result.duration), result.language or "", names]
    return " · ".join(escape(part) for part in parts if part)


def clock(seconds: float) -> str:
    """Hours only where there are any.

    >>> clock(75.9), clock(3723.4)
    ('1:15', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def escape(text: str) -> str:
    r"""Text that Markdown would take for markup.

    >>> escape("*a* [b] <c> # d_e")
    '\\*a\\* \\[b\\] \\<c\\> # d\\_e'
    """
    escaped = re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)
    return re.sub(r"^(\s*)([#+-]|\d+[.)])(?=\s)", r"\1\\\2", escaped)


FORMAT = Format("md", Result, ".md", "text/markdown; charset=utf-8", render)
