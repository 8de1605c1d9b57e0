"""The people of an identity bank by voice, and what follows when they change."""

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetMaterialization,
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
from scribe_assets.keys import RecordingRef, user_from_key
from scribe_assets.library.naming import refresh_names
from scribe_assets.partitions import users
from scribe_assets.settings import Settings
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.storage.bank import refresh_voiceprints
from scribe_assets.storage.layout import voiceprints_key
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DATA_VERSION_TAG

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


@asset(
    partitions_def=users,
    deps=[voiceprints],
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"s3"},
)
def reidentification(context: AssetExecutionContext, storage: S3Storage) -> MaterializeResult:
    """Names in all recordings of a user as the bank is now: `speaker_identities` and
    `fused_result` are written where they change, from what is kept of the voices."""
    with permanent_failures():
        user_id = user_from_key(context.partition_key)
        progress = Progress(context)
        seen: set[RecordingRef] = set()
        changed: set[RecordingRef] = set()
        problems: dict[RecordingRef, str] = {}
        threshold = Settings.load().identity_threshold
        for found in refresh_names(storage, user_id, threshold, progress):
            seen.add(found.ref)
            if found.problem:
                problems[found.ref] = found.problem
            for name, document in (
                ("speaker_identities", found.identities),
                ("fused_result", found.result),
            ):
                if document is None:
                    continue
                changed.add(found.ref)
                context.log_event(
                    AssetMaterialization(
                        name,
                        partition=found.ref.partition_key,
                        description="after a change of the identity bank",
                        tags={DATA_VERSION_TAG: data_version(document).value},
                    )
                )
    for ref, problem in list(problems.items())[:MAX_PROBLEMS]:
        context.log.warning(f"{ref.recording_id}: {problem}")
    return MaterializeResult(
        metadata={
            "recordings": len(seen),
            "changed": len(changed),
            "not_compared": len(problems),
            "seconds": round(progress.seconds, 3),
        }
    )


def data_version(document: Document) -> DataVersion:
    """The version of a document: its content."""
    import hashlib

    return DataVersion(hashlib.sha256(document.to_json().encode()).hexdigest()[:32])


def table(document: Voiceprints) -> str:
    """The people for people to read."""
    rows = "".join(
        f"| {escape(person.person_id)} | {escape(person.name)} | {len(person.samples)} "
        f"| {sum(s.speech_seconds for s in person.samples if not s.problem):.1f} |\n"
        for person in document.people[:MAX_PROBLEMS]
    )
    return f"| person | name | samples | seconds |\n|---|---|---|---|\n{rows}"
