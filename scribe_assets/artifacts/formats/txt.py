"""Plain text for people: a paragraph for each change of speaker, with its time."""

from itertools import groupby

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.plain import clock, facts, typeset, visible
from scribe_assets.speech.words import join_texts


def render(result: Result) -> str:
    """Key and facts, then `Name [1:02:03]` above what each one says."""
    parts = [f"{visible(result.source.key)}\n{facts(result)}\n"]
    parts += [f"{visible(warning)}\n" for warning in result.warnings]
    for speaker, group in groupby(result.segments, key=lambda segment: segment.speaker):
        segments = list(group)
        said = join_texts(
            (
                typeset(one_line(segment.text), segment.language or result.language),
                segment.language or result.language,
            )
            for segment in segments
        )
        parts.append(f"{result.display_name(speaker)} [{clock(segments[0].start)}]\n{said}\n")
    if not result.segments:
        parts.append("No speech.\n")
    return "\n".join(parts)


FORMAT = Format("txt", Result, ".txt", "text/plain; charset=utf-8", render, is_stored=False)
