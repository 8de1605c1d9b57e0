"""A new instance learns what is in S3: partitions and materializations of all that is done.

Dagster's storage may be lost, or another one may take its place: SQLite by PostgreSQL. All results
are in S3; what is gone is that Dagster knows of them. Without it, the sensor of the uploads would
ask for a run of each upload.

Recordings that had not ended are left to that sensor: they are no partitions, so it asks for them
as for new ones. Runs, their logs and the results of checks are gone for good.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DataVersion,
    MetadataValue,
)

from scribe_assets.instance.corrections import observe
from scribe_assets.keys import user_key
from scribe_assets.library.code_versions import (
    INPUTS,
    CodeVersions,
    code_versions,
    found_version,
    models_of_now,
)
from scribe_assets.library.inventory import (
    STAGES,
    Artifact,
    Inventory,
    banks_in,
    recordings_in,
    take_inventory,
)
from scribe_assets.library.status import left_behind
from scribe_assets.partitions import recordings, users
from scribe_assets.provenance import Made, provenance_tags
from scribe_assets.settings import Settings
from scribe_assets.storage.recordings import write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DATA_VERSION_TAG

READERS = 8
"""Recordings that are read at a time: what a look takes is mostly waiting for S3."""

VOICEPRINTS = "voiceprints"


@dataclass
class Rebuilt:
    """What a rebuild has found.

    Attributes:
        recordings: all that have a status in S3.
        partitions: recordings that Dagster did not know.
        materializations: those that it did not know, voiceprints included.
        unfinished: recordings that had not ended and have no partition: the sensor asks for them.
        users: with an identity bank.
        problems: sentences about what could not be read.
    """

    recordings: int = 0
    partitions: int = 0
    materializations: int = 0
    unfinished: int = 0
    users: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Versions:
    """By which Dagster tells whether what is found is stale: those of now, and what they stand for.

    Attributes:
        code: of each asset.
        models: of each asset that has one, as its documents name it.
    """

    code: CodeVersions
    models: dict[str, str]

    @classmethod
    def of(cls, settings: Settings) -> "Versions":
        """Those of an installation."""
        return cls(code_versions(settings), models_of_now(settings))

    def tags(self, artifact: Artifact, inputs: list[Made]) -> dict[str, str]:
        """Of an artifact that was found, the tags of its materialization.

        What made it is not known but for the names of its models; where they are those of now, it
        is taken for what would be made now.
        """
        others = [name for name, model in artifact.models.items() if self.models[name] != model]
        version = found_version(
            artifact.asset, self.code, [made.code_version for made in inputs], others
        )
        return provenance_tags(artifact.content, version, inputs)


def rebuild(
    instance: DagsterInstance,
    storage: S3Storage,
    versions: Versions,
    progress: Callable[[float], None],
) -> Rebuilt:
    """Tell an instance of all that S3 holds and it does not know; a second time does nothing more.

    Args:
        instance: Dagster's; it may be in use.
        storage: S3.
        versions: of this installation.
        progress: told the fraction that is done.

    Raises:
        PassingError: S3 does not answer; the next rebuild goes on from there.
    """
    files = recordings_in(storage)
    told = Rebuilt(recordings=len(files))
    known = set(instance.get_dynamic_partitions(str(recordings.name)))
    made = {
        asset: instance.get_materialized_partitions(AssetKey(asset))
        for asset in (*STAGES, VOICEPRINTS)
    }
    # What is complete is not even read.
    complete = known.intersection(*(made[asset] for asset in STAGES))
    waiting = [ref for ref in files if ref.partition_key not in complete]
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda ref: take_inventory(storage, ref, files[ref]), waiting)
        for number, inventory in enumerate(found, start=1):
            _tell(instance, storage, versions, inventory, known, made, told)
            progress(number / len(waiting))
    _tell_banks(instance, storage, versions, made[VOICEPRINTS], told)
    return told


def _tell(
    instance: DagsterInstance,
    storage: S3Storage,
    versions: Versions,
    inventory: Inventory,
    known: set[str],
    made: dict[str, set[str]],
    told: Rebuilt,
) -> None:
    """Tell the instance of a recording, its partition last: what has one is not looked at by the
    sensor, however a rebuild ends."""
    key, status = inventory.ref.partition_key, inventory.status
    told.problems += inventory.problems
    if status is None or not inventory.is_done:
        told.unfinished += key not in known
        is_lost = status is not None and instance.get_run_by_id(status.run_id or "") is None
        if status and is_lost and (again := left_behind(status)):
            write_status(storage, again)
        return
    if key not in known:
        instance.report_runless_asset_event(
            AssetObservation(
                "uploads",
                partition=key,
                metadata={
                    "uri": f"s3://{status.source.bucket}/{status.source.key}",
                    "size": status.source.size,
                },
                tags={DATA_VERSION_TAG: DataVersion(status.source.etag).value},
            )
        )
        if inventory.corrections:
            observe(instance, storage, inventory.ref, inventory.corrections)
    for artifact in inventory.artifacts:
        if key not in made[artifact.asset]:
            _materialize(instance, versions, artifact, key, told)
    if key not in known:
        instance.add_dynamic_partitions(str(recordings.name), [key])
        told.partitions += 1


def _tell_banks(
    instance: DagsterInstance,
    storage: S3Storage,
    versions: Versions,
    made: set[str],
    told: Rebuilt,
) -> None:
    for user_id, voiceprints in banks_in(storage):
        key = user_key(user_id)
        told.users += 1
        if voiceprints and key not in made:
            _materialize(instance, versions, voiceprints, key, told)
        instance.add_dynamic_partitions(str(users.name), [key])


def _materialize(
    instance: DagsterInstance,
    versions: Versions,
    artifact: Artifact,
    partition: str,
    told: Rebuilt,
) -> None:
    inputs = [Made.newest(instance, name, partition) for name in INPUTS[artifact.asset]]
    instance.report_runless_asset_event(
        AssetMaterialization(
            artifact.asset,
            description="Found in S3 by 'scribe rebuild'",
            partition=partition,
            metadata=artifact.facts | {"uri": MetadataValue.url(str(artifact.facts["uri"]))},
            tags=versions.tags(artifact, inputs),
        )
    )
    told.materializations += 1
