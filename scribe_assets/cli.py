"""`scribe`: the stack, the uploads, the people and the transcripts, from a terminal."""

import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from scribe_assets import __version__
from scribe_assets.artifacts.documents import Options, Profile, Status
from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.errors import (
    MissingObjectError,
    PermanentError,
    StorageUnavailableError,
    UsageError,
)
from scribe_assets.keys import DEFAULT_USER, RecordingRef
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Object, S3Storage

app = typer.Typer(
    help="Recordings in, transcripts with names out. `scribe demo` shows all of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, highlight=False)
log = Console(stderr=True, soft_wrap=True, highlight=False)

User = Annotated[str, typer.Option("--user", "-u", help="Whose recordings and people.")]
Key = Annotated[
    str, typer.Argument(help="Upload key, such as default/meeting.mp4, or recording id.")
]
POLL_SECONDS = 1.0
PERSON_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
STATE_STYLES = {"queued": "dim", "running": "cyan", "succeeded": "green", "failed": "red"}


def main() -> None:
    """Run the command line. A known fault is one sentence and exit code 1."""
    # SIGINT too: a shell starts its background jobs with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        app()
    except (PermanentError, StorageUnavailableError) as error:
        log.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)


def _interrupt(_number: int, _frame: Any) -> None:
    """End the program as Ctrl-C does."""
    raise KeyboardInterrupt


def _storage() -> S3Storage:
    return S3Storage.from_settings(Settings.load())


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit


# The stack


@app.command()
def up() -> None:
    """Run everything until Ctrl-C: S3, code location, webserver, daemon."""
    from scribe_assets.local import stack

    settings = Settings.load()
    log.print("starting …")
    try:
        with stack.run(settings) as running:
            _say(f"UI  {running.running.ui_url}", f"S3  {running.running.s3_url}", "ready")
            while True:
                time.sleep(0.5)
                running.check()
    except KeyboardInterrupt:
        log.print("stopped")


def _say(*lines: str) -> None:
    """Plain lines that a program may wait for."""
    for line in lines:
        print(line, flush=True)  # noqa: T201


@app.command()
def demo() -> None:
    """Enrol two voices, transcribe a sample recording of them, and show the result."""
    from scribe_assets.local import demo as sample
    from scribe_assets.local.s3_server import data_folder

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
        status = _wait(storage, [upload])[0]
        if status.state == "failed":
            raise UsageError(f"the sample failed: {status.error}")
        out.print(_result(storage, ref, "md"), markup=False)
        folder = f"s3://{storage.processed_bucket}/{ref.user_id}/{ref.recording_id}/"
        out.print(f"files: {folder}")
        if settings.embedded_s3:
            out.print(f"   in: {data_folder(settings.home)}/{folder.removeprefix('s3://')}")
    log.print(
        f"done in {time.monotonic() - started:.0f} s; 'make up' or 'scribe up' keeps it running"
    )


@contextmanager
def _stack_for_demo(settings: Settings) -> Iterator[Any]:
    """The stack that runs already, or one for the time of the demo."""
    from scribe_assets.local import stack

    known = stack.find(settings.home)
    if known:
        yield known
        return
    log.print("starting S3, the code location, the webserver and the daemon …")
    with stack.run(settings) as own:
        yield own.running


@app.command()
def doctor() -> None:
    """Check this installation: settings, programs, weights, device, storage."""
    from scribe_assets.local.doctor import examine

    settings = Settings.load()
    table = Table("", "check", "finding", box=None)
    findings = list(examine(settings))
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else "[red]✗[/]"
        table.add_row(mark, finding.name, escape(finding.text))
    out.print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


