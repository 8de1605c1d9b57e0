"""The upload behind a recording: where it lies, what is in it, and what its client says of it."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.languages import language_code, language_codes
from scribe_assets.speech.media_info import FileTimeline, MediaInfo
from scribe_assets.speech.tracks.channels import Wish


def _language(value: Any) -> Any:
    return language_code(value) if isinstance(value, str) else value


def _languages(value: Any) -> Any:
    """`"fr,en"` as well as a list."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ",".join(value)
    return language_codes(value) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    """`true` is not one speaker, as which pydantic would read it."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number of speakers; give one such as 2")
    return value


WHISPER = re.compile(
    r"(distil-)?(tiny|base|small|medium|large)(-v\d(\.\d)?)?(-turbo)?(\.en)?|turbo"
)
"""The names of Whisper models, as faster-whisper has them."""


def _model(value: Any) -> Any:
    """Who uploads chooses no folder of this machine, and nobody's repository of weights."""
    if not isinstance(value, str):
        return value
    name = value.strip().lower()
    if name in ("", "auto"):
        return None
    if not WHISPER.fullmatch(name):
        raise ValueError(
            "give the name of a Whisper model such as small; a folder or another repository is set "
            "for all recordings, as SCRIBE_WHISPER_MODEL"
        )
    return name


def _tracks(value: Any) -> Any:
    """`2`, `"2"` and `"1,3"` as well as a list; words in any case."""
    if isinstance(value, bool):
        raise ValueError(TRACKS_HELP)
    if isinstance(value, int):
        return [value]
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("auto", "mix", "each"):
            return word
        if not word:
            return None
        numbers = [part.strip() for part in word.split(",")]
        if not all(number.isdecimal() for number in numbers):
            raise ValueError(TRACKS_HELP)
        return [int(number) for number in numbers]
    if isinstance(value, list) and any(isinstance(one, bool) for one in value):
        raise ValueError(TRACKS_HELP)
    return value


TRACKS_HELP = "give auto, mix, each, or the numbers of audio tracks or channels, such as [1, 2]"
TracksOption = Annotated[Wish | None, BeforeValidator(_tracks)]

NumSpeakers = Annotated[int, Field(ge=1), BeforeValidator(_number)]

COUNTS = ("num_speakers", "min_speakers", "max_speakers")


class Options(Document):
    """What a client may say of an upload, in `KEY.scribe.json` beside it, and of all uploads of a
    user, in `USER/.scribe.json`."""

    job_id: str | None = Field(None, coerce_numbers_to_str=True)
    language: Annotated[str | None, BeforeValidator(_language)] = None
    languages: Annotated[tuple[str, ...] | None, BeforeValidator(_languages)] = None
    """Those that are expected; None: as the installation is set."""
    num_speakers: NumSpeakers | None = None
    min_speakers: NumSpeakers | None = None
    max_speakers: NumSpeakers | None = None
    hotwords: str | None = None
    model: Annotated[str | None, BeforeValidator(_model)] = None
    """The Whisper model, by a name that faster-whisper knows; None: as the installation is set."""
    tracks: TracksOption = None
    """Which audio tracks or channels are transcribed; None: as the installation is set."""

    @field_validator("hotwords", mode="before")
    @classmethod
    def _join_hotwords(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return ", ".join(value)
        return value

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        exact, low, high = self.num_speakers, self.min_speakers or 1, self.max_speakers
        if high is not None and low > high:
            raise ValueError(f"min_speakers {low} is more than max_speakers {high}")
        if exact is not None and exact < low:
            raise ValueError(f"num_speakers {exact} is less than min_speakers {low}")
        if exact is not None and high is not None and exact > high:
            raise ValueError(f"num_speakers {exact} is more than max_speakers {high}")
        return self

    def over(self, defaults: "Options") -> "Options":
        """These, and where they say nothing, the defaults. What they say of the language stands for
        all that the defaults say of it, so with the number of speakers; a job is that of one
        upload."""
        said = self.model_dump(exclude_none=True)
        for group in (COUNTS, ("language", "languages")):
            if not said.keys().isdisjoint(group):
                said = dict.fromkeys(group) | said
        return defaults.model_copy(update={"job_id": None} | said)


class Source(Document):
    """The upload a recording comes from."""

    bucket: str
    key: str
    etag: str
    size: int
    last_modified: datetime


class TakenTrack(Document):
    """What is transcribed as one: channels of a track, by number, and the file of their sound, with
    its digest where it is not `audio.flac`."""

    track: int
    channels: list[int]
    audio: str
    sha256: str | None = None


class TracksTaken(Document):
    """Which audio tracks and channels of an upload were taken, and why; `left_out` tells of the
    others."""

    mode: Literal["single", "mix", "each"]
    reason: str
    taken: list[TakenTrack]
    left_out: list[str]


class Sound(Document):
    """How loud the converted audio is: the largest amplitude, 0 to 1, in parts of equal length, and
    the share of its samples that are clipped."""

    peaks: list[float]
    clipped: float


class Recording(Document):
    """recording.json: the upload, what is in it, and the options of its client.

    `duration` is that of the converted audio, and `media.duration` what the file says. `timeline`
    tells where the two may differ, `damage` what was lost. Recordings of earlier versions of Scribe
    have none of the three.

    `audio_sha256` is the digest of the `audio.flac` that was made from this version of the upload;
    None in documents of a Scribe that did not keep it. So is `sound`.
    """

    file_name = "recording.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    source: Source
    media: MediaInfo
    duration: float
    options: Options
    warnings: str
    timeline: FileTimeline = FileTimeline()
    tracks: TracksTaken | None = None
    damage: list[str] = Field(default_factory=list)
    audio_sha256: str | None = None
    sound: Sound | None = None
