"""What Dagster shows with an artifact, whoever has written it: a step, `reidentification`, or
somebody who corrected a result."""

from typing import Any

from dagster import MetadataValue

from scribe_assets.artifacts import pictures
from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.facts import facts
from scribe_assets.artifacts.formats import md
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.links import link
from scribe_assets.storage.s3 import S3Storage

LOOKED_AT = {"result.json": "result.html"}
"""What a person opens rather than the document."""

PREVIEW_LINES = 40


def places(storage: S3Storage, ref: RecordingRef, name: str) -> dict[str, MetadataValue]:
    """Where a file of a recording lies, and a link that a browser opens."""
    bucket = storage.processed_bucket
    found: dict[str, MetadataValue] = {
        "uri": MetadataValue.url(f"s3://{bucket}/{processed_key(ref, name)}")
    }
    if url := link(storage, bucket, processed_key(ref, LOOKED_AT.get(name, name))):
        found["open"] = MetadataValue.url(url)
    return found


def result_metadata(result: Result) -> dict[str, Any]:
    """Numbers, who speaks when, and the beginning of the text."""
    preview = "\n".join(md.render(result).splitlines()[:PREVIEW_LINES])
    return {
        **facts(result),
        "timeline": MetadataValue.md(pictures.of_result(result)),
        "preview": MetadataValue.md(preview),
    }
