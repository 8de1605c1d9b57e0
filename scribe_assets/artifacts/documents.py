"""The documents: one pydantic model, one JSON file, one schema each.

All times are seconds from the start of the recording with three decimals.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from scribe_assets.errors import DocumentError
from scribe_assets.speech.media import MediaInfo
from scribe_assets.speech.timeline import SpokenSegment, TranscriptSegment, Turn
from scribe_assets.speech.voices.voice import Identity, Voice, Voiceprint, VoiceSample, voiceprint


class Document(BaseModel):
    """A JSON document in S3, or a part of one; `file_name` is how its file is called."""

    file_name: ClassVar[str] = ""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_json(cls, text: str | bytes, name: str) -> Self:
        """Parse and check a document.

        Args:
            text: the JSON.
            name: what to call it in an error, such as its key.

        Raises:
            DocumentError: in one line, what is wrong and where.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            raise DocumentError(
                f"{name} is not as expected: {where + ': ' if where else ''}{reason}"
            ) from error

    def to_json(self) -> str:
        """The document as it is written."""
        return self.model_dump_json(indent=1)


def _language(value: Any) -> Any:
    """`fr-FR` and `FR` mean `fr`."""
    return (
        value.strip().lower().replace("_", "-").split("-")[0] if isinstance(value, str) else value
    )


class Options(Document):
    """What a client may say of an upload, in `KEY.scribe.json` beside it."""

    job_id: str | None = Field(None, coerce_numbers_to_str=True)
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$"), BeforeValidator(_language)] | None = (
        None
    )
    num_speakers: int | None = Field(None, ge=1)
    min_speakers: int | None = Field(None, ge=1)
    max_speakers: int | None = Field(None, ge=1)
    hotwords: str | None = None

    @field_validator("hotwords", mode="before")
    @classmethod
    def _join_hotwords(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return ", ".join(value)
        return value

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        low, high = self.min_speakers or 1, self.max_speakers
        if high is not None and low > high:
            raise ValueError(f"min_speakers {low} is more than max_speakers {high}")
        return self


class Source(Document):
    """The upload a recording comes from."""

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime


class Recording(Document):
    """recording.json: the upload, what is in it, and how to treat it."""

    file_name = "recording.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    source: Source
    media: MediaInfo
    duration: float
    options: Options
    warnings: str


class Diarization(Document):
    """diarization.json: who speaks when, without names."""

    file_name = "diarization.json"
    schema_version: Literal[1] = 1
    recording_id: str
    model: str
    duration: float
    turns: list[Turn]
    exclusive: list[Turn]


class SpeakerEmbedding(Document):
    """A speaker's voice; `embedding` has length 1, None for too little speech."""

    label: str
    embedding: list[float] | None
    speech_seconds: float
    alone_seconds: float


class SpeakerEmbeddings(Document):
    """speaker_embeddings.json: each speaker's voice as a point, from speech nobody speaks over."""

    file_name = "speaker_embeddings.json"
    schema_version: Literal[1] = 1
    recording_id: str
    model: str
    speakers: list[SpeakerEmbedding]

    @classmethod
    def of(cls, recording_id: str, model: str, voices: list[Voice]) -> Self:
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
        return cls(recording_id=recording_id, model=model, speakers=speakers)

    def voices(self) -> list[Voice]:
        """What is compared with voiceprints."""
        return [
            Voice(s.label, as_array(s.embedding), s.speech_seconds, s.alone_seconds)
            for s in self.speakers
        ]


class EnrolledSample(Document):
    """A voice sample, as it was with this ETag; `problem` says why it is not used, if it is not."""

    key: str
    etag: str
    speech_seconds: float
    consistency: float | None
    problem: str | None
    embedding: list[float] | None


class EnrolledPerson(Document):
    """A person and the samples; `profile` is the ETag of profile.json, None where there is none."""

    person_id: str
    name: str
    profile: str | None
    problem: str | None
    samples: list[EnrolledSample]

    def voiceprint(self) -> Voiceprint | None:
        """The person's voice; None where no sample can be used."""
        samples = [
            VoiceSample(as_array(s.embedding), s.speech_seconds, s.consistency, s.problem)
            for s in self.samples
        ]
        return voiceprint(self.person_id, self.name, samples)

    @property
    def problems(self) -> list[str]:
        """What is wrong with the profile and the samples, a sentence each."""
        found = [self.problem] if self.problem else []
        found += [f"sample {s.key} is not used: {s.problem}" for s in self.samples if s.problem]
        if not any(s.embedding for s in self.samples):
            found.append(f"{self.person_id} cannot be recognised: no usable voice sample")
        return found


class Voiceprints(Document):
    """voiceprints.json: everybody in a user's identity bank, by voice."""

    file_name = "voiceprints.json"
    schema_version: Literal[1] = 1
    user_id: str
    model: str
    people: list[EnrolledPerson]

    def voiceprints(self) -> list[Voiceprint]:
        """Those who can be recognised."""
        found = [person.voiceprint() for person in self.people]
        return [one for one in found if one is not None]


def rounded(embedding: np.ndarray | None) -> list[float] | None:
    """An embedding as it is written: six decimals move a similarity by less than 0.0001."""
    return None if embedding is None else [round(float(value), 6) for value in embedding]


def as_array(embedding: list[float] | None) -> np.ndarray | None:
    """An embedding as it is read."""
    return None if embedding is None else np.asarray(embedding, dtype=np.float64)


class SpeakerIdentities(Document):
    """speaker_identities.json: which label is whom, and why."""

    file_name = "speaker_identities.json"
    schema_version: Literal[1] = 1
    recording_id: str
    model: str
    threshold: float
    enrolled: list[str]
    identities: list[Identity]


class Transcript(Document):
    """transcript.json: what is said, without speakers."""

    file_name = "transcript.json"
    schema_version: Literal[1] = 1
    recording_id: str
    model: str
    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]


class Models(Document):
    """What the result was made with."""

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
    """result.json: who said what when."""

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


State = Literal["queued", "running", "succeeded", "failed"]


class Status(Document):
    """status.json: how far a recording is. `error` is a sentence for a person."""

    file_name = "status.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    state: State
    source: Source
    job_id: str | None
    run_id: str | None = None
    step: str | None = None
    error: str | None = None
    updated_at: datetime


class Profile(Document):
    """profile.json of an enrolled person. Other fields are welcome and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    created_at: datetime | str | None = None


DOCUMENTS: dict[str, type[Document]] = {
    **{
        document.file_name.removesuffix(".json"): document
        for document in (
            Recording,
            Diarization,
            SpeakerEmbeddings,
            SpeakerIdentities,
            Transcript,
            Result,
            Status,
            Voiceprints,
        )
    },
    "options": Options,
    "profile": Profile,
}
"""Every document Scribe reads or writes, by the name of its schema."""
