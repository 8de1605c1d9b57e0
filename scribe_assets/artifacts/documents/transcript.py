"""What is said."""

from typing import Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.timeline import TimeSpan, TranscriptSegment


class Transcript(Document):
    """transcript.json: what is said, without speakers. `unheard` is speech, by voice activity, in
    which no word was heard."""

    file_name = "transcript.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]
    unheard: list[TimeSpan] = Field(default_factory=list)
