"""How far a recording is."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.recording import Source

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]

ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")
"""Where nothing goes on by itself."""


class Status(Document):
    """status.json: how far a recording is. `error` is a sentence for a person; so is each of
    `warnings`, what was lost of a recording of which there is a result.

    `progress` is the fraction of the step that is done, where that is known; `started_at` is when
    the run began with its first step, also after its end."""

    file_name = "status.json"
    schema_version: Literal[1] = 1
    recording_id: str
    user_id: str
    state: State
    source: Source
    job_id: str | None
    run_id: str | None = None
    step: str | None = None
    progress: float | None = Field(None, ge=0, le=1)
    started_at: datetime | None = None
    error: str | None = None
    warnings: list[str] = Field(default_factory=list)
    updated_at: datetime
