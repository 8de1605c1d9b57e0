"""The commands for recordings: `upload`, `show`; and how uploads are followed."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from scribe_assets.cli.app import Key, User, log, open_storage, out, stopped_with
from scribe_assets.errors import UsageError
from scribe_assets.keys import ANY_USER, DEFAULT_USER

if TYPE_CHECKING:
    from scribe_assets.artifacts.documents import Options, Status
    from scribe_assets.storage.s3 import S3Object, S3Storage

STDIN = Path("-")
GOES_ON = "stopped waiting; the work goes on while 'scribe up' runs ('scribe status' shows it)"


def upload(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files; folders, which keep their structure; - for standard input."),
    ],
    user: User = DEFAULT_USER,
    language: Annotated[str | None, typer.Option(help="Code such as fr; else detected.")] = None,
    languages: Annotated[str | None, typer.Option(help="Those expected, such as fr,en.")] = None,
    speakers: Annotated[int | None, typer.Option(min=1, help="How many, if known.")] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words to expect, such as names.")] = None,
    job_id: Annotated[str | None, typer.Option(help="Your own word for the job.")] = None,
    tracks: Annotated[
        str | None,
        typer.Option(help="auto, mix, each, or numbers of tracks or channels such as 1,3."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="With -: what to call it, such as meeting.wav.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the results.")] = False,
) -> None:
    """Upload recordings; the sensor finds them."""
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.cli.status import print_status
    from scribe_assets.library import uploading

    if (STDIN in files) != (name is not None) or (STDIN in files and len(files) > 1):
        raise UsageError("give files and folders, or - alone with --name, such as --name call.wav")
    for file in files:
        if file != STDIN and not os.access(file, os.R_OK):
            raise typer.BadParameter(f"{visible(str(file))} is no file that can be read")
    storage = open_storage()
    options = _options(
        job_id=job_id,
        language=language,
        languages=languages,
        num_speakers=speakers,
        hotwords=hotwords,
        tracks=tracks,
    )
    with _source(files, name) as named:
        uploading.upload_keys(named.values(), user)  # said before a progress bar is drawn
        uploads = _upload(storage, named, user, options)
    with stopped_with(GOES_ON):
        for upload in uploads:
            out.print(visible(upload.key), markup=False)
        if not wait:
            return
        outcomes = follow(storage, uploads)
    for status in outcomes:
        print_status(storage, status)
    if any(status.state != "succeeded" for status in outcomes):
        raise typer.Exit(1)


@contextmanager
def _source(files: list[Path], name: str | None) -> "Iterator[dict[Path, str]]":
    """The files to upload, each with its name below the user's folder; what comes from a pipe lies
    in a temporary one, because S3 wants to know its digest first.

    Raises:
        UsageError: there is nothing in it.
    """
    import shutil
    import tempfile

    from scribe_assets.library.uploading import files_below

    if name is None:
        yield files_below(files)
        return
    with tempfile.NamedTemporaryFile(prefix="scribe-") as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        if not kept.tell():
            raise UsageError("nothing came from standard input")
        yield {Path(kept.name): name}


def _options(**values: Any) -> "Options":
    """The options that were given, checked as those in a file beside an upload are."""
    from scribe_assets.artifacts.documents import Options

    given = {name: value for name, value in values.items() if value is not None}
    return Options.from_json(json.dumps(given), "the options")


def _upload(
    storage: "S3Storage", files: dict[Path, str], user: str, options: "Options"
) -> "list[S3Object]":
    """Upload files with a bar for each that is under way; stopped, it says which are there."""
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.library import uploading

    columns = BarColumn(), DownloadColumn()
    text = TextColumn("{task.description}", markup=False)
    bars: dict[Path, TaskID] = {}
    with Progress(text, *columns, console=log, transient=True) as progress:

        def show_progress(file: Path, sent: int) -> None:
            if file not in bars:
                bars[file] = progress.add_task(visible(files[file]), total=file.stat().st_size)
            progress.advance(bars[file], sent)
            if progress.tasks[bars[file]].finished:
                progress.update(bars[file], visible=False)

        try:
            return uploading.upload_recordings(storage, files, user, options, show_progress)
        except KeyboardInterrupt:
            whole = max(len(bars) - 1, 0)
            sentence = f"stopped; {whole} of {len(files)} files are uploaded and go on"
            with stopped_with(f"{sentence}, the others are not"):
                raise


def follow(storage: "S3Storage", uploads: "Sequence[S3Object]") -> "list[Status]":
    """Show how far these versions of uploads are until each has succeeded or failed, and return
    their last statuses in the same order."""
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.cli.status import progress_of
    from scribe_assets.library import recordings

    last: dict[str, Status] = {}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=log,
    ) as progress:
        names = {upload.key: visible(upload.key) for upload in uploads}
        tasks = {key: progress.add_task(f"{name}: uploaded") for key, name in names.items()}
        for upload, status in recordings.wait_for_outcomes(storage, uploads):
            last[upload.key] = status
            where = f" ({progress_of(status, datetime.now(UTC))})" if status.step else ""
            shown = f"{names[upload.key]}: {status.state}{where}"
            progress.update(tasks[upload.key], description=shown)
            if recordings.is_outcome(status):
                progress.stop_task(tasks[upload.key])
    return [last[upload.key] for upload in uploads]


def show(
    key: Key,
    user: User = ANY_USER,
    format_: Annotated[
        str,
        typer.Option("--format", "-f", help="md, json, srt, html, …; '?' is answered with all."),
    ] = "md",
    audio: Annotated[
        bool, typer.Option("--audio", help="html: with the sound in the page, one file to share.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file to write it to.")
    ] = None,
) -> None:
    """Print the transcript of a recording, or write it to a file."""
    from scribe_assets.artifacts.formats import BINARY
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.library import recordings, sharing

    recordings.check_form(format_)
    if audio and format_ != "html":
        raise UsageError(f"--audio is for the format html, not {format_}")
    to_terminal = output is None and sys.stdout.isatty()
    if to_terminal and format_ in BINARY:
        raise UsageError(f"{format_} is no text for a terminal; add '--output FILE'")
    storage = open_storage()
    ref = recordings.find_recording(storage, key, user)
    if audio:
        content = sharing.page_with_sound(storage, ref, key).encode()
    else:
        content = recordings.read_result(storage, ref, format_, key)
    if output is not None:
        _write(output, content)
    elif to_terminal:
        sys.stdout.write("\n".join(map(visible, content.decode().split("\n"))))
    else:  # another program gets it as it is
        sys.stdout.buffer.write(content)


def _write(file: Path, content: bytes) -> None:
    """Write a file whole, or leave what was there; a pipe or a device is written to."""
    file = file.resolve()
    part = file.with_name(f".{file.name}.part") if file.is_file() or not file.exists() else file
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        if part != file:
            with suppress(OSError):
                part.unlink()
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
