"""The commands that look at one result: `open`, `compare`."""

import json
import os
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from scribe_assets.cli.app import ForPrograms, Key, User, log, open_storage, out
from scribe_assets.keys import ANY_USER

HOURS = 12


def open_(
    key: Key,
    user: User = ANY_USER,
    only_print: Annotated[bool, typer.Option("--print", help="Open no browser.")] = False,
) -> None:
    """Open the transcript in a browser: prints a link to it that works for twelve hours."""
    import webbrowser

    from scribe_assets.library.links import page_of
    from scribe_assets.library.recordings import find_recording

    storage = open_storage()
    link = page_of(storage, find_recording(storage, key, user), HOURS * 3600)
    out.print(link, markup=False)
    has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if has_display and not only_print and not webbrowser.open(link):
        log.print("no browser was found; open the link in one")


def compare(key: Key, user: User = ANY_USER, as_json: ForPrograms = False) -> None:
    """Show what has changed since the result before: words, names, and how far apart they are.

    Exit code 0 also where nothing has.
    """
    from scribe_assets.artifacts.formats.plain import clock, visible
    from scribe_assets.library.comparison import compare_with_previous
    from scribe_assets.library.recordings import find_recording

    storage = open_storage()
    found = compare_with_previous(storage, find_recording(storage, key, user))
    if as_json:
        said = {**asdict(found), "distance": round(found.distance, 4)}
        out.print(json.dumps(said, indent=1, ensure_ascii=False), markup=False)
        return
    out.print(
        f"{found.distance:.1%} of {found.before} words: {found.replaced} replaced, {found.added} "
        f"added, {found.removed} removed; {found.now} words now"
    )
    if found.is_of_other_upload:
        out.print("the upload is another one, too")
    for stage, (before, now) in found.models.items():
        out.print(f"{stage}: {before} → {now}", markup=False)
    for moved in found.renamed:
        names = f"{escape(visible(moved.before))} → {escape(visible(moved.now))}"
        out.print(f"[bold]{names}[/]: {moved.words} words, from {clock(moved.start)} on")
    for change in found.changes:
        out.print(f"[dim]{clock(change.start)}[/]", end="")
        if change.before:
            out.print(f" [red]−{escape(visible(change.before))}[/]", end="")
        if change.now:
            out.print(f" [green]+{escape(visible(change.now))}[/]", end="")
        out.print()
