"""The sensor of the uploads, ticked by hand."""

from dagster import (
    DagsterInstance,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    build_sensor_context,
)

from scribe_assets.definitions import build_definitions
from scribe_assets.keys import RecordingRef
from scribe_assets.sensors import uploads as uploads_module
from scribe_assets.sensors.uploads_cursor import Cursor
from scribe_assets.settings import Settings
from scribe_assets.storage.recordings import read_status
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets.tags import UPLOAD_TAG


def partition(upload: S3Object) -> str:
    """The key of the partition of an upload."""
    return RecordingRef.from_upload_key(upload.key).partition_key


class Sensor:
    """The sensor over some buckets, with its cursor and the partitions that it asked for."""

    def __init__(self, storage: S3Storage, instance: DagsterInstance) -> None:
        self.storage, self.instance, self.cursor = storage, instance, ""
        self.definition = build_definitions(Settings.load()).resolve_sensor_def("uploads_sensor")

    def put(self, *keys: str) -> None:
        for key in keys:
            self.storage.write(self.storage.uploads_bucket, key, key, "audio/wav")

    def tick(self, storage: S3Storage | None = None) -> dict[str, RunRequest]:
        """The runs asked for, by the key of the upload."""
        context: SensorEvaluationContext = build_sensor_context(
            self.instance, self.cursor or None, resources={"storage": storage or self.storage}
        )
        found = self.definition(context)
        if not isinstance(found, SensorResult):
            return {}
        self.cursor = found.cursor or self.cursor
        runs = list(found.run_requests or [])
        partitions = [str(run.partition_key) for run in runs]
        self.instance.add_dynamic_partitions("recordings", partitions)
        assert len(found.asset_events) == len(runs)
        return {run.tags[UPLOAD_TAG]: run for run in runs}

    def aged(self) -> None:
        """An hour has passed since S3 failed."""
        cursor = Cursor.model_validate_json(self.cursor)
        left = {name: at - uploads_module.MAX_LEFT_AGE for name, at in cursor.left.items()}
        self.cursor = cursor.model_copy(update={"left": left}).model_dump_json()

    def state(self, key: str) -> str | None:
        status = read_status(self.storage, RecordingRef.from_upload_key(key))
        return status.state if status else None