# Recordings


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True)],
    user: User = DEFAULT_USER,
    language: Annotated[str | None, typer.Option(help="Code such as fr; else detected.")] = None,
    speakers: Annotated[int | None, typer.Option(min=1, help="How many, if known.")] = None,
    hotwords: Annotated[str | None, typer.Option(help="Words to expect, such as names.")] = None,
    job_id: Annotated[str | None, typer.Option(help="Your own word for the job.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the results.")] = False,
) -> None:
    """Upload recordings; the sensor finds them."""
    from scribe_assets.storage.layout import is_upload, sidecar_key

    storage = _storage()
    keys = [f"{user}/{file.name}" for file in files]
    for key in keys:
        if keys.count(key) > 1:
            raise UsageError(f"two of the files would become {key}; upload them one by one")
        if not is_upload(key) or key.count("/") > 1:
            raise UsageError(f"{key} is not a key that Scribe takes for a recording; rename it")
    options = Options.from_json(
        _json(job_id=job_id, language=language, num_speakers=speakers, hotwords=hotwords),
        "the options",
    )
    storage.ensure_buckets()
    bucket = storage.uploads_bucket
    uploads = []
    with _bytes_progress() as progress:
        for file, key in zip(files, keys, strict=True):
            # The sensor must find the options when it finds the recording.
            if options == Options():
                if storage.exists(bucket, sidecar_key(key)):
                    storage.delete(bucket, sidecar_key(key))
            else:
                storage.write(bucket, sidecar_key(key), options.to_json(), "application/json")
            task = progress.add_task(file.name, total=file.stat().st_size)
            with file.open("rb") as stream:
                storage.upload_stream(
                    stream,
                    bucket,
                    key,
                    "application/octet-stream",
                    callback=lambda sent, task=task: progress.advance(task, sent),
                )
            uploads.append(storage.head(bucket, key))
    for key in keys:
        out.print(key, markup=False)
    if wait:
        failed = False
        for status in _wait(storage, uploads):
            _print_status(storage, status)
            failed = failed or status.state == "failed"
        if failed:
            raise typer.Exit(1)


def _json(**values: Any) -> str:
    import json

    return json.dumps({name: value for name, value in values.items() if value is not None})


def _bytes_progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        console=log,
        transient=True,
    )


def _wait(storage: S3Storage, uploads: list[S3Object]) -> list[Status]:
    """Wait until these versions of uploads have succeeded or failed."""
    from scribe_assets.storage.recordings import is_of, read_status

    ended: dict[str, Status] = {}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=log,
    ) as progress:
        tasks = {upload.key: progress.add_task(f"{upload.key}: uploaded") for upload in uploads}
        while len(ended) < len(uploads):
            for upload in uploads:
                status = read_status(storage, RecordingRef.from_upload_key(upload.key))
                if upload.key in ended or status is None or not is_of(upload, status.source):
                    continue
                where = f" ({status.step})" if status.step else ""
                progress.update(
                    tasks[upload.key], description=f"{upload.key}: {status.state}{where}"
                )
                if status.state in ("succeeded", "failed"):
                    ended[upload.key] = status
                    progress.stop_task(tasks[upload.key])
            time.sleep(POLL_SECONDS)
    return [ended[upload.key] for upload in uploads]


@app.command()
def status(
    key: Annotated[
        str | None, typer.Argument(help="Upload key or recording id; none: all.")
    ] = None,
    user: User = "",
    last: Annotated[int, typer.Option(help="How many, latest first.")] = 30,
) -> None:
    """Show how far recordings are."""
    from scribe_assets.storage.recordings import read_status

    storage = _storage()
    if key:
        found = read_status(storage, _resolve(storage, key, user))
        if found is None:
            raise UsageError(f"{key} has no status yet; is 'scribe up' running?")
        _print_status(storage, found)
        return
    prefix = f"{user}/" if user else ""
    objects = [
        item
        for item in storage.objects(storage.processed_bucket, prefix)
        if item.key.endswith(f"/{Status.file_name}")
    ]
    objects.sort(key=lambda item: item.last_modified, reverse=True)
    table = Table("state", "upload", "step", "updated", box=None)
    for item in objects[:last]:
        shown = Status.from_json(storage.read(item.bucket, item.key), item.key)
        style = STATE_STYLES[shown.state]
        detail = shown.error or shown.step or ""
        table.add_row(
            f"[{style}]{shown.state}[/]",
            escape(shown.source.key),
            escape(detail),
            f"{shown.updated_at:%Y-%m-%d %H:%M:%S}",
        )
    if not objects:
        log.print("no recordings yet; 'scribe upload FILE' makes one")
        return
    out.print(table)
    if len(objects) > last:
        log.print(f"{len(objects) - last} more; see --last")
    _print_devices(user)


