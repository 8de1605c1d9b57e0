"""A recording is processed again: which of its stages, and with which options.

What is asked for is written where the stages read it: beside the upload, so that later runs keep
it, and in `recording.json`, so that stages after the conversion need no conversion to learn of it.
The sensor of the uploads, which watches options that come late, then finds that these are known.

The run itself is asked for elsewhere (`local/runs.py`): nothing here knows Dagster.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scribe_assets.artifacts.documents import Document, Options, Recording, Status
from scribe_assets.errors import DocumentError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.inventory import STAGES
from scribe_assets.library.status import queued
from scribe_assets.storage.changes import alone
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import (
    find_upload,
    is_of,
    options_beside,
    read_document,
    read_options,
    read_status,
    to_source,
    write_document,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import is_of_recording

FIRST, LAST = "converted_audio", "fused_result"

NEEDS = {
    "converted_audio": (),
    "diarization": ("converted_audio",),
    "speaker_embeddings": ("converted_audio", "diarization"),
    "speaker_identities": ("converted_audio", "speaker_embeddings"),
    "transcript": ("converted_audio",),
    "fused_result": ("converted_audio", "diarization", "speaker_identities", "transcript"),
}
"""What each stage is made of, in the order of the stages."""

COUNTS = ("num_speakers", "min_speakers", "max_speakers")

READ_BY = {
    "job_id": LAST,
    "language": "transcript",
    "languages": "transcript",
    "hotwords": "transcript",
    "model": "transcript",
    "tracks": FIRST,
    **dict.fromkeys(COUNTS, "diarization"),
}
"""The stage that reads an option. One that is not named here is read by the first."""


@dataclass(frozen=True)
class Written:
    """A file that was written for a run: what is in it, and what was before; None: no file."""

    bucket: str
    key: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True)
class Again:
    """What a run is to make once more.

    Attributes:
        ref: the recording.
        stages: in their order.
        before: the status as it was, for the case that there is no such run after all.
        waiting: the status since then.
        written: the options, where they have changed, as they were and as they are.
    """

    ref: RecordingRef
    stages: list[str]
    before: Status
    waiting: Status
    written: Sequence[Written] = ()


def with_downstream(stages: Iterable[str]) -> list[str]:
    """Stages and all that is made of them, in their order.

    >>> with_downstream(["diarization"])
    ['diarization', 'speaker_embeddings', 'speaker_identities', 'fused_result']
    """
    chosen = set(stages)
    for stage, needs in NEEDS.items():
        if not chosen.isdisjoint(needs):
            chosen.add(stage)
    return [stage for stage in NEEDS if stage in chosen]


def rerun(storage: S3Storage, ref: RecordingRef, first: str | None = None, **changes: Any) -> Again:
    """Prepare another run of a recording.

    Args:
        storage: S3.
        ref: the recording.
        first: the stage from which on all is made anew. None: the first one that reads one of the
            options that change, and all stages where none does.
        changes: options by name; they are kept beside the upload.

    Raises:
        UsageError: there is no such stage, or a run of the recording waits or is under way.
        DocumentError: the options are wrong, or make no sense together.
        MissingObjectError: the upload is gone, and has to be converted anew.
    """
    if first is not None and first not in NEEDS:
        raise UsageError(f"there is no stage {first!r}; choose {', '.join(NEEDS)}")
    with _written(storage) as written:
        before = _idle(storage, ref)
        key = before.source.key
        if changes:
            _keep_options(storage, key, changes, written)
        recording = _converted(storage, ref)
        wanted = read_options(storage, key)
        differing = _differing(recording.options, wanted) if recording else set()
        chosen = {READ_BY.get(name, FIRST) for name in differing | changes.keys()}
        chosen |= {first} if first else set()
        return _prepared(storage, ref, before, chosen or {FIRST}, wanted, written)


def retry(
    storage: S3Storage,
    ref: RecordingRef,
    planned: Iterable[str] = (),
    since: datetime | None = None,
) -> Again:
    """Prepare another try of a recording that failed: what its run has made stays.

    Args:
        storage: S3.
        ref: the recording.
        planned: the stages of the run that failed; none where nobody knows it any more.
        since: when that run was asked for.

    Raises:
        UsageError: it has not failed.
        DocumentError: its options are wrong.
        MissingObjectError: the upload is gone, and has to be converted anew.
    """
    with _written(storage) as written:
        before = _idle(storage, ref)
        if before.state not in ("failed", "cancelled"):
            raise UsageError(
                f"{before.source.key} has not failed; 'scribe rerun' processes it once more"
            )
        wanted = read_options(storage, before.source.key)
        recording = _converted(storage, ref)
        left = {
            stage for stage in planned if since is None or not _made(storage, ref, stage, since)
        }
        if recording:
            left |= {READ_BY.get(name, FIRST) for name in _differing(recording.options, wanted)}
        if not planned:
            left.add(FIRST)
        return _prepared(storage, ref, before, left or {LAST}, wanted, written)


def give_up(storage: S3Storage, again: Again) -> None:
    """There is no such run: the options and the status are again what they were, unless a run has
    changed the status."""
    if read_status(storage, again.ref) == again.waiting:
        _put_back(storage, again.written)
        write_document(storage, again.ref, again.before)


def _idle(storage: S3Storage, ref: RecordingRef) -> Status:
    """The status of a recording of which no run waits or is under way.

    Raises:
        UsageError: one is.
    """
    status = read_status(storage, ref)
    if status is None:
        raise UsageError(f"{ref.recording_id} has no status yet; is 'scribe up' running?")
    if status.state in ("queued", "running"):
        raise UsageError(
            f"{status.source.key} is {status.state} already; wait for its end, or cancel its run "
            "in Dagster's UI"
        )
    return status


@contextmanager
def _written(storage: S3Storage) -> Iterator[list[Written]]:
    """For the files that are written; where something is wrong after that, they are put back. Two
    who ask at the same time ask one after the other: the second finds the recording queued."""
    written: list[Written] = []
    with alone(storage):
        try:
            yield written
        except BaseException:
            _put_back(storage, written)
            raise


def _write(storage: S3Storage, bucket: str, key: str, document: Document) -> Written:
    """Write a document, and return how to put back what was there."""
    before, after = _read(storage, bucket, key), document.to_json()
    storage.write(bucket, key, after, "application/json")
    return Written(bucket, key, before, after.encode())


def _put_back(storage: S3Storage, written: Iterable[Written]) -> None:
    """What was there before, where nobody has written something else since."""
    for file in written:
        if _read(storage, file.bucket, file.key) != file.after:
            continue
        if file.before is None:
            storage.delete(file.bucket, file.key)
        else:
            storage.write(file.bucket, file.key, file.before, "application/json")


def _read(storage: S3Storage, bucket: str, key: str) -> bytes | None:
    try:
        return storage.read(bucket, key)
    except MissingObjectError:
        return None


def _keep_options(
    storage: S3Storage, key: str, changes: dict[str, Any], written: list[Written]
) -> None:
    """Write options beside an upload over those that are there. A number of speakers stands for all
    that was said of it before."""
    own = options_beside(storage, key)
    said = own.model_dump(mode="json")
    if not changes.keys().isdisjoint(COUNTS):
        said |= dict.fromkeys(COUNTS)
    options = Options.from_json(json.dumps(said | changes), "the options")
    if options != own:
        written.append(_write(storage, storage.uploads_bucket, sidecar_key(key), options))


def _differing(known: Options, wanted: Options) -> set[str]:
    """The names of the options that are not what a recording was made with."""
    return {name for name in Options.model_fields if getattr(known, name) != getattr(wanted, name)}


def _converted(storage: S3Storage, ref: RecordingRef) -> Recording | None:
    """The facts about a recording; None where its upload has to be converted first."""
    try:
        return read_document(storage, ref, Recording)
    except (MissingObjectError, DocumentError):
        return None


def _made(storage: S3Storage, ref: RecordingRef, stage: str, since: datetime) -> bool:
    """Whether a stage has left its document since then."""
    key = processed_key(ref, STAGES[stage].file_name)
    try:
        return storage.head(storage.processed_bucket, key).last_modified >= since
    except MissingObjectError:
        return False


def _prepared(
    storage: S3Storage,
    ref: RecordingRef,
    before: Status,
    chosen: set[str],
    wanted: Options,
    written: list[Written],
) -> Again:
    """Write down what is going to be done, with whatever is missing for it."""
    recording = _converted(storage, ref)
    source = before.source
    try:
        upload = find_upload(storage, ref)
    except MissingObjectError:  # what was converted of it is enough for all other stages
        if recording is None or FIRST in chosen:
            raise
    else:
        source = to_source(upload)
        if recording is None or not is_of(upload, recording.source):
            chosen = {FIRST}
    if recording is not None and FIRST not in chosen:
        chosen = chosen | _absent(storage, ref, recording)
        if recording.options != wanted:
            name = processed_key(ref, Recording.file_name)
            changed = recording.model_copy(update={"options": wanted})
            written.append(_write(storage, storage.processed_bucket, name, changed))
    waiting = queued(source, wanted.job_id)
    return Again(ref, with_downstream(chosen), before, write_status(storage, waiting), written)


def _absent(storage: S3Storage, ref: RecordingRef, recording: Recording) -> set[str]:
    """The stages of which there is no document, or none of this version of the upload."""
    absent = set(NEEDS) - {FIRST}
    for stage in NEEDS:
        with suppress(MissingObjectError, DocumentError):
            document: Any = read_document(storage, ref, STAGES[stage])
            if stage != FIRST and is_of_recording(document, recording):
                absent.remove(stage)
    return absent
