"""The formats a result can be read in: one module a format, each a pure function of the result."""

from collections.abc import Callable
from dataclasses import dataclass

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats import html, md, rttm, seglst, srt, vtt


@dataclass(frozen=True)
class Format:
    """A readable form of a result: file suffix, media type, renderer."""

    suffix: str
    content_type: str
    render: Callable[[Result], str]


FORMATS: dict[str, Format] = {
    "srt": Format(".srt", "application/x-subrip; charset=utf-8", srt.render),
    "vtt": Format(".vtt", "text/vtt; charset=utf-8", vtt.render),
    "rttm": Format(".rttm", "text/plain; charset=utf-8", rttm.render),
    "seglst": Format(".seglst.json", "application/json", seglst.render),
    "md": Format(".md", "text/markdown; charset=utf-8", md.render),
    "html": Format(".html", "text/html; charset=utf-8", html.render),
}
"""By the name used on the command line; `json` is the result itself."""
