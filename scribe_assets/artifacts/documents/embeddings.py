"""Voices as points, and how such a point is written and read."""

from typing import Literal, Self

import numpy as np

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.voices.voice import Voice


def rounded(embedding: np.ndarray | None) -> list[float] | None:
    """An embedding as it is written; six decimals change a similarity by less than 0.0001."""
    return None if embedding is None else [round(float(value), 6) for value in embedding]


def as_array(embedding: list[float] | None) -> np.ndarray | None:
    """An embedding as it is read."""
    return None if embedding is None else np.asarray(embedding, dtype=np.float64)


class SpeakerEmbedding(Document):
    """A speaker's voice; `embedding` has length 1, None for too little speech."""

    label: str
    embedding: list[float] | None
    speech_seconds: float
    alone_seconds: float


class SpeakerEmbeddings(Document):
    """speaker_embeddings.json: each speaker's voice, from speech that nobody speaks over."""

    file_name = "speaker_embeddings.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    speakers: list[SpeakerEmbedding]

    @classmethod
    def of(
        cls, recording_id: str, model: str, voices: list[Voice], source: Source | None = None
    ) -> Self:
        """The document for some voices."""
        speakers = [
            SpeakerEmbedding(
                label=voice.label,
                embedding=rounded(voice.embedding),
                speech_seconds=round(voice.speech_seconds, 3),
                alone_seconds=round(voice.alone_seconds, 3),
            )
            for voice in voices
        ]
        return cls(recording_id=recording_id, source=source, model=model, speakers=speakers)

    def voices(self) -> list[Voice]:
        """The voices, to be compared with voiceprints."""
        return [
            Voice(s.label, as_array(s.embedding), s.speech_seconds, s.alone_seconds)
            for s in self.speakers
        ]
