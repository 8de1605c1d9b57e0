"""Who said what when."""

import re
from collections import Counter
from typing import Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.corrections import CorrectionsApplied
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.artifacts.documents.text import looks, one_line
from scribe_assets.speech.timeline import SpokenSegment

UNKNOWN = {"en": "Speaker", "fr": "Intervenant"}
"""What unknown speakers are called, with a number from 1 on, by the language of the recording."""


def called(label: str, language: str | None) -> str:
    """An unknown speaker's name for people; the label where the language has no word for it here.

    >>> called("SPEAKER_02", "fr"), called("SPEAKER_02", "de")
    ('Intervenant 3', 'SPEAKER_02')
    """
    number = re.fullmatch(r"SPEAKER_(\d+)", label, re.ASCII)
    word = UNKNOWN.get(language or "")
    return f"{word} {int(number[1]) + 1}" if word and number else one_line(label) or "UNKNOWN"


def label_of(typed: str) -> str:
    """The label of an unknown speaker, however people read it.

    >>> label_of("Intervenant 3"), label_of("SPEAKER_02")
    ('SPEAKER_02', 'SPEAKER_02')
    """
    words = "|".join(UNKNOWN.values())
    number = re.fullmatch(rf"(?:{words})\s+([1-9]\d*)", typed.strip(), re.ASCII | re.IGNORECASE)
    return f"SPEAKER_{int(number[1]) - 1:02d}" if number else typed


class Models(Document):
    """The names of the models that a result was made with."""

    diarization: str
    embedding: str
    transcription: str


class Speaker(Document):
    """A speaker of a result; `person_id`, `name` are None for somebody unknown. `by_hand` marks a
    name that a person has set."""

    label: str
    person_id: str | None
    name: str | None
    score: float | None
    speech_seconds: float
    by_hand: bool = Field(default=False, exclude_if=lambda value: not value)


class Result(Document):
    """result.json: who said what when. `warnings` says what of the upload could not be used,
    `corrections` what of corrections.json is in it."""

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
    corrections: CorrectionsApplied | None = Field(
        default=None, exclude_if=lambda value: value is None
    )

    def display_name(self, label: str | None) -> str:
        """A speaker's name for people, in one line: the name where known, else as `called`.

        Two people who are called the same are told apart by their ids, in brackets. In `speakers`
        the name stays as the profile has it.
        """
        if label is None:
            return "UNKNOWN"
        return self.display_names().get(label) or called(label, self.language)

    def display_names(self) -> dict[str, str]:
        """The name of each speaker for people, by label; see `display_name`."""
        names = {
            s.label: one_line(s.name or "") or one_line(s.person_id or "") for s in self.speakers
        }
        unknown = {s.label: called(s.label, self.language) for s in self.speakers}
        people = {
            (looks(names[s.label] or unknown[s.label]), s.person_id or s.label)
            for s in self.speakers
        }
        number = Counter(name for name, _ in people)
        shown = {}
        for speaker in self.speakers:
            name = names[speaker.label]
            if name and number[looks(name)] > 1:
                name = f"{name} ({one_line(speaker.person_id or speaker.label)})"
            shown[speaker.label] = name or unknown[speaker.label]
        return shown

    def speaker_id(self, label: str | None) -> str:
        """A speaker's name for machines: the person's id where known, else the label."""
        if label is None:
            return "UNKNOWN"
        return next((s.person_id for s in self.speakers if s.label == label and s.person_id), label)
