"""How far a recording is."""

from datetime import datetime
from typing import Literal

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source

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
