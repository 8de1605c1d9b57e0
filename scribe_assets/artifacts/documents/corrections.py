"""What people have put right."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.speech.corrections import AnyCorrection


class Corrections(Document):
    """corrections.json: names, merged speakers, words and languages set by hand, in the order in
    which they were made. Each knows when in the recording it is meant, and what was heard there."""

    file_name = "corrections.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    corrections: list[Annotated[AnyCorrection, Field(discriminator="kind")]] = Field(
        default_factory=list
    )

    @property
    def version(self) -> str:
        """A digest of which corrections these are, in which order."""
        ids = " ".join(one.id for one in self.corrections)
        return hashlib.sha256(ids.encode()).hexdigest()[:16]


class Unfitting(Document):
    """A correction that fits nothing in a result; `why` is a sentence. It is kept for the next."""

    id: str
    kind: str
    why: str


class CorrectionsApplied(Document):
    """How many corrections a result has, and which ones fit nothing in it. `version` is that of the
    corrections that it was made with."""

    version: str
    applied: int
    unfitting: list[Unfitting] = Field(default_factory=list)


class Vocabulary(Document):
    """vocabulary.json: words that a user has put right in recordings, the newest ones last. They
    are expected in what is transcribed from then on."""

    file_name = "vocabulary.json"
    schema_version: Literal[1] = 1
    user_id: str
    words: list[str] = Field(default_factory=list)
