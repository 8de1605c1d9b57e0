"""Who speaks when."""

from typing import Literal

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.speech.timeline import Turn


class Diarization(Document):
    """diarization.json: who speaks when, without names."""

    file_name = "diarization.json"
    schema_version: Literal[1] = 1
    recording_id: str
    model: str
    duration: float
    turns: list[Turn]
    exclusive: list[Turn]
