"""The commands for the identity bank: `enroll`, `people`, `forget`, `reidentify`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from scribe_assets.cli.app import (
    ForPrograms,
    User,
    Yes,
    confirmed,
    loading,
    log,
    open_storage,
    out,
    stopped_with,
)
from scribe_assets.errors import UsageError
from scribe_assets.keys import ANY_USER, DEFAULT_USER

if TYPE_CHECKING:
    from scribe_assets.library.people import LastHeard, ListedPerson
    from scribe_assets.storage.s3 import S3Storage


def enroll(
    person: Annotated[str, typer.Argument(help="A short id, such as emmanuel.")],
    files: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, readable=True)
    ] = None,
    user: User = ANY_USER,
    name: Annotated[str | None, typer.Option(help="The name to show; else the id.")] = None,
    recording: Annotated[
        str | None,
        typer.Option("--from", help="A processed recording (upload key or id), instead of files."),
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="With --from: who in it, such as SPEAKER_01.")
    ] = None,
) -> None:
    """Enrol a voice from files in which only this person speaks, or from a processed recording."""
    if bool(files) == bool(recording) or bool(recording) != bool(speaker):
        raise UsageError("give either sample files, or --from RECORDING --speaker SPEAKER_01")
    log.print(f"looking for speech in {recording or f'{len(files or [])} files'} …", markup=False)
    with loading():
        from scribe_assets.library import people as library
        from scribe_assets.library.recordings import find_recording
    library.check_ids(user, person)
    storage = open_storage()
    storage.ensure_buckets()
    with stopped_with(f"stopped; what was stored of {person} stays ('scribe people')"):
        if recording and speaker:
            ref = find_recording(storage, recording, user)
            uris = library.enrol_from_recording(storage, ref, speaker, person, name)
        else:
            uris = library.enrol(storage, user or DEFAULT_USER, person, files or [], name)
    for uri in uris:
        out.print(uri, markup=False)
    log.print("while 'scribe up' runs, the name is in all recordings in a moment")


def people(
    user: User = DEFAULT_USER,
    as_json: ForPrograms = False,
) -> None:
    """List the people of the identity bank: their samples, and when they were last heard."""
    from scribe_assets.artifacts.documents.text import one_line
    from scribe_assets.library import people as library

    storage = open_storage()
    listed = library.list_people(storage, user)
    heard = library.last_heard(storage, user, [person.person_id for person in listed])
    if as_json:
        out.print(json.dumps(_rows(listed, heard), indent=1, ensure_ascii=False), markup=False)
        return
    if not listed:
        log.print(f"nobody is enrolled for {user}; 'scribe enroll PERSON FILE' does it")
        return
    table = Table(
        "person", "name", "samples", "speech", "quality", "last heard", "problem", box=None
    )
    for person in listed:
        table.add_row(
            escape(one_line(person.person_id)),
            escape(person.name),
            str(person.samples),
            f"{person.speech_seconds:.1f} s",
            "" if person.consistency is None else f"{person.consistency:.2f}",
            when(heard, person.person_id),
            escape("; ".join(map(one_line, person.problems))),
        )
    out.print(table)


def _rows(listed: "list[ListedPerson]", heard: "LastHeard") -> list[dict[str, Any]]:
    """The people for a program; the time last heard is null where they were not found."""
    return [
        {
            **asdict(person),
            "speech_seconds": round(person.speech_seconds, 3),
            "last_heard": date.isoformat() if (date := heard.dates.get(person.person_id)) else None,
        }
        for person in listed
    ]


def when(heard: "LastHeard", person_id: str) -> str:
    """When somebody was last heard, in the zone of this machine; "never" only where all recordings
    were searched."""
    date = heard.dates.get(person_id)
    if date is not None:
        return f"{date.astimezone():%Y-%m-%d}"
    return "never" if heard.complete else f"not in the last {heard.searched}"


def forget(
    person: Annotated[str, typer.Argument(help="The person's id; see 'scribe people'.")],
    user: User = DEFAULT_USER,
    yes: Yes = False,
) -> None:
    """Remove a person's samples and voiceprint, and the name from all results.

    A name that somebody has set by hand stays; it is said where.
    """
    from scribe_assets.library import people as library
    from scribe_assets.library.names_by_hand import named_by_hand

    storage = open_storage()
    found = library.find_person(storage, user, person)  # said before anything is asked
    by_hand = named_by_hand(storage, user, found)
    recordings = "1 recording" if len(by_hand) == 1 else f"{len(by_hand)} recordings"
    stays = f"The name was set by hand in {recordings}, and stays there."
    question = f"Remove all samples and the voiceprint of {person}, and the name from all results?"
    confirmed(f"{stays} {question}" if by_hand else question, is_sure=yes)
    removed = library.forget(storage, user, person)
    log.print(f"{removed} files of {person} removed", markup=False)
    _refresh_names(storage, user)
    if by_hand:
        log.print(
            f"{stays} 'scribe corrections RECORDING' lists it, and 'scribe correct RECORDING "
            "--undo ID' takes it back:",
            markup=False,
        )
        for ref in by_hand:
            log.print(f"  {ref.recording_id}", markup=False)


def reidentify(user: User = DEFAULT_USER) -> None:
    """Decide anew who speaks in all recordings of a user; after another threshold, for example."""
    _refresh_names(open_storage(), user)


def _refresh_names(storage: "S3Storage", user: str) -> None:
    from scribe_assets.library.naming import refresh_names
    from scribe_assets.settings import Settings

    changed, problems = set(), {}
    with Progress(TextColumn("names"), BarColumn(), console=log, transient=True) as progress:
        task = progress.add_task("names", total=1.0)
        for refreshed in refresh_names(
            storage,
            user,
            Settings.load().identity_threshold,
            lambda done: progress.update(task, completed=done),
        ):
            if refreshed.result:
                changed.add(refreshed.ref)
            if refreshed.problem:
                problems[refreshed.ref] = refreshed.problem
    for ref, problem in problems.items():
        log.print(f"{ref.recording_id}: {problem}", markup=False)
    out.print(f"{len(changed)} results changed")
