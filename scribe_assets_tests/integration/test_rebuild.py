"""A lost instance, and the move to another database: what is in S3 is known again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance

from scribe_assets.instance.config import open_instance
from scribe_assets.instance.rebuild import Rebuilt, Versions, rebuild
from scribe_assets.keys import RecordingRef, user_key
from scribe_assets.library.inventory import STAGES
from scribe_assets.library.status import Ending, started
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.storage.recordings import (
    find_upload,
    to_source,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, unit
from scribe_assets_tests.pipeline import Scribe, end
from scribe_assets_tests.postgres import PostgresServer
from scribe_assets_tests.sensor import Sensor


@contextmanager
def new_instance(home: Path) -> Iterator[DagsterInstance]:
    with open_instance(Settings.load().model_copy(update={"home": home})) as instance:
        yield instance


def told_again(instance: DagsterInstance, storage: S3Storage) -> Rebuilt:
    seen: list[float] = []
    told = rebuild(instance, storage, Versions.of(Settings.load()), seen.append)
    assert seen == sorted(seen)
    assert seen[-1:] in ([1.0], [])
    return told


def metadata(instance: DagsterInstance, asset: str, partition: str) -> dict[str, Any]:
    """Of the last materialization of an asset."""
    wanted = AssetRecordsFilter(AssetKey(asset), asset_partitions=[partition])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    made = record.asset_materialization
    assert made is not None
    return {name: value.value for name, value in made.metadata.items()}


@dataclass
class Site:
    """What was there before the instance was lost.

    Attributes:
        scribe: with the instance that is lost.
        done: a recording with a result.
        failed: one without.
        left: one whose run was under way.
        known: metadata by asset, of the recording that is done.
    """

    scribe: Scribe
    done: RecordingRef
    failed: RecordingRef
    left: RecordingRef
    known: dict[str, dict[str, Any]]


@pytest.fixture
def site(embedded_storage: S3Storage, tmp_path: Path, sample_recording: Path) -> Iterator[Site]:
    with new_instance(tmp_path / "first") as instance:
        scribe = Scribe(embedded_storage, instance)
        enrol_voices(embedded_storage, "anne", {"emil": unit(1, 0), "frida": unit(0, 1)})
        clip = tmp_path / "clip.wav"
        soundfile.write(clip, decode(sample_recording)[: 15 * media.SAMPLE_RATE], media.SAMPLE_RATE)
        done, failed, left = (scribe.upload(clip, f"{name}.wav") for name in ("a", "b", "c"))
        run = scribe.run(done)
        assert run.success
        end(scribe, done, Ending.SUCCEEDED)
        end(scribe, failed, Ending.FAILED)
        source = to_source(find_upload(embedded_storage, left))
        running = started(None, source, None, run.run_id.upper(), "transcript")
        assert running is not None
        write_status(embedded_storage, running)
        known = {asset: metadata(instance, asset, done.partition_key) for asset in STAGES}
        yield Site(scribe, done, failed, left, known)


@pytest.mark.models
def test_a_new_database_knows_what_is_in_s3(
    site: Site, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = site.scribe.storage
    monkeypatch.setenv("SCRIBE_POSTGRES_URL", postgres.new_database())
    with new_instance(tmp_path / "second") as instance:
        told = told_again(instance, storage)
        assert told == Rebuilt(
            recordings=3, partitions=2, materializations=len(STAGES) + 1, unfinished=1, users=1
        )
        done = {site.done.partition_key, site.failed.partition_key}
        assert set(instance.get_dynamic_partitions("recordings")) == done
        assert instance.get_dynamic_partitions("users") == [user_key("anne")]
        for asset in STAGES:
            again = metadata(instance, asset, site.done.partition_key)
            assert again.pop("upload_etag") == find_upload(storage, site.done).etag
            assert len(again) > 2
            assert again == {name: site.known[asset].get(name) for name in again}
        voiceprints = metadata(instance, "voiceprints", user_key("anne"))
        assert voiceprints["people"] == voiceprints["recognisable"] == 2
        assert str(voiceprints["uri"]).endswith("/anne/voiceprints.json")

        # A rebuild that ended half-way, or that somebody repeats, adds what is missing alone.
        assert told_again(instance, storage) == Rebuilt(recordings=3, unfinished=1, users=1)
        instance.delete_dynamic_partition("recordings", site.done.partition_key)
        assert told_again(instance, storage) == Rebuilt(
            recordings=3, partitions=1, unfinished=1, users=1
        )

        sensor = Sensor(storage, instance)
        assert list(sensor.tick()) == ["c.wav"], "only that whose run was lost"
        assert sensor.state("c.wav") == "queued"
        assert sensor.tick() == {}
        site.scribe.upload(tmp_path / "clip.wav", "a.wav")
        storage.write(storage.uploads_bucket, "a.wav", "another version", "audio/wav")
        assert list(sensor.tick()) == ["a.wav"]


def test_what_changed_while_the_instance_was_lost_is_asked_for(
    sensor: Sensor, tmp_path: Path
) -> None:
    sensor.put("a.wav", "b.wav", "c.wav")
    scribe = Scribe(sensor.storage, sensor.instance)
    assert set(sensor.tick()) == {"a.wav", "b.wav", "c.wav"}
    for name in ("a.wav", "b.wav", "c.wav"):
        end(scribe, RecordingRef.from_upload_key(name), Ending.FAILED)
    with new_instance(tmp_path) as instance:
        assert told_again(instance, sensor.storage).partitions == 3
        again = Sensor(sensor.storage, instance)
        sensor.storage.write(sensor.storage.uploads_bucket, "b.wav", "new", "audio/wav")
        sensor.put("d.wav")
        assert set(again.tick()) == {"b.wav", "d.wav"}
        assert again.tick() == {}


def test_a_damaged_document_holds_up_no_other(sensor: Sensor, tmp_path: Path) -> None:
    sensor.put("a.wav", "b.wav")
    sensor.tick()
    storage, scribe = sensor.storage, Scribe(sensor.storage, sensor.instance)
    for name in ("a.wav", "b.wav"):
        end(scribe, RecordingRef.from_upload_key(name), Ending.FAILED)
    bad = RecordingRef.from_upload_key("a.wav")
    for name in ("transcript.json", "result.json"):
        key = f"{bad.user_id}/{bad.recording_id}/{name}"
        storage.write(storage.processed_bucket, key, "{", "application/json")
    with new_instance(tmp_path) as instance:
        told = told_again(instance, storage)
        assert told.partitions == 2
        assert told.materializations == 0
        assert len(told.problems) == 2
        assert all("is not as expected" in problem for problem in told.problems)
