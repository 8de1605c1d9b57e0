"""The command that searches: `search`."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from scribe_assets.cli.app import ForPrograms, User, log, open_storage, out
from scribe_assets.keys import ANY_USER


def search(
    words: Annotated[list[str], typer.Argument(help="What was said; accents do not count.")],
    user: User = ANY_USER,
    as_json: ForPrograms = False,
) -> None:
    """Find what was said, in all recordings. Exit code 1 where nobody said it."""
    from scribe_assets.artifacts.formats.plain import clock, visible
    from scribe_assets.library import search as library

    wanted = " ".join(words)

    def tell(problem: str) -> None:
        log.print(f"[yellow]not searched:[/] {escape(problem)}")

    found = []
    for hit in library.search(open_storage(), wanted, user, tell):
        found.append(hit)
        if not as_json:
            where = f"[dim]{escape(visible(hit.key))}[/] {clock(hit.start)}"
            out.print(f"{where} [bold]{escape(hit.speaker)}[/]: {escape(visible(hit.text))}")
    if as_json:
        rows = [asdict(hit) for hit in found]
        for row in rows:
            row |= row.pop("ref")
        out.print(json.dumps(rows, indent=1, ensure_ascii=False), markup=False)
    if not found:
        log.print(f"nobody said {visible(wanted)!r}", markup=False)
        raise typer.Exit(1)
