"""What is said."""

from typing import Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.timeline import LIKELY_LANGUAGE, TimeSpan, TranscriptSegment


class Transcript(Document):
    """transcript.json: what is said, without speakers. `unheard` is speech, by voice activity, in
    which no word was heard. `language_heard` is the language that is clearly spoken where the
    options give another one."""

    file_name = "transcript.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]
    unheard: list[TimeSpan] = Field(default_factory=list)
    language_heard: str | None = None

    @property
    def warnings(self) -> list[str]:
        """What a reader of the words should know, a sentence each."""
        if self.language_heard:
            return [
                f"the options give the language {self.language}, but {self.language_heard} is "
                "heard, which Whisper translates then; leave the language out of the options"
            ]
        sure = self.language_probability
        if sure is None or sure >= LIKELY_LANGUAGE:
            return []
        if self.language is None:
            return ["there is too little speech to tell its language; give it in the options"]
        return [
            f"the language, {self.language}, is not sure (probability {sure:.2f}); give it in the "
            "options, or the expected ones there or in SCRIBE_LANGUAGES"
        ]