def _print_devices(user: str) -> None:
    """What each device is doing, and who waits for one, in order."""
    from scribe_assets.launcher.hosts import host_statuses

    for host in host_statuses(Settings.load().home):
        out.print()
        if host.state != "serving":
            out.print(f"a host is {host.state} (process {host.pid})")
        for device in host.devices:
            doing = device.doing
            if device.partition is not None:
                doing = f"works for {_recording(device.partition, user)}"
            worker = f" (worker {device.worker})" if device.worker else ""
            out.print(f"{device.device} {doing}{worker}", markup=False)
        held = {device.run_id for device in host.devices}
        others = [run for run in host.runs if run.run_id not in held]
        for number, run in enumerate(others, start=1):
            doing = "waits for a device" if run.waits_for_device else "converts or fuses"
            out.print(
                f"  {number}. {_recording(run.partition, user)} {doing} (process {run.pid})",
                markup=False,
            )


def _recording(partition_key: str, user: str) -> str:
    """A recording under way, for people to read; another user's is not named."""
    try:
        ref = RecordingRef.from_partition_key(partition_key)
    except ValueError:  # a run of something else
        return "another run"
    return ref.recording_id if user in ("", ref.user_id) else "another user"


def _print_status(storage: S3Storage, shown: Status) -> None:
    out.print(f"{escape(shown.source.key)}: [{STATE_STYLES[shown.state]}]{shown.state}[/]")
    if shown.step:
        out.print(f"  step: {shown.step}", markup=False)
    if shown.error:
        out.print(f"  why: {shown.error}", markup=False)
    if shown.state == "succeeded":
        folder = f"{shown.user_id}/{shown.recording_id}/"
        out.print(f"  files: s3://{storage.processed_bucket}/{folder}", markup=False)


@app.command()
def show(
    key: Key,
    user: User = "",
    format_: Annotated[
        str, typer.Option("--format", "-f", help=f"json, {', '.join(FORMATS)}.")
    ] = "md",
) -> None:
    """Print the transcript of a recording."""
    storage = _storage()
    if format_ not in ("json", *FORMATS):
        raise UsageError(f"there is no format {format_!r}; choose json, {', '.join(FORMATS)}")
    ref = _resolve(storage, key, user)
    try:
        sys.stdout.write(_result(storage, ref, format_))
    except MissingObjectError as error:
        raise UsageError(f"{key} has no result yet; see 'scribe status {key}'") from error


def _result(storage: S3Storage, ref: RecordingRef, format_: str) -> str:
    """A form of a result as it lies in S3."""
    from scribe_assets.storage.layout import processed_key

    suffix = ".json" if format_ == "json" else FORMATS[format_].suffix
    key = processed_key(ref, f"result{suffix}")
    return storage.read(storage.processed_bucket, key).decode()


def _resolve(storage: S3Storage, key: str, user: str) -> RecordingRef:
    """The recording that somebody means by an upload key, a recording id or a partition key."""
    from scribe_assets.storage.recordings import read_status

    uploads = [key, f"{user or DEFAULT_USER}/{key}"]
    for ref in map(RecordingRef.from_upload_key, uploads):
        if user in ("", ref.user_id) and read_status(storage, ref):
            return ref
    for item in storage.objects(storage.processed_bucket, f"{user}/" if user else ""):
        if item.key.endswith(f"/{Status.file_name}"):
            found = RecordingRef(*item.key.rsplit("/", 2)[:2])
            if key in (found.recording_id, found.partition_key):
                return found
    for upload_key in uploads:
        if storage.exists(storage.uploads_bucket, upload_key):
            raise UsageError(f"{upload_key} is uploaded and not yet seen; is 'scribe up' running?")
    raise UsageError(f"there is no recording {key!r}; 'scribe status' lists them")


# People


