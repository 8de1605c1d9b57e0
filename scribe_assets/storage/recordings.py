"""The files of a recording in S3: its upload, its status, its audio and its documents."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from scribe_assets.artifacts.documents import (
    Document,
    Options,
    Recording,
    Source,
    Status,
)
from scribe_assets.artifacts.formats import forms_of
from scribe_assets.errors import DocumentError, KeyTooLongError, MissingObjectError
from scribe_assets.keys import RecordingRef, user_of
from scribe_assets.speech import media
from scribe_assets.storage.layout import (
    AUDIO,
    MAX_KEY_BYTES,
    MAX_WRITTEN_BYTES,
    is_upload,
    processed_key,
    sidecar_key,
    upload_prefix,
    user_options_key,
)
from scribe_assets.storage.s3 import TIME_TOLERANCE, S3Object, S3Storage

D = TypeVar("D", bound=Document)


@dataclass(frozen=True)
class ConvertedAudio:
    """The facts about a recording, and its sound as 16 kHz mono FLAC.

    The files of the sound lie in a local `folder` in the stage that made them; all others get each
    by its name, with `fetch`.
    """

    recording: Recording
    fetch: Callable[[str, Path], Any] | None = None
    folder: Path | None = None

    @property
    def files(self) -> list[str]:
        """Names of the files of the sound: what people listen to, and the tracks of which it was
        mixed, where they are transcribed each for itself."""
        return [AUDIO, *(name for name in self._track_files if name != AUDIO)]

    @property
    def _track_files(self) -> list[str]:
        tracks = self.recording.tracks
        return [taken.audio for taken in tracks.taken] if tracks else [AUDIO]

    @contextmanager
    def open_tracks(self) -> Iterator[list[media.AudioFile]]:
        """The sound of each track that is transcribed by itself, one for most recordings, read
        piece by piece as it is needed: (num_samples,) float32 at 16 kHz."""
        with ExitStack() as stack:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="scribe-"))
            folder = self.folder or Path(temporary)
            for name in self._track_files if self.folder is None else ():
                if self.fetch is None:
                    raise ValueError("audio without a folder needs a way to fetch it")
                self.fetch(name, folder / name)
            yield [
                stack.enter_context(media.AudioFile(folder / name)) for name in self._track_files
            ]


def is_of(upload: S3Object, source: Source) -> bool:
    """Whether a document was made from this version of an upload."""
    return upload.is_version(source.key, source.etag, source.last_modified)


def is_same_version(one: Source, other: Source) -> bool:
    """Whether two documents were made from the same version of an upload."""
    apart = abs(one.last_modified - other.last_modified)
    return one.key == other.key and one.etag == other.etag and apart <= TIME_TOLERANCE


def is_older(one: Source, other: Source) -> bool:
    """Whether a version of an upload was clearly uploaded before another one."""
    return one.last_modified < other.last_modified - TIME_TOLERANCE


def to_source(upload: S3Object) -> Source:
    """What the documents keep of an upload."""
    return Source(
        bucket=upload.bucket,
        key=upload.key,
        etag=upload.etag,
        size=upload.size,
        last_modified=upload.last_modified,
    )


def find_upload(storage: S3Storage, ref: RecordingRef) -> S3Object:
    """The upload behind a recording.

    The status that the sensor wrote has its key. Where there is none, the user's uploads are
    searched.

    Raises:
        MissingObjectError: the upload is gone.
    """
    status = read_status(storage, ref)
    if status is not None:
        return storage.head(storage.uploads_bucket, status.source.key)
    for upload in storage.objects(storage.uploads_bucket, upload_prefix(ref.user_id)):
        if is_upload(upload.key) and RecordingRef.from_upload_key(upload.key) == ref:
            return upload
    raise MissingObjectError(
        f"no upload of {ref.user_id} in bucket {storage.uploads_bucket} belongs to recording "
        f"{ref.recording_id}; upload it again, the sensor finds it"
    )


def read_options(storage: S3Storage, upload_key: str) -> Options:
    """The options beside an upload, over those of its user; the default ones where there are none.

    Raises:
        DocumentError: a file is there and is wrong.
        StorageRefusedError: S3 does not hand it out.
    """
    own = options_beside(storage, upload_key)
    return own.over(_options_in(storage, user_options_key(user_of(upload_key))))


def options_beside(storage: S3Storage, upload_key: str) -> Options:
    """The options of an upload alone, without those of its user.

    There can be none beside an upload whose own key is nearly as long as S3 allows.

    Raises:
        DocumentError: the file is there and is wrong.
        StorageRefusedError: S3 does not hand it out.
    """
    return _options_in(storage, sidecar_key(upload_key))


def _options_in(storage: S3Storage, key: str) -> Options:
    if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        return Options()
    try:
        text = storage.read(storage.uploads_bucket, key, MAX_WRITTEN_BYTES)
    except (MissingObjectError, KeyTooLongError):  # MinIO allows 255 bytes for a part of the path
        return Options()
    return Options.from_json(text, key)


def read_document(storage: S3Storage, ref: RecordingRef, kind: type[D]) -> D:
    """A document of a recording.

    Raises:
        MissingObjectError: it has not been made yet.
    """
    key = processed_key(ref, kind.file_name)
    return kind.from_json(storage.read(storage.processed_bucket, key), key)


def write_document(storage: S3Storage, ref: RecordingRef, document: Document) -> str:
    """Write a document of a recording after its readable forms, so that `result.json` is last, and
    return its URI."""
    bucket = storage.processed_bucket
    for form, content in forms_of(document):
        storage.write(bucket, processed_key(ref, form.file_name), content, form.content_type)
    key = processed_key(ref, document.file_name)
    return storage.write(bucket, key, document.to_json(), "application/json")


def recordings_with(storage: S3Storage, user_id: str, kind: type[Document]) -> list[RecordingRef]:
    """The recordings that have a document of this kind; of all users where `user_id` is empty."""
    suffix = f"/{kind.file_name}"
    found = storage.objects(storage.processed_bucket, f"{user_id}/" if user_id else "")
    return [
        RecordingRef(*item.key.rsplit("/", 2)[:2]) for item in found if item.key.endswith(suffix)
    ]


def read_status(storage: S3Storage, ref: RecordingRef) -> Status | None:
    """How far a recording is.

    Returns:
        None where the sensor has not found the upload yet, and where somebody has damaged the file:
        it is written anew then, and holds up no other recording.

    Raises:
        StorageRefusedError: S3 does not give out the file, because it was archived, for example.
    """
    try:
        return read_document(storage, ref, Status)
    except (MissingObjectError, DocumentError):
        return None


def write_status(storage: S3Storage, status: Status) -> Status:
    """Write a status with the time of now, and return it as it was written."""
    status = status.model_copy(update={"updated_at": datetime.now(UTC)})
    write_document(storage, RecordingRef(status.user_id, status.recording_id), status)
    return status
