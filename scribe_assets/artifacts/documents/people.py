"""The people of an identity bank, and which of them each speaker of a recording is."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.embeddings import as_array
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.artifacts.documents.text import MAX_NAME, clean_name
from scribe_assets.speech.voices.enrolment import Judgement, judge
from scribe_assets.speech.voices.voice import Identity, Voiceprint, VoiceSample, voiceprint


def _name(value: Any) -> Any:
    return clean_name(value) if isinstance(value, str) else value


class Profile(Document):
    """profile.json of an enrolled person. Other fields are welcome and ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), BeforeValidator(_name)]
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

    def voices(self) -> list[VoiceSample]:
        """The samples, to be compared."""
        return [
            VoiceSample(as_array(s.embedding), s.speech_seconds, s.consistency, s.problem)
            for s in self.samples
        ]


class Voiceprints(Document):
    """voiceprints.json: everybody in a user's identity bank, by voice."""

    file_name = "voiceprints.json"
    schema_version: Literal[1] = 1
    user_id: str
    model: str
    people: list[EnrolledPerson]

    def judged(self) -> dict[str, Judgement]:
        """By person, which samples are used; see `judge`."""
        return judge({person.person_id: person.voices() for person in self.people})

    def voiceprints(self) -> list[Voiceprint]:
        """The voiceprints of those who can be recognised, of the samples that are their voice."""
        voices = {person.person_id: person.voices() for person in self.people}
        judged = judge(voices)
        made = []
        for person in self.people:
            used = [voices[person.person_id][index] for index in judged[person.person_id].used]
            made.append(voiceprint(person.person_id, person.name, used))
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
