"""Uploads and runs of the real assets, as the sensors and the daemon would make them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance, ExecuteInProcessResult

from scribe_assets.artifacts.documents import Options, Result
from scribe_assets.definitions import build_definitions
from scribe_assets.keys import RecordingRef, user_key
from scribe_assets.library.status import Ending, RunEnd, ended
from scribe_assets.sensors.uploads import run_request
from scribe_assets.settings import Settings
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import read_document, read_status, write_status
from scribe_assets.storage.s3 import S3Storage


@dataclass
class Scribe:
    """Uploads and runs, as the sensor and the daemon would."""

    storage: S3Storage
    instance: DagsterInstance

    def upload(self, file: Path, key: str, **options: object) -> RecordingRef:
        if options:
            text = Options.model_validate(options).to_json()
            self.storage.write(
                self.storage.uploads_bucket, sidecar_key(key), text, "application/json"
            )
        self.storage.upload(file, self.storage.uploads_bucket, key, "audio/wav")
        upload = self.storage.head(self.storage.uploads_bucket, key)
        run_request(self.storage, upload)
        ref = RecordingRef.from_upload_key(key)
        self.instance.add_dynamic_partitions("recordings", [ref.partition_key])
        return ref

    def run(
        self,
        ref: RecordingRef,
        stages: list[str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> ExecuteInProcessResult:
        """Run all stages, or some as from the UI; with the tags of a run of the sensor, or none."""
        definitions = build_definitions(Settings.load())
        return definitions.resolve_job_def("transcribe_recording").execute_in_process(
            instance=self.instance,
            partition_key=ref.partition_key,
            asset_selection=[AssetKey(name) for name in stages] if stages else None,
            tags=tags,
            raise_on_error=False,
        )

    def refresh_people(self, user: str = "default", **resources: Any) -> ExecuteInProcessResult:
        """What the sensor on the bank asks for."""
        self.instance.add_dynamic_partitions("users", [user_key(user)])
        definitions = build_definitions(Settings.load(), **resources)
        return definitions.resolve_job_def("refresh_people").execute_in_process(
            instance=self.instance, partition_key=user_key(user), raise_on_error=False
        )

    def result(self, ref: RecordingRef) -> Result:
        return read_document(self.storage, ref, Result)

    def read(self, ref: RecordingRef, name: str) -> str:
        return self.storage.read(self.storage.processed_bucket, processed_key(ref, name)).decode()


def failure(run: ExecuteInProcessResult) -> str:
    """The sentence with which the one step of a run failed that did."""
    (event,) = [e for e in run.all_events if e.is_step_failure]
    fault = event.step_failure_data.user_failure_data
    return fault.description or "" if fault else ""


def end(scribe: Scribe, ref: RecordingRef, ending: Ending) -> None:
    """Write the end of a run into the status, as the sensor of the outcomes would."""
    status = read_status(scribe.storage, ref)
    assert status is not None
    run_id = status.run_id or "1"
    after = ended(status, run_id, status.source.etag, RunEnd(run_id, ending))
    assert after is not None
    write_status(scribe.storage, after)
