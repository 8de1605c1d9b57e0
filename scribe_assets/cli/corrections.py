"""The commands that put results right: `rename`, `merge`, `correct`, `corrections`."""

import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from scribe_assets.cli.app import Key, User, log, open_storage, out
from scribe_assets.errors import SettingsError, UsageError
from scribe_assets.keys import ANY_USER, RecordingRef

if TYPE_CHECKING:
    from scribe_assets.library.corrections import Change
    from scribe_assets.storage.s3 import S3Storage

Who = Annotated[str, typer.Argument(help="Label, such as SPEAKER_01, or name.")]


def rename(
    key: Key,
    speaker: Who,
    name: Annotated[str, typer.Argument(help="The name to show.")],
    enrol: Annotated[
        str | None,
        typer.Option(help="Enrol the voice, too, as the person of this id, such as anne."),
    ] = None,
    user: User = ANY_USER,
) -> None:
    """Give a speaker a name that lasts."""
    from scribe_assets.library import corrections as library
    from scribe_assets.library.people import enrol_from_recording
    from scribe_assets.library.person_ids import check_ids
    from scribe_assets.library.recordings import find_recording

    storage = open_storage()
    ref = find_recording(storage, key, user)
    if enrol is not None:
        check_ids(ref.user_id, enrol)
    change = library.rename(storage, ref, speaker, name)
    _tell(storage, ref, change, f"{change.before} is {change.after}")
    if enrol is not None:
        for uri in enrol_from_recording(storage, ref, change.speaker, enrol, name):
            out.print(uri, markup=False)
        log.print("while 'scribe up' runs, the name is in all recordings in a moment")


def merge(
    key: Key,
    speaker: Who,
    into: Annotated[str, typer.Argument(help="Who that is: label or name.")],
    user: User = ANY_USER,
) -> None:
    """Say that two speakers are one."""
    from scribe_assets.library import corrections as library
    from scribe_assets.library.recordings import find_recording

    storage = open_storage()
    ref = find_recording(storage, key, user)
    change = library.merge(storage, ref, speaker, into)
    _tell(storage, ref, change, f"{change.before} is {change.after}")


def correct(
    key: Key,
    at: Annotated[str | None, typer.Option(help="When: 1:02.5, or seconds.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to when; else the segment.")] = None,
    words: Annotated[str | None, typer.Option(help="Which words of these; else all.")] = None,
    text: Annotated[str | None, typer.Option(help="What was said.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Who said it: label or name.")] = None,
    new: Annotated[
        bool, typer.Option("--new", help="--speaker is somebody who was not told apart.")
    ] = False,
    language: Annotated[str | None, typer.Option(help="Of the recording, such as fr.")] = None,
    undo: Annotated[list[str] | None, typer.Option(help="Take this correction back.")] = None,
    user: User = ANY_USER,
) -> None:
    """Put right what was said, who said it, or in which language. It lasts."""
    from scribe_assets.library import corrections as library
    from scribe_assets.library.recordings import find_recording

    if sum(given is not None for given in (text, speaker, language, undo or None)) != 1:
        raise UsageError(
            "give one of --text, --speaker, --language and --undo, such as "
            "--at 1:02.5 --words Emanuel --text Emmanuel"
        )
    storage = open_storage()
    ref = find_recording(storage, key, user)
    if undo:
        change = library.undo(storage, ref, undo)
        _tell(storage, ref, change, f"taken back: {', '.join(undo)}")
        return
    if language is not None:
        change = library.set_language(storage, ref, language)
        _tell(storage, ref, change, f"{change.before} is {change.after}")
        return
    if at is None:
        raise UsageError("say when, with --at 1:02.5")
    start, end = seconds(at), None if until is None else seconds(until)
    if end is not None and end <= start:
        raise UsageError(f"--until {until} is not after --at {at}")
    if text is not None:
        change = library.set_text(storage, ref, text, start, end, words)
        _tell(storage, ref, change, f"{change.before!r} is {change.after!r}")
    elif speaker is not None:
        change = library.give(storage, ref, speaker, start, end, words, is_new=new)
        _tell(storage, ref, change, f"{change.before!r} is said by {change.after}")


def corrections(key: Key, user: User = ANY_USER) -> None:
    """List what was put right in a recording, and what of it fits nothing now."""
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.library import corrections as library
    from scribe_assets.library.recordings import find_recording

    storage = open_storage()
    listed = library.list_corrections(storage, find_recording(storage, key, user))
    if not listed:
        log.print("nothing was corrected")
        return
    table = Table("id", "made", "what", "fits", box=None)
    for one in listed:
        made_at = f"{one.made_at.astimezone():%Y-%m-%d %H:%M}"
        fits = "yes" if one.why is None else f"no: {one.why}"
        table.add_row(one.id, made_at, escape(visible(one.what)), escape(visible(fits)))
    out.print(table)


def seconds(text: str) -> float:
    """A time as people write it.

    >>> seconds("1:02.5"), seconds("62.5"), seconds("1:00:02")
    (62.5, 62.5, 3602.0)

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"(\d+:){0,2}\d+([.,]\d+)?", text.strip()):
        raise UsageError(f"{text!r} is no time; write 1:02.5, or seconds such as 62.5")
    total = 0.0
    for part in text.strip().replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def _tell(storage: "S3Storage", ref: RecordingRef, change: "Change", what: str) -> None:
    """Say what has changed, and tell Dagster."""
    from scribe_assets.artifacts.formats.plain import visible

    out.print(visible(what), markup=False)
    told = change.result.corrections
    for one in told.unfitting if told else []:
        if one.id in change.ids:
            log.print(f"it is kept, but fits nothing: {one.why}", markup=False)
    if change.after:
        ids = " ".join(f"--undo {id_}" for id_ in change.ids)
        log.print(f"to take it back: scribe correct {ref.recording_id} {ids}", markup=False)
    _tell_dagster(storage, ref)


def _tell_dagster(storage: "S3Storage", ref: RecordingRef) -> None:
    """Dagster shows the corrections, and the result that was written; where it is set up."""
    from scribe_assets.settings import Settings

    settings = Settings.load()
    if not (settings.home / "dagster").is_dir() and not settings.has_postgres:
        return
    from scribe_assets.instance.config import open_instance
    from scribe_assets.instance.corrections import report
    from scribe_assets.library.code_versions import code_versions

    try:
        with open_instance(settings) as instance:
            report(instance, storage, ref, code_versions(settings))
    except SettingsError as error:
        log.print(f"Dagster was not told: {error}", markup=False)
