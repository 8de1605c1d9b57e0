"""The commands for recordings: `upload`, `status`, `show`."""

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table

from scribe_assets.artifacts.documents import Options, Status
from scribe_assets.artifacts.formats import BINARY
from scribe_assets.artifacts.formats.plain import visible
from scribe_assets.cli.app import Key, User, log, open_storage, out
from scribe_assets.errors import UsageError
from scribe_assets.keys import DEFAULT_USER, RecordingRef
from scribe_assets.library import recordings, sharing
from scribe_assets.library.recordings import ANY_USER
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Object, S3Storage

STATE_STYLES = {"queued": "dim", "running": "cyan", "succeeded": "green", "failed": "red"}
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def upload(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
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
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the results.")] = False,
) -> None:
    """Upload recordings; the sensor finds them."""
    storage = open_storage()
    recordings.upload_keys(files, user)  # said before a progress bar is drawn
    options = _options(
        job_id=job_id,
        language=language,
        languages=languages,
        num_speakers=speakers,
        hotwords=hotwords,
        tracks=tracks,
    )
    with _bytes_progress() as progress:
        bars: dict[Path, TaskID] = {}

        def show_progress(file: Path, sent: int) -> None:
            if file not in bars:
                bars[file] = progress.add_task(visible(file.name), total=file.stat().st_size)
            progress.advance(bars[file], sent)

        uploads = recordings.upload_recordings(storage, files, user, options, show_progress)
    for upload in uploads:
        out.print(visible(upload.key), markup=False)
    if wait:
        outcomes = follow(storage, uploads)
        for status in outcomes:
            _print_status(storage, status)
        if any(status.state == "failed" for status in outcomes):
            raise typer.Exit(1)


def _options(**values: Any) -> Options:
    """The options that were given, checked as those in a file beside an upload are."""
    given = {name: value for name, value in values.items() if value is not None}
    return Options.from_json(json.dumps(given), "the options")


def _bytes_progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        console=log,
        transient=True,
    )


def follow(storage: S3Storage, uploads: Sequence[S3Object]) -> list[Status]:
    """Show how far these versions of uploads are until each has succeeded or failed, and return
    their last statuses in the same order."""
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
            where = f" ({status.step})" if status.step else ""
            shown = f"{names[upload.key]}: {status.state}{where}"
            progress.update(tasks[upload.key], description=shown)
            if recordings.is_outcome(status):
                progress.stop_task(tasks[upload.key])
    return [last[upload.key] for upload in uploads]


def status(
    key: Annotated[
        str | None, typer.Argument(help="Upload key or recording id; none: all.")
    ] = None,
    user: User = ANY_USER,
    last: Annotated[int, typer.Option(help="How many, latest first.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show how far recordings are."""
    storage = open_storage()
    if key:
        found = recordings.find_status(storage, key, user)
        if as_json:
            out.print(found.to_json(), markup=False)
        else:
            _print_status(storage, found)
        return
    rows, total = recordings.list_statuses(storage, user, last)
    if as_json:
        out.print(json.dumps([*map(_row, rows)], indent=1, ensure_ascii=False), markup=False)
        return
    if not total:
        log.print("no recordings yet; 'scribe upload FILE' makes one")
        return
    # Folded where there is no space for them: the end of a cell is never cut off.
    columns = [Column(name, overflow="fold") for name in ("state", "upload", "step")]
    table = Table(*columns, Column("updated", no_wrap=True), box=None)
    for row in rows:
        table.add_row(*_cells(row))
    out.print(table)
    if total > len(rows):
        log.print(f"{total - len(rows)} more; see --last")
    keys = {row.ref.partition_key: row.status.source.key for row in rows if row.status}
    _print_devices(keys, user)


def _row(row: recordings.ListedStatus) -> dict[str, Any]:
    """A status.json, with the id that finds it; of one that cannot be read, why."""
    whose = {"user_id": row.ref.user_id, "recording_id": row.ref.recording_id}
    if row.status is None:
        return {**whose, "state": None, "problem": row.problem}
    return {**whose, **row.status.model_dump(mode="json")}


def _cells(row: recordings.ListedStatus) -> tuple[str, str, str, str]:
    """A row of the table; of a recording whose status cannot be read, its id and why."""
    if row.status is None:
        name = f"{row.ref.user_id}/{row.ref.recording_id}"
        written_at = f"{row.written_at:{TIME_FORMAT}}"
        return "[red]unreadable[/]", escape(name), escape(row.problem or ""), written_at
    shown = row.status
    return (
        f"[{STATE_STYLES[shown.state]}]{shown.state}[/]",
        escape(visible(shown.source.key)),
        escape(shown.error or shown.step or ""),
        f"{shown.updated_at:{TIME_FORMAT}}",
    )


def _print_devices(keys: dict[str, str], user: str) -> None:
    """What each device is doing, and who waits for one, in order.

    Args:
        keys: of the uploads behind recordings, by partition key.
        user: other users' recordings are not named.
    """
    from scribe_assets.launcher.hosts import host_statuses

    for host in host_statuses(Settings.load().home):
        out.print()
        if host.state != "serving":
            out.print(f"a host is {host.state} (process {host.pid})")
        for device in host.devices:
            doing = device.doing
            if device.partition is not None:
                doing = f"works for {_recording(keys, device.partition, user)}"
            worker = f" (worker {device.worker})" if device.worker else ""
            out.print(f"{device.device} {doing}{worker}", markup=False)
        held = {device.run_id for device in host.devices}
        others = [run for run in host.runs if run.run_id not in held]
        for number, run in enumerate(others, start=1):
            doing = "waits for a device" if run.waits_for_device else "converts or fuses"
            out.print(
                f"  {number}. {_recording(keys, run.partition, user)} {doing} (process {run.pid})",
                markup=False,
            )


def _recording(keys: dict[str, str], partition_key: str, user: str) -> str:
    """A recording under way, for people to read; another user's is not named."""
    try:
        ref = RecordingRef.from_partition_key(partition_key)
    except ValueError:  # a run of something else
        return "another run"
    if user not in (ANY_USER, ref.user_id):
        return "another user"
    return visible(keys.get(partition_key, ref.recording_id))


def _print_status(storage: S3Storage, shown: Status) -> None:
    out.print(f"{escape(visible(shown.source.key))}: [{STATE_STYLES[shown.state]}]{shown.state}[/]")
    if shown.step:
        out.print(f"  step: {shown.step}", markup=False)
    if shown.error:
        out.print(f"  why: {shown.error}", markup=False)
    for warning in shown.warnings:
        out.print(f"  warning: {warning}", markup=False)
    if shown.state == "succeeded":
        folder = f"{shown.user_id}/{shown.recording_id}/"
        out.print(f"  files: s3://{storage.processed_bucket}/{folder}", markup=False)


def show(
    key: Key,
    user: User = ANY_USER,
    format_: Annotated[
        str, typer.Option("--format", "-f", help=f"{', '.join(recordings.FORMS)}.")
    ] = "md",
    audio: Annotated[
        bool, typer.Option("--audio", help="html: with the sound in the page, one file to share.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file to write it to.")
    ] = None,
) -> None:
    """Print the transcript of a recording, or write it to a file."""
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
