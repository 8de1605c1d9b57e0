"""The command that says how far recordings are: `status`."""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from scribe_assets.cli.app import ForPrograms, User, log, open_storage, out
from scribe_assets.keys import ANY_USER, RecordingRef

if TYPE_CHECKING:
    from scribe_assets.artifacts.documents import Status
    from scribe_assets.library.recordings import ListedStatus
    from scribe_assets.storage.s3 import S3Storage

STATE_STYLES = {
    "queued": "dim",
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
}
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


def status(
    key: Annotated[
        str | None, typer.Argument(help="Upload key or recording id; none: all.")
    ] = None,
    user: User = ANY_USER,
    last: Annotated[int, typer.Option(min=1, help="How many, latest first.")] = 30,
    as_json: ForPrograms = False,
) -> None:
    """Show how far recordings are."""
    from scribe_assets.library import recordings
    from scribe_assets.library.estimate import about

    storage = open_storage()
    now = datetime.now(UTC)
    if key:
        found = recordings.find_status(storage, key, user)
        if as_json:
            waiting = _waits(storage, [found], now)
            said = json.dumps(_estimated(found, waiting, now), indent=1, ensure_ascii=False)
            out.print(said, markup=False)
        else:
            print_status(storage, found)
        return
    rows, total = recordings.list_statuses(storage, user, last)
    waiting = _waits(storage, [row.status for row in rows if row.status], now)
    if as_json:
        listed = [_row(row, waiting, now) for row in rows]
        out.print(json.dumps(listed, indent=1, ensure_ascii=False), markup=False)
        return
    if not total:
        log.print("no recordings yet; 'scribe upload FILE' makes one")
        return
    # Folded where there is no space for them: the end of a cell is never cut off.
    columns = [Column(name, overflow="fold") for name in ("state", "upload", "step")]
    table = Table(*columns, Column(f"updated ({zone()})", no_wrap=True), box=None)
    for row in rows:
        table.add_row(*_cells(row, waiting, now))
    out.print(table)
    if waiting:
        longest = about(max(waiting.values()))
        shown = "" if total == len(rows) else " of those shown"
        out.print(f"{len(waiting)}{shown} in the queue; the last one begins in {longest}")
    if total > len(rows):
        log.print(f"{total - len(rows)} more; see --last")
    keys = {row.ref.partition_key: row.status.source.key for row in rows if row.status}
    _print_devices(keys, user)


def zone() -> str:
    """The time zone of this machine, in which times are shown, for people."""
    return f"{datetime.now().astimezone():%Z}" or "local time"


def local(time: datetime) -> str:
    """A time in the zone of this machine."""
    return f"{time.astimezone():{TIME_FORMAT}}"


def _row(row: "ListedStatus", waiting: dict[str, timedelta], now: datetime) -> dict[str, Any]:
    """A status.json, with the id that finds it; of one that cannot be read, why."""
    whose = {"user_id": row.ref.user_id, "recording_id": row.ref.recording_id}
    if row.status is None:
        return {**whose, "state": None, "problem": row.problem}
    return {**whose, **_estimated(row.status, waiting, now)}


def _estimated(status: "Status", waiting: dict[str, timedelta], now: datetime) -> dict[str, Any]:
    """A status.json with what is estimated: `done`, the fraction of the whole run, `seconds_left`
    of it, `seconds_to_wait` for its begin; null where nobody can tell."""
    from scribe_assets.library.estimate import done, left

    rest, wait = left(status, now), waiting.get(status.source.key)
    so_far = done(status)
    return {
        **status.model_dump(mode="json"),
        "done": None if so_far is None else round(so_far, 2),
        "seconds_left": None if rest is None else round(rest.total_seconds()),
        "seconds_to_wait": None if wait is None else round(wait.total_seconds()),
    }


def _cells(
    row: "ListedStatus", waiting: dict[str, timedelta], now: datetime
) -> tuple[str, str, str, str]:
    """A row of the table; of a recording whose status cannot be read, its id and why."""
    from scribe_assets.artifacts.formats.plain import visible

    if row.status is None:
        name = f"{row.ref.user_id}/{row.ref.recording_id}"
        return "[red]unreadable[/]", escape(name), escape(row.problem or ""), local(row.written_at)
    shown = row.status
    step = escape(shown.error or progress_of(shown, now))
    if (wait := waiting.get(shown.source.key)) is not None:
        from scribe_assets.library.estimate import about

        step = f"begins in {about(wait)}"
    return (
        f"[{STATE_STYLES[shown.state]}]{shown.state}[/]",
        escape(visible(shown.source.key)),
        step,
        local(shown.updated_at),
    )


def progress_of(status: "Status", now: datetime) -> str:
    """The step of a recording, how much of the whole run is done, and about how long the rest
    takes; empty where none is under way."""
    from scribe_assets.library.estimate import about, done, left

    so_far, rest = done(status), left(status, now)
    parts = [status.step] if status.step else []
    parts += [f"{so_far:.0%}"] if so_far is not None else []
    parts += [f"{about(rest)} left"] if rest is not None else []
    return ", ".join(parts)


def _waits(storage: "S3Storage", shown: "list[Status]", now: datetime) -> dict[str, timedelta]:
    """About how long those of some recordings wait that are queued, by the key of the upload.

    Whatever is before them counts, also what is not shown and what is another user's.
    """
    from scribe_assets.library.estimate import waits
    from scribe_assets.library.recordings import list_statuses

    queued = [status.source.key for status in shown if status.state == "queued"]
    if not queued:  # and nothing else need be read
        return {}
    rows, _ = list_statuses(storage, last=sys.maxsize)
    known = waits((row.status for row in rows if row.status), now, _devices())
    return {key: known[key] for key in queued if key in known}


def _devices() -> int:
    """How many devices serve this installation; one where nobody knows."""
    from scribe_assets.launcher.hosts import host_statuses
    from scribe_assets.settings import Settings

    hosts = host_statuses(Settings.load().home)
    return max(sum(len(host.devices) for host in hosts if host.state == "serving"), 1)


def _print_devices(keys: dict[str, str], user: str) -> None:
    """What each device is doing, and who waits for one, in order.

    Args:
        keys: of the uploads behind recordings, by partition key.
        user: other users' recordings are not named.
    """
    from scribe_assets.launcher.hosts import host_statuses
    from scribe_assets.settings import Settings

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
    from scribe_assets.artifacts.formats.plain import visible

    try:
        ref = RecordingRef.from_partition_key(partition_key)
    except ValueError:  # a run of something else
        return "another run"
    if user not in (ANY_USER, ref.user_id):
        return "another user"
    return visible(keys.get(partition_key, ref.recording_id))


def print_status(storage: "S3Storage", shown: "Status") -> None:
    """How far a recording is, in a few lines."""
    from scribe_assets.artifacts.formats.plain import visible

    out.print(f"{escape(visible(shown.source.key))}: [{STATE_STYLES[shown.state]}]{shown.state}[/]")
    if shown.step:
        out.print(f"  step: {progress_of(shown, datetime.now(UTC))}", markup=False)
    if shown.error:
        out.print(f"  why: {shown.error}", markup=False)
    for warning in shown.warnings:
        out.print(f"  warning: {warning}", markup=False)
    if shown.state == "succeeded":
        folder = f"{shown.user_id}/{shown.recording_id}/"
        out.print(f"  files: s3://{storage.processed_bucket}/{folder}", markup=False)
