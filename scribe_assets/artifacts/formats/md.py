"""Markdown, to read and to paste (CommonMark, https://spec.commonmark.org/)."""

import re

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.plain import clock, facts, typeset, visible


def render(result: Result) -> str:
    """A heading, the facts, and a paragraph for each change of speaker."""
    lines = [f"# {escape(visible(result.source.key))}", "", escape(facts(result)), ""]
    lines += [f"> {escape(visible(warning))}" for warning in result.warnings]
    speaker: str | None = ""
    for segment in result.segments:
        if segment.speaker != speaker:
            speaker = segment.speaker
            lines += [
                "",
                f"**{escape(result.display_name(speaker))}** · {clock(segment.start)}",
                "",
            ]
        language = segment.language or result.language
        lines.append(escape(typeset(one_line(segment.text), language)))
    if not result.segments:
        lines.append("*No speech.*")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    r"""Text with a backslash before what Markdown would take for markup, at the beginning of a line
    too: headings, lists, rules and fences.

    >>> escape("*a* [b] <c> # d_e")
    '\\*a\\* \\[b\\] \\<c\\> # d\\_e'
    >>> escape("1. a"), escape("---"), escape("-5")
    ('1\\. a', '\\---', '-5')
    """
    escaped = re.sub(r"([\\`*_\[\]<>|]|&(?=#?\w+;))", r"\\\1", text)
    escaped = re.sub(r"^(\s*)([#+=~-])(?=[\s#=~-]|$)", r"\1\\\2", escaped)
    return re.sub(r"^(\s*\d+)([.)])(?=\s|$)", r"\1\\\2", escaped)


FORMAT = Format("md", Result, ".md", "text/markdown; charset=utf-8", render)
