"""The names in a user's recordings after a change of the identity bank."""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    DagsterInstance,
    MaterializeResult,
    ResourceParam,
    asset,
)

from scribe_assets.artifacts.content import content_version
from scribe_assets.artifacts.documents import Result, SpeakerIdentities
from scribe_assets.assets.identification import Identification
from scribe_assets.assets.people.voiceprints import MAX_PROBLEMS, voiceprints
from scribe_assets.assets.recording.speaker_identities import identities_metadata
from scribe_assets.assets.stage import Progress
from scribe_assets.failures import PASSING_FAULTS, permanent_failures
from scribe_assets.keys import RecordingRef, user_from_key
from scribe_assets.library.code_versions import INPUTS, CodeVersions, made_from, with_parts_of
from scribe_assets.library.naming import refresh_names
from scribe_assets.partitions import users
from scribe_assets.provenance import Made, input_tags, provenance_tags, without_events
from scribe_assets.storage.metadata import places, result_metadata
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import CODE_VERSION_TAG

DESCRIPTION = "after a change of the identity bank"
NAMING = ("speaker_embeddings", "speaker_identities")
"""The stages on which the names of a result depend."""

SPEED = ("seconds", "audio_seconds", "real_time_factor")
"""What a stage tells of its own work, and what is counted by it (`metrics/stages.py`)."""


@asset(
    partitions_def=users,
    deps=[voiceprints],
    retry_policy=PASSING_FAULTS,
    group_name="recording",
    kinds={"s3"},
)
def reidentification(
    context: AssetExecutionContext,
    storage: S3Storage,
    identification: Identification,
    code_versions: ResourceParam[CodeVersions],
) -> Iterator[AssetMaterialization | MaterializeResult]:
    """Names in all recordings of a user as the bank is now: `speaker_identities` and
    `fused_result` are written where they change, from what is kept of the voices."""
    tell = Telling(context.instance, storage, code_versions)
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
            if found.identities:
                yield tell.written(found.ref, "speaker_identities", found.identities)
            if found.result:
                yield tell.written(found.ref, "fused_result", found.result)
            elif found.identities and (told := tell.still_holds(found.ref)):
                yield told
            if found.identities or found.result:
                changed.add(found.ref)
    for ref, problem in list(problems.items())[:MAX_PROBLEMS]:
        context.log.warning(f"{ref.recording_id}: {problem}")
    yield MaterializeResult(
        metadata={
            "recordings": len(seen),
            "changed": len(changed),
            "not_compared": len(problems),
            "seconds": round(progress.seconds, 3),
        }
    )


class Telling:
    """What Dagster is told of the artifacts of recordings that were written anew here.

    Each is told before the next one is asked for: what a result was made of are the identities of
    which Dagster knows by then.
    """

    def __init__(
        self, instance: DagsterInstance, storage: S3Storage, versions: Mapping[str, str]
    ) -> None:
        self._instance = instance
        self._storage = storage
        self._versions = versions

    def written(
        self, ref: RecordingRef, name: str, document: SpeakerIdentities | Result
    ) -> AssetMaterialization:
        """A document that was written anew, as its own stage would tell of it."""
        inputs = [Made.newest(self._instance, one, ref.partition_key) for one in INPUTS[name]]
        version = made_from(name, self._versions[name], [made.code_version for made in inputs])
        return AssetMaterialization(
            name,
            partition=ref.partition_key,
            description=DESCRIPTION,
            metadata={
                **places(self._storage, ref, document.file_name),
                **metadata(document),
            },
            tags=provenance_tags(content_version(document), version, inputs),
        )

    def still_holds(self, ref: RecordingRef) -> AssetMaterialization | None:
        """A result that has stayed as it was, made of the identities of now; None where Dagster
        takes it for that anyway, or knows nothing of it."""
        before = Made.newest(self._instance, "fused_result", ref.partition_key)
        identities = Made.newest(self._instance, "speaker_identities", ref.partition_key)
        version = with_parts_of(before.code_version, identities.code_version, NAMING)
        tags = {**before.tags, **input_tags([identities]), CODE_VERSION_TAG: version}
        if before.event is None or without_events(tags) == without_events(before.tags):
            return None
        return AssetMaterialization(
            "fused_result",
            partition=ref.partition_key,
            description=DESCRIPTION,
            metadata={
                **{name: value for name, value in before.metadata.items() if name not in SPEED},
                **places(self._storage, ref, Result.file_name),
            },
            tags=tags,
        )


def metadata(document: SpeakerIdentities | Result) -> dict[str, Any]:
    """What the document's own stage tells of it."""
    if isinstance(document, Result):
        return result_metadata(document)
    return identities_metadata(document)
