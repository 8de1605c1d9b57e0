"""Who said what when."""

from typing import Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.timeline import SpokenSegment


class Models(Document):
    """The names of the models that a result was made with."""

    diarization: str
    embedding: str
    transcription: str


class Speaker(Document):
    """A speaker of a result; `person_id`, `name` are None for somebody unknown."""

    label: str
    person_id: str | None
    name: str | None
    score: float | None
    speech_seconds: float


class Result(Document):
    """result.json: who said what when. `warnings` says what of the upload could not be used."""

    file_name = "result.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    job_id: str | None
    source: Source
    duration: float
    language: str | None
    language_probability: float | None
    models: Models
    speakers: list[Speaker]
    segments: list[SpokenSegment]
    warnings: list[str] = Field(default_factory=list)

    def display_name(self, label: str | None) -> str:
        """A speaker's name for people: the name where known, else the label."""
        if label is None:
            return "UNKNOWN"
        return next((s.name for s in self.speakers if s.label == label and s.name), label)

    def speaker_id(self, label: str | None) -> str:
        """A speaker's name for machines: the person's id where known, else the label."""
        if label is None:
            return "UNKNOWN"
        return next((s.person_id for s in self.speakers if s.label == label and s.person_id), label)
