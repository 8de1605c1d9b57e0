"""The commands that process recordings again: `retry`, `rerun`."""

from typing import TYPE_CHECKING, Annotated

import typer

from scribe_assets.cli.app import Key, User, log, open_storage, out
from scribe_assets.errors import PermanentError, UsageError
from scribe_assets.keys import ANY_USER, RecordingRef

if TYPE_CHECKING:
    from scribe_assets.library.again import Again
    from scribe_assets.local.stack import RunningStack
    from scribe_assets.storage.s3 import S3Storage


def retry(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Upload keys or recording ids; or --failed.")
    ] = None,
    user: User = ANY_USER,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
) -> None:
    """Try recordings again that failed, from the stage that failed on."""
    from scribe_assets.library import again
    from scribe_assets.library.recordings import failed_recordings, find_recording

    if bool(keys) == failed:
        raise UsageError("give recordings, or --failed for all that failed")
    storage, running = open_storage(), _running()
    refs = (
        failed_recordings(storage, user)
        if failed
        else [find_recording(storage, key, user) for key in keys or ()]
    )
    if not refs:
        log.print("nothing has failed")
    problems = 0
    for ref in refs:
        try:
            _ask(storage, running, again.retry(storage, ref, *_planned(storage, running, ref)))
        except PermanentError as error:  # the others are tried all the same
            problems += 1
            log.print(f"{ref.recording_id}: {error}", markup=False)
    if problems:
        raise typer.Exit(1)


def rerun(
    key: Key,
    user: User = ANY_USER,
    first: Annotated[
        str | None,
        typer.Option("--from", help="The first stage that is made anew, such as diarization."),
    ] = None,
    language: Annotated[str | None, typer.Option(help="Code such as fr.")] = None,
    speakers: Annotated[int | None, typer.Option(min=1, help="How many there are.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Whisper model, as for SCRIBE_WHISPER_MODEL.")
    ] = None,
) -> None:
    """Process a recording again; with other options, only the stages that read them.

    The options are kept beside the upload, so that later runs have them, too.
    """
    from scribe_assets.library import again
    from scribe_assets.library.recordings import find_recording

    given = {"language": language, "num_speakers": speakers, "model": model}
    changes = {name: value for name, value in given.items() if value is not None}
    storage, running = open_storage(), _running()
    ref = find_recording(storage, key, user)
    _ask(storage, running, again.rerun(storage, ref, first, **changes))


def _running() -> "RunningStack":
    """The stack that is asked for runs."""
    from scribe_assets.local.runs import find_running
    from scribe_assets.settings import Settings

    return find_running(Settings.load().home)


def _planned(storage: "S3Storage", running: "RunningStack", ref: RecordingRef) -> tuple:
    """What the run of a recording was to do, and since when."""
    from scribe_assets.local.runs import planned
    from scribe_assets.storage.recordings import read_status

    status = read_status(storage, ref)
    if status is None or status.run_id is None:
        return ()
    was = planned(running, status)
    return was.stages, was.since


def _ask(storage: "S3Storage", running: "RunningStack", again: "Again") -> None:
    """Ask for a run, and say what it makes; where there is none, all is as before."""
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.library.again import give_up
    from scribe_assets.local.runs import ask

    try:
        ask(running, again)
    except BaseException:
        give_up(storage, again)
        raise
    key = visible(again.waiting.source.key)
    out.print(f"{key}: {', '.join(again.stages)}", markup=False)
