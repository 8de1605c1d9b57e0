"""Artifacts of two versions of an upload are never combined.

`recording.json` says of which version a recording's folder is. Every other document names its own
version in `source`, and `audio.flac` is known by its digest. So that whatever ended a run, and
whichever runs went on beside each other, the next reader finds out.
"""

import hashlib
from pathlib import Path
from typing import ClassVar, Protocol

from scribe_assets.artifacts.documents import Document, Recording, Source
from scribe_assets.errors import DocumentError, MissingObjectError, OverwrittenError, VersionError
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import AUDIO
from scribe_assets.storage.recordings import is_of, is_same_version, read_document
from scribe_assets.storage.s3 import S3Storage

ASSETS = {"recording": "converted_audio", "result": "fused_result"}
"""The assets that are not called as their document is."""


class Versioned(Protocol):
    """A document of a recording that names the version of the upload it was made from."""

    file_name: ClassVar[str]

    @property
    def source(self) -> Source | None: ...


def is_of_recording(document: Versioned, recording: Recording) -> bool:
    """Whether a document was made from the version of the upload that `recording.json` tells of.

    An older Scribe named no version in its documents. They are taken for those of a
    `recording.json` that is as old: it names no digest of its audio.
    """
    if document.source is None:
        return recording.audio_sha256 is None
    return is_same_version(document.source, recording.source)


def check_versions(recording: Recording, *documents: Versioned) -> None:
    """Check that documents were made from the same version of an upload as its audio.

    Raises:
        VersionError: the sentence says which assets of which recording to materialise.
    """
    others = [document for document in documents if not is_of_recording(document, recording)]
    if not others:
        return
    assets = ", ".join(_asset(document) for document in others)
    etags = sorted({document.source.etag if document.source else "unknown" for document in others})
    raise VersionError(
        f"{assets} of recording {recording.recording_id} {'was' if len(others) == 1 else 'were'} "
        f"made from another version of {recording.source.key} (ETag {', '.join(etags)}) than its "
        f"converted_audio (ETag {recording.source.etag}); materialise {assets} of this recording"
    )


def check_not_overtaken(storage: S3Storage, ref: RecordingRef, document: Document) -> None:
    """Check, before a document is written, that its recording is still of the same version.

    Where two runs of a recording are under way, the one of the older version would otherwise
    replace what the newer one has made already.

    Raises:
        VersionError: another version of the upload was converted meanwhile.
    """
    source = getattr(document, "source", None)
    if not isinstance(source, Source) or isinstance(document, Recording):
        return
    try:
        recording = read_document(storage, ref, Recording)
    except (MissingObjectError, DocumentError):  # whoever reads the document finds that out
        return
    if not is_same_version(source, recording.source):
        raise VersionError(
            f"another version of {source.key} was converted while {_asset(document)} was made "
            f"from the one before (ETag {source.etag}), so this is not kept; materialise "
            f"{_asset(document)} of recording {ref.recording_id} if no other run does"
        )


def check_not_overwritten(storage: S3Storage, recording: Recording) -> None:
    """Check, before converted audio is written, that its upload has not been replaced meanwhile.

    Otherwise a run that is late would put an older version over what another one has made of the
    newer. An upload that was deleted is still worth what was converted of it.

    Raises:
        OverwrittenError: it has been.
    """
    source = recording.source
    try:
        upload = storage.head(source.bucket, source.key)
    except MissingObjectError:
        return
    if not is_of(upload, source):
        raise OverwrittenError(
            f"{source.key} was uploaded again (ETag {upload.etag}) while the version before it "
            f"(ETag {source.etag}) was converted; the new one is converted instead"
        )


def digest(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def with_digests(recording: Recording, folder: Path) -> Recording:
    """The same with the digests of its audio files.

    Args:
        recording: before it is written.
        folder: where the files lie.
    """
    tracks = recording.tracks
    if tracks:
        taken = [
            track
            if track.audio == AUDIO
            else track.model_copy(update={"sha256": digest(folder / track.audio)})
            for track in tracks.taken
        ]
        tracks = tracks.model_copy(update={"taken": taken})
    return recording.model_copy(update={"audio_sha256": digest(folder / AUDIO), "tracks": tracks})


def check_audio(recording: Recording, file: Path) -> None:
    """Check that a file is the audio that `recording.json` tells of under its name.

    Raises:
        VersionError: it is another one. A run that was converting another version of the upload
            has ended between writing the two.
    """
    taken = recording.tracks.taken if recording.tracks else []
    digests = {track.audio: track.sha256 for track in taken} | {AUDIO: recording.audio_sha256}
    expected = digests.get(file.name)
    if expected is not None and digest(file) != expected:
        raise VersionError(
            f"{file.name} of recording {recording.recording_id} is not the one that its "
            f"recording.json tells of (ETag {recording.source.etag} of {recording.source.key}); "
            "materialise converted_audio of this recording"
        )


def _asset(document: Document | Versioned) -> str:
    name = document.file_name.removesuffix(".json")
    return ASSETS.get(name, name)
