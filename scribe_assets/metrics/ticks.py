"""When the sensors last looked, and how often they failed: the dead man's switch."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from dagster import DagsterInstance

from scribe_assets.dagster_internals import InstigatorType, TickStatus
from scribe_assets.metrics.faults import kind_of

UPLOADS = "uploads_sensor"
GOOD = [TickStatus.SUCCESS, TickStatus.SKIPPED]
MOST_FAILURES = 200


@dataclass
class Ticks:
    """The ticks of the sensors.

    Attributes:
        instance: Dagster's.
        began: since when we look, Unix time: the age of a sensor that never looked counts from
            here.
        looked: by sensor, when its last good tick began.
        failures: by sensor and kind, those since this process began.
    """

    instance: DagsterInstance
    began: float
    looked: dict[str, float] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    _sensors: dict[str, tuple[str, str]] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)

    def update(self) -> None:
        """Learn of the ticks since the last look."""
        # The daemon makes each at its first tick.
        for state in self.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
            self._sensors[state.instigator_name] = state.instigator_origin_id, state.selector_id
        for name, (origin, selector) in self._sensors.items():
            for tick in self.instance.get_ticks(origin, selector, limit=1, statuses=GOOD):
                self.looked[name] = tick.timestamp
            failed = self.instance.get_ticks(
                origin,
                selector,
                after=self._failed.get(name, self.began),
                limit=MOST_FAILURES,
                statuses=[TickStatus.FAILURE],
            )
            for tick in failed:
                self.failures[name, kind_of(tick.error)] += 1
                self._failed[name] = max(tick.timestamp, self._failed.get(name, 0.0))

    def ages(self, now: datetime) -> dict[str, float]:
        """By sensor, how many seconds ago it last looked."""
        looked = {UPLOADS: self.began, **dict.fromkeys(self._sensors, self.began), **self.looked}
        return {name: max(0.0, now.timestamp() - at) for name, at in looked.items()}
