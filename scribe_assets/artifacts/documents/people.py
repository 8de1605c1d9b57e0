"""The people of an identity bank, and which of them each speaker of a recording is."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.embeddings import as_array
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.voices.voice import Identity, Voiceprint, VoiceSample, voiceprint


class Profile(Document):
    """profile.json of an enrolled person. Other fields are welcome and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    created_at: datetime | str | None = None


class EnrolledSample(Document):
    """A voice sample, of this ETag; `problem` says why it is not used, or is None."""

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
        sentences = [self.problem] if self.problem else []
        sentences += [f"sample {s.key} is not used: {s.problem}" for s in self.samples if s.problem]
        if not any(s.embedding for s in self.samples):
            sentences.append(f"{self.person_id} cannot be recognised: no usable voice sample")
        return sentences


class Voiceprints(Document):
    """voiceprints.json: everybody in a user's identity bank, by voice."""

    file_name = "voiceprints.json"
    schema_version: Literal[1] = 1
    user_id: str
    model: str
    people: list[EnrolledPerson]

    def voiceprints(self) -> list[Voiceprint]:
        """The voiceprints of those who can be recognised."""
        made = [person.voiceprint() for person in self.people]
        return [voiceprint for voiceprint in made if voiceprint is not None]


class SpeakerIdentities(Document):
    """speaker_identities.json: which person each label is, and why."""

    file_name = "speaker_identities.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    threshold: float
    enrolled: list[str]
    identities: list[Identity]