@app.command()
def enroll(
    person: Annotated[str, typer.Argument(help="A short id, such as emmanuel.")],
    files: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, readable=True)
    ] = None,
    user: User = "",
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
    from scribe_assets.storage.layout import profile_key, voice_prefix

    if not PERSON_ID.fullmatch(person):
        raise UsageError(f"{person!r} is no person id; use letters, digits, dots, _ and -")
    if "/" in user or user in (".", ".."):
        raise UsageError(f"{user!r} is no user; a user is the first folder of an upload key")
    if bool(files) == bool(recording) or bool(recording) != bool(speaker):
        raise UsageError("give either sample files, or --from RECORDING --speaker SPEAKER_01")
    storage = _storage()
    storage.ensure_buckets()
    bucket = storage.identity_bucket
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        if recording and speaker:
            ref = _resolve(storage, recording, user)
            user = ref.user_id
            files = [_cut(storage, ref, speaker, Path(folder))]
        user = user or DEFAULT_USER
        files = files or []
        names = [file.name for file in files]
        if len(set(names)) < len(names) or any(name.startswith(".") for name in names):
            raise UsageError("give each sample a name of its own that does not begin with a dot")
        for file in files:
            _check_sample(file)
        for file in files:
            key = f"{voice_prefix(user, person)}{file.name}"
            storage.upload(file, bucket, key, "application/octet-stream")
            out.print(f"s3://{bucket}/{key}", markup=False)
    profile = profile_key(user, person)
    if name or not storage.exists(bucket, profile):
        document = Profile(name=name or person, created_at=datetime.now(UTC))
        storage.write(bucket, profile, document.to_json(), "application/json")
    log.print("while 'scribe up' runs, the name is in all recordings in a moment")


def _check_sample(file: Path) -> None:
    """Refuse a file from which nobody could be recognised."""
    from scribe_assets.errors import MediaError
    from scribe_assets.speech.activity import speech_regions
    from scribe_assets.speech.media import SAMPLE_RATE, decode
    from scribe_assets.speech.voices.samples import MIN_SPEECH_SECONDS

    try:
        speech = sum(end - start for start, end in speech_regions(decode(file))) / SAMPLE_RATE
    except MediaError as error:
        raise UsageError(f"{file}: {error}") from error
    if speech < MIN_SPEECH_SECONDS:
        raise UsageError(f"{file}: {speech:.1f} s of speech is too little; give 10 s or more")


def _cut(storage: S3Storage, ref: RecordingRef, speaker: str, folder: Path) -> Path:
    """A sample of what a speaker of a recording says while nobody else speaks."""
    import numpy as np
    import soundfile

    from scribe_assets.artifacts.documents import Diarization
    from scribe_assets.speech import media
    from scribe_assets.speech.timeline import Timeline, clean_spans, longest
    from scribe_assets.speech.voices.samples import MAX_SPEECH_SECONDS
    from scribe_assets.storage.layout import AUDIO, processed_key
    from scribe_assets.storage.recordings import read_document

    try:
        diarization = read_document(storage, ref, Diarization)
    except MissingObjectError as error:
        raise UsageError(
            f"{ref.recording_id} has not been diarized yet; see 'scribe status'"
        ) from error
    timeline = Timeline(diarization.turns, diarization.exclusive)
    if speaker not in timeline.speakers:
        known = ", ".join(timeline.speakers) or "nobody"
        raise UsageError(f"{ref.recording_id} has no speaker {speaker!r}, but {known}")
    whole = folder / AUDIO
    storage.download(storage.processed_bucket, processed_key(ref, AUDIO), whole)
    spans = sorted(longest(clean_spans(timeline, speaker), MAX_SPEECH_SECONDS))
    with media.AudioFile(whole) as waveform:
        pieces = media.cut(waveform, spans)
    if not pieces:
        raise UsageError(f"{speaker} never speaks alone in {ref.recording_id}")
    sample = folder / f"{ref.recording_id}-{speaker}.flac"
    soundfile.write(sample, np.concatenate(pieces), media.SAMPLE_RATE)
    return sample


