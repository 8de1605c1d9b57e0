"""Results to hand on: the page of a recording with its sound in the same file."""

import base64
from pathlib import Path
from tempfile import TemporaryDirectory

from scribe_assets.artifacts.documents import Recording, Result
from scribe_assets.artifacts.formats import html
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.errors import MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech.media import smaller
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_audio, check_versions

MOST_BYTES = 24_000_000
"""Of sound in a page. In base64 it is a third more, and Firefox takes no `data:` URL of more than
32 MiB."""


def page_with_sound(storage: S3Storage, ref: RecordingRef, typed: str | None = None) -> str:
    """`result.html` with the sound in it: one file that needs no other.

    Args:
        storage: S3.
        ref: the recording.
        typed: what somebody calls the recording, for errors.

    Raises:
        UsageError: there is no result yet, or the recording is too long for it.
        VersionError: the audio is of another version of the upload than the result.
    """
    name = typed or ref.recording_id
    try:
        recording = read_document(storage, ref, Recording)
        result = read_document(storage, ref, Result)
    except MissingObjectError as error:
        raise UsageError(f"{name} has no result yet; see 'scribe status {name}'") from error
    check_versions(recording, result)
    bit_rate = smaller.bit_rate_for(recording.duration, MOST_BYTES)
    if bit_rate is None:
        raise UsageError(
            f"{name} is {clock(recording.duration)} long, too much for a page with the sound in "
            f"it; share result.html and {AUDIO} in one folder"
        )
    with TemporaryDirectory() as folder:
        audio, small = Path(folder) / AUDIO, Path(folder) / "audio.mp3"
        storage.download(storage.processed_bucket, processed_key(ref, AUDIO), audio)
        check_audio(recording, audio)
        smaller.make_smaller(audio, small, bit_rate)
        sound = base64.b64encode(small.read_bytes()).decode()
    return html.page(result, f"data:{smaller.CONTENT_TYPE};base64,{sound}")
