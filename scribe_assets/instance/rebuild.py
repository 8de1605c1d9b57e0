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


def rebuild(
    instance: DagsterInstance, storage: S3Storage, progress: Callable[[float], None]
) -> Rebuilt:
    """Tell an instance of all that S3 holds and it does not know; a second time does nothing more.

    Args:
        instance: Dagster's; it may be in use.
        storage: S3.
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
            _tell(instance, storage, inventory, known, made, told)
            progress(number / len(waiting))
    _tell_banks(instance, storage, made[VOICEPRINTS], told)
    return told


def _tell(
    instance: DagsterInstance,
    storage: S3Storage,
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
            _materialize(instance, artifact, key, told)
    if key not in known:
        instance.add_dynamic_partitions(str(recordings.name), [key])
        told.partitions += 1


def _tell_banks(
    instance: DagsterInstance, storage: S3Storage, made: set[str], told: Rebuilt
) -> None:
    for user_id, voiceprints in banks_in(storage):
        key = user_key(user_id)
        told.users += 1
        if voiceprints and key not in made:
            _materialize(instance, voiceprints, key, told)
        instance.add_dynamic_partitions(str(users.name), [key])


def _materialize(
    instance: DagsterInstance, artifact: Artifact, partition: str, told: Rebuilt
) -> None:
    instance.report_runless_asset_event(
        AssetMaterialization(
            artifact.asset,
            description="Found in S3 by 'scribe rebuild'",
            partition=partition,
            metadata=artifact.facts | {"uri": MetadataValue.url(str(artifact.facts["uri"]))},
        )
    )
    told.materializations += 1
