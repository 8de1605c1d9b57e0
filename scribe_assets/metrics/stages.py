"""Seconds of audio and of computation by stage, from the metadata of what the stages made."""

from collections import defaultdict
from dataclasses import dataclass, field

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, EventLogRecord

PAGE = 200
MOST_READ = 2_000
"""Of a stage at a time; the others at the next."""


@dataclass
class Stages:
    """A stage is an asset that tells `seconds` and `audio_seconds`, as `assets/stage.py` does; so
    an asset that somebody adds counts by itself.

    Attributes:
        instance: Dagster's.
        compute: since this process began, seconds by stage.
        audio: the same for the recordings that the stages worked on.
        made: by asset, the partitions with a new materialization that nobody has taken yet.
    """

    instance: DagsterInstance
    compute: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    audio: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    made: dict[AssetKey, list[str]] = field(default_factory=dict)
    _cursors: dict[AssetKey, int] | None = None

    def update(self) -> None:
        """Learn what has been made since the last look; what was made before the first is not
        counted."""
        assets = self.instance.get_asset_keys()
        if self._cursors is None:
            self._cursors = {asset: self._last(asset) for asset in assets}
            return
        for asset in assets:
            self._read(asset)

    def _last(self, asset: AssetKey) -> int:
        """The place of the latest materialization; 0 where there is none. A series begins with 0,
        or its first step would be lost."""
        for record in self.instance.fetch_materializations(asset, limit=1).records:
            self._count(record, factor=0)
            return record.storage_id
        return 0

    def _read(self, asset: AssetKey) -> None:
        assert self._cursors is not None  # noqa: S101 - the first look has been
        partitions = self.made.setdefault(asset, [])
        for _ in range(MOST_READ // PAGE):
            after = AssetRecordsFilter(asset, after_storage_id=self._cursors.get(asset, 0))
            page = self.instance.fetch_materializations(after, limit=PAGE, ascending=True).records
            for record in page:
                self._count(record)
                self._cursors[asset] = record.storage_id
                partitions.append(record.partition_key or "")
            if len(page) < PAGE:
                return

    def _count(self, record: EventLogRecord, factor: int = 1) -> None:
        made = record.asset_materialization
        if made is None:
            return
        compute, audio = (made.metadata.get(name) for name in ("seconds", "audio_seconds"))
        if compute is None or audio is None:
            return
        stage = made.asset_key.to_user_string()
        self.compute[stage] += factor * _seconds(compute.value)
        self.audio[stage] += factor * _seconds(audio.value)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
