"""The worked example of docs/adding-an-asset.md, run as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance

from scribe_assets.keys import RecordingRef
from scribe_assets.library.status import queued
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import to_source, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.unit.results import RESULT

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-asset.md"


def test_the_example_works_as_it_is_written(embedded_storage: S3Storage) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    namespace: dict[str, Any] = {"__name__": "talk_time_example"}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), namespace)  # noqa: S102

    storage = embedded_storage
    key = RESULT.source.key
    storage.write(storage.uploads_bucket, key, b"any", "video/mp4")
    ref = RecordingRef.from_upload_key(key)
    write_status(storage, queued(to_source(storage.head(storage.uploads_bucket, key)), None))
    result = RESULT.model_copy(update={"recording_id": ref.recording_id})
    bucket = storage.processed_bucket
    storage.write(bucket, processed_key(ref, "result.json"), result.to_json(), "application/json")

    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("recordings", [ref.partition_key])
        job = namespace["defs"].resolve_job_def("transcribe_recording")
        run = job.execute_in_process(
            instance=instance,
            partition_key=ref.partition_key,
            asset_selection=[AssetKey("talk_time")],
        )
    assert run.success
    made = json.loads(storage.read(bucket, processed_key(ref, "talk_time.json")))
    assert made["seconds"] == {"Anne B.": 1.5, "Speaker 2": 1.5}
    assert made["share"] == {"Anne B.": 0.5, "Speaker 2": 0.5}
