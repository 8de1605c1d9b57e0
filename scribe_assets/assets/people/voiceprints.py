"""The people of a user's identity bank, by voice."""

import hashlib

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from scribe_assets.artifacts.documents import Document, Voiceprints
from scribe_assets.artifacts.formats.md import escape
from scribe_assets.assets.external import identity_bank
from scribe_assets.assets.stage import Progress
from scribe_assets.failures import PASSING_FAULTS, permanent_failures
from scribe_assets.keys import user_from_key
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.partitions import users
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.storage.layout import voiceprints_key
from scribe_assets.storage.s3 import S3Storage

CHECK = "samples_are_usable"
MAX_PROBLEMS = 50


@asset(
    partitions_def=users,
    deps=[identity_bank],
    check_specs=[AssetCheckSpec(CHECK, asset="voiceprints")],
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"wespeaker", "s3"},
)
def voiceprints(
    context: AssetExecutionContext, storage: S3Storage, models: ResourceParam[ModelRegistry]
) -> MaterializeResult:
    """A voiceprint for each person, from all samples; only what changed is computed."""
    with permanent_failures():
        user_id = user_from_key(context.partition_key)
        progress = Progress(context)
        document, embedded = refresh_voiceprints(
            storage, user_id, models.names["embedding"], models.embedder_on_cpu, progress
        )
    problems = [line for person in document.people for line in person.problems]
    for problem in problems:
        context.log.warning(problem)
    told = "\n".join(f"- {escape(problem)}" for problem in problems[:MAX_PROBLEMS])
    return MaterializeResult(
        metadata={
            "uri": MetadataValue.url(f"s3://{storage.processed_bucket}/{voiceprints_key(user_id)}"),
            "people": len(document.people),
            "recognisable": len(document.voiceprints()),
            "samples": sum(len(person.samples) for person in document.people),
            "samples_embedded": embedded,
            "model": document.model,
            "preview": MetadataValue.md(table(document)),
            "seconds": round(progress.seconds, 3),
        },
        check_results=[
            AssetCheckResult(
                check_name=CHECK,
                passed=not problems,
                severity=AssetCheckSeverity.WARN,
                metadata={
                    "problems": len(problems),
                    "what": MetadataValue.md(told or "none"),
                },
            )
        ],
        data_version=data_version(document),
    )


def data_version(document: Document) -> DataVersion:
    """The version of a document for Dagster: a digest of its content."""
    return DataVersion(hashlib.sha256(document.to_json().encode()).hexdigest()[:32])


def table(document: Voiceprints) -> str:
    """The people as a Markdown table, at most `MAX_PROBLEMS` of them."""
    rows = "".join(
        f"| {escape(person.person_id)} | {escape(person.name)} | {len(person.samples)} "
        f"| {sum(s.speech_seconds for s in person.samples if not s.problem):.1f} |\n"
        for person in document.people[:MAX_PROBLEMS]
    )
    return f"| person | name | samples | seconds |\n|---|---|---|---|\n{rows}"
