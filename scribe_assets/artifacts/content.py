"""What stands for the content of a document: the version of its data."""

import hashlib
from typing import Any

from scribe_assets.artifacts.documents import Document, Recording, SpeakerIdentities

DIGITS = 32

NOT_CONTENT: dict[str, Any] = {"source": {"last_modified"}}
"""The same file uploaded once more makes nothing stale."""


def content_version(document: Document) -> str:
    """A digest of what the stages after it take of a document.

    Two documents that later stages cannot tell apart have the same: of a recording neither the
    words of FFmpeg, nor how loud it is, nor the client's word for the job count, nor the digests of
    its audio, which is made of the upload and the options alone; of the speakers' identities what
    stands in the result, not how sure the runner-up was.
    """
    left_out = {**NOT_CONTENT} if hasattr(document, "source") else {}
    taken: dict[str, Any] | None = None
    if isinstance(document, Recording):
        left_out |= {
            "warnings": True,
            "audio_sha256": True,
            "sound": True,
            "options": {"job_id"},
            "tracks": {"taken": {"__all__": {"sha256"}}},
        }
    if isinstance(document, SpeakerIdentities):
        names = {"label", "person_id", "name", "score", "speech_seconds"}
        taken = {"recording_id": True, "source": True, "model": True}
        taken |= {"identities": {"__all__": names}}
    text = document.model_dump_json(include=taken, exclude=left_out)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
