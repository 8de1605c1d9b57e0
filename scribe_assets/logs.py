"""What the processes of the stack log, for people or, with `SCRIBE_LOG=json`, for programs.

The names of the fields are those of Dagster's own `--log-format json`, so that the logs of all
processes are read alike: `timestamp`, `level`, `logger`, `event`.
"""

import json
import logging
import logging.handlers
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal

from scribe_assets.tags import PARTITION_TAG, UPLOAD_TAG

LogForm = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(message)s"
NATIVE = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest is what somebody has added with `extra`."""

DAGSTER_META = "dagster_meta"
"""Of a record of Dagster's: which run and step it is about."""

DAGSTER_EVENT = "dagster_event"


class JsonFormatter(logging.Formatter):
    """A record as one JSON object in one line.

    Beside the four fields above: what was added with `extra`; of a run `run_id`, `job`, `step`,
    `recording` (its partition) and `upload` (its key); `event_type` where Dagster tells of one;
    `exception` with its traceback.

    >>> record = logging.makeLogRecord({"name": "scribe", "msg": "ready", "levelname": "INFO"})
    >>> line = json.loads(JsonFormatter().format(record))
    >>> line["event"], line["level"], line["logger"]
    ('ready', 'info', 'scribe')
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: dict[str, Any] = {
            "timestamp": _iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        added = {name: value for name, value in vars(record).items() if name not in NATIVE}
        meta = added.pop(DAGSTER_META, None)
        event = added.pop(DAGSTER_EVENT, None)
        if isinstance(meta, Mapping):
            fields |= _of_run(meta)
            event = event or meta.get(DAGSTER_EVENT)
        if event is not None:
            fields["event_type"] = getattr(event, "event_type_value", str(event))
        fields |= {name: value for name, value in added.items() if value is not None}
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(fields, ensure_ascii=False, default=str)


def _of_run(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What Dagster says a record is about; `orig_message` is the one without all that in it."""
    tags = meta.get("job_tags") or {}
    found = {
        "event": meta.get("orig_message"),
        "run_id": meta.get("run_id"),
        "job": meta.get("job_name"),
        "step": meta.get("step_key"),
        "recording": tags.get(PARTITION_TAG),
        "upload": tags.get(UPLOAD_TAG),
    }
    return {name: value for name, value in found.items() if value is not None}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class FileOfRuns(logging.handlers.WatchedFileHandler):
    """A log file that logrotate may move, in a folder that is made where it is missing: steps are
    executed on other machines, too. What cannot be written fails no step."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


def log_to_standard_error() -> None:
    """Let this process log warnings, and its own loggers what they are set to, as SCRIBE_LOG says.

    `Settings` has checked the variable. It is read here once more, as the launcher serves others,
    too, and does not know our settings.
    """
    is_json = os.environ.get("SCRIBE_LOG") == "json"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if is_json else logging.Formatter(TEXT))
    logging.basicConfig(handlers=[handler])
