"""The commands for the stack: `up`, `demo`, `doctor`, `rebuild`."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from scribe_assets.cli.app import ForPrograms, log, out
from scribe_assets.errors import PermanentError, StorageUnavailableError, UsageError
from scribe_assets.keys import RecordingRef

if TYPE_CHECKING:
    from scribe_assets.local.stack import RunningStack
    from scribe_assets.settings import Settings

NEXT = """\
look:  the UI shows every recording with its runs; Ctrl-C stops all of it
type:  scribe upload FILE --wait     a recording in, its transcript out
       scribe status                 how far all of them are"""
MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failure": "[red]✗[/]"}


def up() -> None:
    """Run everything until Ctrl-C: S3, code location, webserver, daemon."""
    from scribe_assets.local import stack
    from scribe_assets.settings import Settings

    settings = Settings.load()
    say = _say_json if settings.log == "json" else _say
    if not settings.host.is_loopback:
        say(
            f"Dagster's UI asks for no password: whoever reaches port {settings.ui_port} of "
            f"{settings.host} can start, stop and delete (SCRIBE_HOST)"
        )
    say("starting …")
    try:
        with stack.run(settings) as running:
            where = running.running
            say("ready", UI=where.ui_url, S3=where.s3_url, metrics=where.metrics_url)
            if settings.log != "json":
                log.print(NEXT)
            has_metrics = True
            while True:
                running.check()
                if has_metrics and not running.has_metrics:
                    has_metrics = False
                    end = running.metrics.last_lines
                    say(f"there are no metrics any more; the end of {running.metrics.log}:\n{end}")
                time.sleep(0.5)
    except KeyboardInterrupt:
        going_on = "; what was under way goes on at the next start"
        say("stopped" if settings.log == "json" else f"stopped{going_on}")
    except (PermanentError, StorageUnavailableError) as error:
        if settings.log != "json":
            raise
        say(str(error), level="error")
        raise typer.Exit(1) from None


def _say(text: str, **places: str) -> None:
    """For people; what has places are plain lines on standard output, for which a program may
    wait."""
    if not places:
        log.print(text, markup=False)
        return
    for line in [*(f"{name}  {place}" for name, place in places.items()), text]:
        print(line, flush=True)  # noqa: T201


def _say_json(text: str, level: str = "info", **places: str) -> None:
    """A line as the processes of the stack write theirs."""
    from scribe_assets.logs import JsonFormatter

    line = logging.makeLogRecord(
        {"name": "scribe", "levelname": level.upper(), "msg": text, **places}
    )
    print(JsonFormatter().format(line), flush=True)  # noqa: T201


def demo() -> None:
    """Enrol two voices, transcribe a sample recording of them, and show the result."""
    from scribe_assets.cli.recordings import follow
    from scribe_assets.library import recordings
    from scribe_assets.local import demo as sample
    from scribe_assets.local.s3_server import data_folder
    from scribe_assets.settings import Settings
    from scribe_assets.storage.s3 import S3Storage

    started = time.monotonic()
    settings = Settings.load()
    storage = S3Storage.from_settings(settings)
    with _stack_for_demo(settings) as running:
        log.print(f"running: {running.ui_url}")
        sample.enrol(storage)
        log.print(f"enrolled: {', '.join(sample.VOICES)} (user {sample.USER})")
        upload = sample.upload(storage)
        log.print(f"uploaded: {upload.uri}")
        ref = RecordingRef.from_upload_key(upload.key)
        (status,) = follow(storage, [upload])
        if status.state != "succeeded":
            raise UsageError(f"the sample failed: {status.error}")
        out.print(recordings.read_result(storage, ref, "md").decode(), markup=False)
        folder = f"s3://{storage.processed_bucket}/{ref.user_id}/{ref.recording_id}/"
        out.print(f"files: {folder}")
        if settings.embedded_s3:
            out.print(f"   in: {data_folder(settings.home)}/{folder.removeprefix('s3://')}")
    log.print(
        f"done in {time.monotonic() - started:.0f} s; 'make up' or 'scribe up' keeps it running"
    )


@contextmanager
def _stack_for_demo(settings: "Settings") -> Iterator["RunningStack"]:
    """The stack that runs already, or one for the time of the demo."""
    from scribe_assets.local import stack

    running = stack.find(settings.home)
    if running:
        yield running
        return
    log.print("starting S3, the code location, the webserver and the daemon …")
    with stack.run(settings) as own:
        yield own.running


def doctor(
    as_json: ForPrograms = False,
) -> None:
    """Check this installation: settings, versions, disk, weights, GPU, database, S3 and its rights.

    Exit code 1 where something has failed; a warning does not count as that.
    """
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.local.doctor import examine
    from scribe_assets.settings import Settings

    settings = Settings.load()
    findings = []
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=log, transient=True) as progress:
        task = progress.add_task("packages")
        for finding in examine(settings, lambda name: progress.update(task, description=name)):
            findings.append(finding)
            if not as_json:
                mark = MARKS[finding.state]
                out.print(f"{mark} {escape(finding.name):21} {escape(visible(finding.text))}")
    if as_json:
        out.print(json.dumps([asdict(f) for f in findings], ensure_ascii=False), markup=False)
    if any(finding.state == "failure" for finding in findings):
        raise typer.Exit(1)


def rebuild() -> None:
    """Tell a new or emptied Dagster instance what is in S3 already; nothing is transcribed."""
    from scribe_assets.instance.config import open_instance
    from scribe_assets.instance.rebuild import Versions
    from scribe_assets.instance.rebuild import rebuild as tell
    from scribe_assets.local import stack
    from scribe_assets.settings import Settings
    from scribe_assets.storage.s3 import S3Storage

    settings = Settings.load()
    with stack.s3_alone(settings), open_instance(settings) as instance:
        storage = S3Storage.from_settings(settings)
        storage.ensure_buckets()
        columns = TextColumn("recordings"), BarColumn(), TaskProgressColumn()
        with Progress(*columns, console=log, transient=True) as progress:
            task = progress.add_task("recordings", total=1.0)
            told = tell(
                instance,
                storage,
                Versions.of(settings),
                lambda done: progress.update(task, completed=done),
            )
    for problem in told.problems:
        log.print(problem, markup=False)
    out.print(
        f"{told.recordings} recordings and {told.users} users in S3: {told.partitions} partitions "
        f"and {told.materializations} materializations added"
    )
    if told.unfinished:
        out.print(f"{told.unfinished} recordings had not ended: 'scribe up' goes on with them")
