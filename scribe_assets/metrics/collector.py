"""The metrics by name, made for each scrape."""

import logging
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from dagster import DagsterInstance
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from scribe_assets import __version__
from scribe_assets.errors import SettingsError
from scribe_assets.instance.config import check_database
from scribe_assets.metrics.devices import devices, gpus
from scribe_assets.metrics.faults import STORAGE
from scribe_assets.metrics.runs import RESULT, Runs
from scribe_assets.metrics.stages import Stages
from scribe_assets.metrics.ticks import Ticks
from scribe_assets.settings import Settings

log = logging.getLogger(__name__)

ANSWER_SECONDS = 3
"""Of the database. Prometheus gives up a scrape after 10 s by default."""


@dataclass(eq=False)  # a registry keeps its collectors in a dictionary
class ScribeCollector(Collector):
    """All metrics of an installation. Every family is there from the first scrape on, also where it
    has no sample yet.

    Args:
        instance: Dagster's.
        settings: of the installation.
    """

    instance: DagsterInstance
    settings: Settings
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _runs: Runs = field(init=False)
    _stages: Stages = field(init=False)
    _ticks: Ticks = field(init=False)

    def __post_init__(self) -> None:
        self._runs = Runs(self.instance)
        self._stages = Stages(self.instance)
        self._ticks = Ticks(self.instance, datetime.now(UTC).timestamp())

    def collect(self) -> Iterator[Metric]:
        """What has changed is asked for now, once at a time. Where the database does not answer,
        the numbers are those of the last scrape, and `scribe_database_up` is 0. Where it has not
        answered an earlier scrape yet, that is all that is told."""
        if not self._lock.acquire(timeout=ANSWER_SECONDS):
            yield _database_up(False)
            return
        try:
            is_up = self.update(datetime.now(UTC))
            families = [
                _gauge("scribe_info", "The version that runs.", ["version"], {(__version__,): 1}),
                _database_up(is_up),
                *self._recordings(),
                *self._queue(datetime.now(UTC)),
                *self._work(),
                *self._faults(datetime.now(UTC)),
                *self._devices(),
                *self._disk(),
            ]
        finally:
            self._lock.release()
        yield from families

    def update(self, now: datetime) -> bool:
        """Learn what has changed; whether the database answers.

        Args:
            now: the time of the day, with its time zone.
        """
        try:
            # Before Dagster asks, which tries again for longer than a scrape may take.
            check_database(self.settings, ANSWER_SECONDS)
        except SettingsError as error:
            log.warning(str(error))
            return False
        try:
            self._runs.update(now)
            self._stages.update()
            self._ticks.update()
        except Exception:  # of any database, its driver or Dagster
            log.exception("Dagster's database cannot be asked")
            return False
        finally:
            for partition in self._stages.made.pop(RESULT, ()):
                self._runs.has_result(partition)
            self._stages.made.clear()
        return True

    def _recordings(self) -> Iterator[Metric]:
        states = {(state,): count for state, count in self._runs.states().items()}
        yield _gauge("scribe_recordings", "Recordings by state.", ["state"], states)

    def _queue(self, now: datetime) -> Iterator[Metric]:
        waiting = self._runs.waiting_seconds(now)
        yield _gauge("scribe_queue_runs", "Runs that wait in the queue.", [], len(waiting))
        yield _gauge(
            "scribe_queue_longest_wait_seconds",
            "How long the run has waited that is longest in the queue.",
            [],
            max(waiting, default=0.0),
        )
        yield _gauge(
            "scribe_queue_mean_wait_seconds",
            "How long the runs in the queue have waited on average.",
            [],
            fmean(waiting) if waiting else 0.0,
        )
        waits = SummaryMetricFamily(
            "scribe_queue_wait_seconds", "How long runs had waited when they left the queue."
        )
        waits.add_metric([], self._runs.waits, self._runs.waited_seconds)
        yield waits

    def _work(self) -> Iterator[Metric]:
        yield _counter(
            "scribe_runs_ended", "Runs by how they ended.", ["state"], _keyed(self._runs.ended)
        )
        yield _counter(
            "scribe_stage_compute_seconds",
            "Seconds that a stage has worked; by those of its audio they are the real-time factor.",
            ["stage"],
            _keyed(self._stages.compute),
        )
        yield _counter(
            "scribe_stage_audio_seconds",
            "Seconds of audio that a stage has worked on.",
            ["stage"],
            _keyed(self._stages.audio),
        )
        yield _counter(
            "scribe_audio_seconds",
            "Seconds of audio that became results.",
            [],
            self._stages.audio.get(RESULT.to_user_string(), 0.0),
        )

    def _faults(self, now: datetime) -> Iterator[Metric]:
        failures = self._ticks.failures
        yield _counter(
            "scribe_run_failures",
            "Failed runs by kind, those that are tried again included.",
            ["kind"],
            _keyed(self._runs.failures),
        )
        yield _counter(
            "scribe_sensor_failures", "Failed ticks of sensors.", ["sensor", "kind"], failures
        )
        yield _counter(
            "scribe_s3_errors",
            "Tries of steps, and ticks of sensors, that ended at S3.",
            ["where"],
            {
                ("runs",): self._runs.storage_errors,
                ("sensors",): sum(n for (_, kind), n in failures.items() if kind == STORAGE),
            },
        )
        yield _gauge(
            "scribe_sensor_age_seconds",
            "How long ago a sensor last looked and did not fail; uploads_sensor lists uploads.",
            ["sensor"],
            _keyed(self._ticks.ages(now)),
        )

    def _devices(self) -> Iterator[Metric]:
        found, waiting = devices(self.settings.home)
        yield _gauge(
            "scribe_device_busy",
            "Whether a device of the launcher works.",
            ["device"],
            {(device.name,): device.is_busy for device in found},
        )
        yield _gauge(
            "scribe_device_user",
            "The user for whose recording a device works.",
            ["device", "user"],
            {(device.name, device.user): 1 for device in found if device.user},
        )
        yield _gauge(
            "scribe_device_waiting_runs", "Runs under way that wait for a device.", [], waiting
        )
        cards = list(gpus())
        labels = ["gpu", "name"]
        yield _gauge(
            "scribe_gpu_memory_used_bytes",
            "Memory of an NVIDIA GPU that is used, by any program.",
            labels,
            {(card.number, card.name): card.memory_used for card in cards},
        )
        yield _gauge(
            "scribe_gpu_memory_bytes",
            "Memory of an NVIDIA GPU.",
            labels,
            {(card.number, card.name): card.memory_total for card in cards},
        )
        yield _gauge(
            "scribe_gpu_use_ratio",
            "Share of the last moments in which an NVIDIA GPU computed.",
            labels,
            {(card.number, card.name): card.use for card in cards if card.use is not None},
        )

    def _disk(self) -> Iterator[Metric]:
        disk = shutil.disk_usage(self.settings.home)
        yield _gauge("scribe_disk_free_bytes", "Free space where SCRIBE_HOME is.", [], disk.free)
        yield _gauge("scribe_disk_bytes", "All space where SCRIBE_HOME is.", [], disk.total)


Samples = Mapping[Any, float] | float
"""By the values of the labels, a tuple of text; a number alone where there are no labels."""


def _database_up(is_up: bool) -> Metric:
    return _gauge("scribe_database_up", "Whether Dagster's database answers.", [], is_up)


def _gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    return _filled(family, samples)


def _counter(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    return _filled(family, samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    values = samples if isinstance(samples, Mapping) else {(): samples}
    for labels, value in values.items():
        family.add_metric(labels, float(value))
    return family


def _keyed(numbers: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """By labels, of which there is one."""
    return {(name,): number for name, number in numbers.items()}