@app.command()
def people(user: User = DEFAULT_USER) -> None:
    """List the people of the identity bank: their samples, and when they were last heard."""
    from scribe_assets.storage import bank

    storage = _storage()
    found = bank.folders(storage, user)
    if not found:
        log.print(f"nobody is enrolled for {user}; 'scribe enroll PERSON FILE' does it")
        return
    document = bank.read_voiceprints(storage, user)
    known = {person.person_id: person for person in document.people} if document else {}
    heard = _last_heard(storage, user)
    table = Table(
        "person", "name", "samples", "speech", "quality", "last heard", "problem", box=None
    )
    for folder in found:
        person = known.get(folder.person_id)
        etags = {(sample.key, sample.etag) for sample in folder.samples}
        samples = [s for s in person.samples if (s.key, s.etag) in etags] if person else []
        used = [sample for sample in samples if not sample.problem]
        problems = person.problems if person and len(samples) == len(etags) else []
        name, problem = bank.read_profile(storage, folder)
        if len(samples) < len(etags):
            problems = [*problems, "not yet computed; is 'scribe up' running?"]
        elif not etags:
            problems = ["no voice sample"]
        if problem and problem not in problems:
            problems = [problem, *problems]
        lowest = min((s.consistency for s in used if s.consistency is not None), default=None)
        last = heard.get(folder.person_id)
        table.add_row(
            escape(folder.person_id),
            escape(name),
            str(len(folder.samples)),
            f"{sum(sample.speech_seconds for sample in used):.1f} s",
            "" if lowest is None else f"{lowest:.2f}",
            f"{last:%Y-%m-%d}" if last else "never",
            escape("; ".join(problems)),
        )
    out.print(table)


def _last_heard(storage: S3Storage, user: str) -> dict[str, datetime]:
    """When the last recording in which each person is named was uploaded."""
    from concurrent.futures import ThreadPoolExecutor

    from scribe_assets.artifacts.documents import Result
    from scribe_assets.errors import DocumentError
    from scribe_assets.storage.recordings import read_document, recordings_with

    def named(ref: RecordingRef) -> tuple[list[str], datetime] | None:
        try:
            result = read_document(storage, ref, Result)
        except (MissingObjectError, DocumentError):
            return None
        people = [speaker.person_id for speaker in result.speakers if speaker.person_id]
        return people, result.source.last_modified

    heard: dict[str, datetime] = {}
    with ThreadPoolExecutor(16) as readers:
        for found in readers.map(named, recordings_with(storage, user, Result)):
            if found:
                heard |= {who: max(heard.get(who, found[1]), found[1]) for who in found[0]}
    return heard


@app.command()
def forget(
    person: Annotated[str, typer.Argument(help="The person's id; see 'scribe people'.")],
    user: User = DEFAULT_USER,
) -> None:
    """Remove a person's samples and voiceprint, and the name from all results."""
    from scribe_assets.storage import bank
    from scribe_assets.storage.layout import person_prefix

    storage = _storage()
    document = bank.read_voiceprints(storage, user)
    objects = list(storage.objects(storage.identity_bucket, person_prefix(user, person)))
    known = document and person in {one.person_id for one in document.people}
    if not objects and not known:
        raise UsageError(f"nobody called {person!r} is enrolled for {user}; see 'scribe people'")
    for item in objects:
        storage.delete(item.bucket, item.key)
    if document and known:
        left = [one for one in document.people if one.person_id != person]
        bank.write_voiceprints(storage, document.model_copy(update={"people": left}))
    log.print(f"{len(objects)} files of {person} removed", markup=False)
    _refresh_names(storage, user)


@app.command()
def reidentify(user: User = DEFAULT_USER) -> None:
    """Decide anew who speaks in all recordings of a user; after another threshold, for example."""
    _refresh_names(_storage(), user)


def _refresh_names(storage: S3Storage, user: str) -> None:
    from scribe_assets.library.naming import refresh_names

    changed, problems = set(), {}
    with Progress(TextColumn("names"), BarColumn(), console=log, transient=True) as progress:
        task = progress.add_task("names", total=1.0)
        for found in refresh_names(
            storage,
            user,
            Settings.load().identity_threshold,
            lambda done: progress.update(task, completed=done),
        ):
            if found.result:
                changed.add(found.ref)
            if found.problem:
                problems[found.ref] = found.problem
    for ref, problem in problems.items():
        log.print(f"{ref.recording_id}: {problem}", markup=False)
    out.print(f"{len(changed)} results changed")
