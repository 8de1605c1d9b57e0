"""What people correct, and what a correction holds on to: times and texts.

An index or a label alone would mean something else after the next model: labels are given anew, and
words are divided in another way. So a speaker is known by when that speaker speaks, and words by
when they were said and what they were. `correcting` finds both again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from scribe_assets.speech.timeline import TimeSpan


@dataclass(frozen=True)
class Version:
    """The version of an upload, and how long it is in seconds. The same sound in another container
    is as long; another recording hardly ever is."""

    etag: str
    duration: float


@dataclass(frozen=True)
class SampleWord:
    """A word that was heard from `start` on, in seconds."""

    start: float
    word: str


@dataclass(frozen=True)
class SpeakerAnchor:
    """A speaker by the speech: when, in seconds, and some of the words. `label` is what the speaker
    was called then, for people who read it; without any speech it is the name of somebody whom the
    diarization has not found."""

    label: str
    speech: list[TimeSpan]
    words: list[SampleWord]


@dataclass(frozen=True)
class WordsAnchor(TimeSpan):
    """Words that stand one after the other: from when to when, in seconds, what they were, and what
    stood `before` and `after` them."""

    text: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Correction:
    """What all corrections have: an id, when they were made, and on which version of the upload."""

    id: str
    made_at: datetime
    version: Version


@dataclass(frozen=True)
class NameCorrection(Correction):
    """A speaker has this name."""

    speaker: SpeakerAnchor
    name: str
    kind: Literal["name"] = field(default="name", kw_only=True)


@dataclass(frozen=True)
class MergeCorrection(Correction):
    """Two speakers are one: all speech of `speaker` is that of `into`."""

    speaker: SpeakerAnchor
    into: SpeakerAnchor
    kind: Literal["merge"] = field(default="merge", kw_only=True)


@dataclass(frozen=True)
class SpeakerCorrection(Correction):
    """Words were said by this speaker."""

    words: WordsAnchor
    speaker: SpeakerAnchor
    kind: Literal["speaker"] = field(default="speaker", kw_only=True)


@dataclass(frozen=True)
class TextCorrection(Correction):
    """Words are these ones."""

    words: WordsAnchor
    text: str
    kind: Literal["text"] = field(default="text", kw_only=True)


@dataclass(frozen=True)
class LanguageCorrection(Correction):
    """The recording is in this language, a code of ISO 639."""

    language: str
    kind: Literal["language"] = field(default="language", kw_only=True)


AnyCorrection = (
    NameCorrection | MergeCorrection | SpeakerCorrection | TextCorrection | LanguageCorrection
)
