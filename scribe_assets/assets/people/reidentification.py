"""The names in a user's recordings after a change of the identity bank."""

from dagster import AssetExecutionContext, AssetMaterialization, MaterializeResult, asset

from scribe_assets.assets.identification import Identification
from scribe_assets.assets.people.voiceprints import MAX_PROBLEMS, data_version, voiceprints
from scribe_assets.assets.stage import Progress
from scribe_assets.failures import PASSING_FAULTS, permanent_failures
from scribe_assets.keys import RecordingRef, user_from_key
from scribe_assets.library.naming import refresh_names
from scribe_assets.partitions import users
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DATA_VERSION_TAG


@asset(
    partitions_def=users,
    deps=[voiceprints],
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"s3"},
)
def reidentification(
    context: AssetExecutionContext, storage: S3Storage, identification: Identification
) -> MaterializeResult:
    """Names in all recordings of a user as the bank is now: `speaker_identities` and
    `fused_result` are written where they change, from what is kept of the voices."""
    with permanent_failures():
        user_id = user_from_key(context.partition_key)
        progress = Progress(context)
        seen: set[RecordingRef] = set()
        changed: set[RecordingRef] = set()
        problems: dict[RecordingRef, str] = {}
        for found in refresh_names(storage, user_id, identification.threshold, progress):
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
