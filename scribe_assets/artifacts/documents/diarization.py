"""Who speaks when."""

from typing import Literal

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source
from scribe_assets.speech.timeline import Turn


class Diarization(Document):
    """diarization.json: who speaks when, without names.

    `source` is the version of the upload that it was made from; None in documents of a Scribe that
    did not keep it. So it is in all documents between `recording.json` and `result.json`.

    `speakers_between` are the lowest and the highest number of speakers that make sense, with the
    number that was found among them; None where that is not known: in recordings of several tracks,
    without speech, of another diarization, and in documents of an older Scribe.
    """

    file_name = "diarization.json"
    schema_version: Literal[1] = 1
    recording_id: str
    source: Source | None = None
    model: str
    duration: float
    turns: list[Turn]
    exclusive: list[Turn]
    speakers_between: tuple[int, int] | None = None
