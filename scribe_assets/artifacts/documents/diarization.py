"""Who speaks when."""

from typing import Literal

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.timeline import Turn


class Diarization(Document):
    """diarization.json: who speaks when, without names.

    `source` is the version of the upload that it was made from; None in documents of a Scribe that
    did not keep it. So it is in all documents between `recording.json` and `result.json`.
    """

    file_name = "diarization.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    duration: float
    turns: list[Turn]
    exclusive: list[Turn]
