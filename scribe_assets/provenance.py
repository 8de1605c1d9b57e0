"""What Dagster keeps of how an artifact was made, where no step of its asset has made it.

A step records the version of its code, and the materializations that it was given, in the tags of
its own. Dagster tells by them whether an artifact is stale. What is written anew elsewhere
(`reidentification`) or found in S3 (`rebuild`) gets the same tags here; otherwise it would be stale
for no reason, or never be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, MetadataValue

from scribe_assets.tags import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_GIVEN_TAG,
    DATA_VERSION_TAG,
    INPUT_EVENT_TAG,
    INPUT_VERSION_TAG,
)

NO_EVENT = "NULL"
NO_VERSION = "INITIAL"
"""What Dagster writes for an input of which it knows nothing."""


@dataclass(frozen=True)
class Made:
    """The newest materialization of an asset's partition, or the newest observation of what people
    write.

    Attributes:
        asset: its name.
        event: the number of the event; None: there is none.
        tags: of the event.
        metadata: of the event.
    """

    asset: str
    event: int | None
    tags: Mapping[str, str]
    metadata: Mapping[str, MetadataValue]

    @classmethod
    def newest(cls, instance: DagsterInstance, asset: str, partition: str) -> Self:
        """What an instance knows."""
        wanted = AssetRecordsFilter(AssetKey(asset), asset_partitions=[partition])
        for fetch in (instance.fetch_materializations, instance.fetch_observations):
            for record in fetch(wanted, limit=1).records:
                told = record.asset_materialization or record.asset_observation
                if told is not None:
                    return cls(asset, record.storage_id, told.tags or {}, told.metadata)
        return cls(asset, None, {}, {})

    @property
    def code_version(self) -> str:
        """With what it was made; empty where nothing tells."""
        return self.tags.get(CODE_VERSION_TAG, "")


def input_tags(inputs: Iterable[Made]) -> dict[str, str]:
    """The tags of a materialization that tell what it was made of."""
    tags = {}
    for made in inputs:
        tags[f"{INPUT_VERSION_TAG}/{made.asset}"] = made.tags.get(DATA_VERSION_TAG, NO_VERSION)
        tags[f"{INPUT_EVENT_TAG}/{made.asset}"] = str(made.event or NO_EVENT)
    return tags


def provenance_tags(data_version: str, code_version: str, inputs: Iterable[Made]) -> dict[str, str]:
    """All tags of a materialization by which Dagster tells whether it is stale."""
    return {
        DATA_VERSION_TAG: data_version,
        DATA_VERSION_IS_GIVEN_TAG: "true",
        CODE_VERSION_TAG: code_version,
        **input_tags(inputs),
    }


def without_events(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a materialization that tell of content, not of when it was told of."""
    return {tag: value for tag, value in tags.items() if not tag.startswith(INPUT_EVENT_TAG)}
