"""A recording is deleted: in S3, and in Dagster."""

from datetime import UTC, datetime

import pytest
from dagster import (
    AssetMaterialization,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    job,
    op,
)
from dagster._core.utils import make_new_run_id
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import Corrections, Status, Transcript
from scribe_assets.cli import app
from scribe_assets.errors import UsageError
from scribe_assets.instance.config import open_instance
from scribe_assets.instance.removal import remove, runs_of, under_way, wait_for_ends
from scribe_assets.keys import RecordingRef
from scribe_assets.library.deletion import delete
from scribe_assets.library.recordings import find_recording
from scribe_assets.library.vocabulary import hot_words, learn
from scribe_assets.settings import Settings
from scribe_assets.speech.corrections import TextCorrection, Version, WordsAnchor
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import PARTITION_TAG
from scribe_assets_tests.people import processed, unit
from scribe_assets_tests.sensor import Sensor

KEY, OTHER = "anne/a.wav", "anne/a.wav.mp3"
"""The key of one begins with that of the other."""

REF, OTHER_REF = map(RecordingRef.from_upload_key, (KEY, OTHER))


def fill(storage: S3Storage) -> S3Storage:
    """Two recordings with results and options."""
    for key in (KEY, OTHER):
        processed(storage, key, {"S0": unit(1, 0)})
        storage.write(storage.uploads_bucket, sidecar_key(key), "{}", "application/json")
    return storage


@pytest.fixture
def two(embedded_storage: S3Storage) -> S3Storage:
    return fill(embedded_storage)


def keys(storage: S3Storage) -> set[str]:
    buckets = (storage.uploads_bucket, storage.processed_bucket)
    return {item.key for bucket in buckets for item in storage.objects(bucket)}


def of_other(storage: S3Storage) -> set[str]:
    prefixes = (OTHER, processed_key(OTHER_REF, ""))
    return {key for key in keys(storage) if key.startswith(prefixes)}


def test_nothing_is_left_of_it_and_all_of_the_others(two: S3Storage) -> None:
    others = of_other(two)
    gone = delete(two, REF)
    assert {item.key for item in gone.uploads} == {KEY, sidecar_key(KEY)}
    assert keys(two) == others
    with pytest.raises(UsageError, match="cannot be read"):
        delete(two, REF)


def test_what_was_broken_off_is_done_by_a_second_time(
    two: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = of_other(two)
    status = processed_key(REF, Status.file_name)

    def stop_after(storage: S3Storage, bucket: str, key: str) -> None:
        storage.get_client().delete_object(Bucket=bucket, Key=key)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(two), "delete", stop_after)
        while keys(two) - others != {status}:
            assert status in keys(two), "without it, nobody knows what is left"
            with pytest.raises(KeyboardInterrupt):
                delete(two, REF)
    delete(two, REF)
    assert keys(two) == others


def test_its_runs_go_before_its_status(two: S3Storage) -> None:
    others = of_other(two)

    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delete(two, REF, stopped)
    assert keys(two) - others == {processed_key(REF, Status.file_name)}
    assert find_recording(two, KEY) == REF, "the same command does the rest"
    forgotten: list[bool] = []
    delete(two, REF, lambda: forgotten.append(True))
    assert forgotten
    assert keys(two) == others


def test_what_a_run_wrote_at_its_end_goes_too(two: S3Storage) -> None:
    others = of_other(two)

    def written_late() -> None:
        key = processed_key(REF, Transcript.file_name)
        two.write(two.processed_bucket, key, "{}", "application/json")

    delete(two, REF, written_late)
    assert keys(two) == others


def corrected(storage: S3Storage, ref: RecordingRef, *words: str) -> None:
    """The recording has taught these words."""
    at, version = datetime(2026, 1, 1, tzinfo=UTC), Version("e", 10.0)
    made = [
        TextCorrection(word, at, version, WordsAnchor(0.0, 1.0, "something"), word)
        for word in words
    ]
    kept = Corrections(recording_id=ref.recording_id, user_id=ref.user_id, corrections=made)
    write_document(storage, ref, kept)
    learn(storage, ref.user_id, [], made)


def test_the_words_that_only_it_has_taught_are_unlearned(two: S3Storage) -> None:
    corrected(two, REF, "Emmanuel", "Dagster")
    corrected(two, OTHER_REF, "dagster", "MinIO")
    delete(two, REF)
    assert hot_words(two, "anne", None, 50) == "MinIO, dagster"
    delete(two, OTHER_REF)
    assert hot_words(two, "anne", None, 50) is None


def test_damaged_corrections_hold_up_no_deletion(two: S3Storage) -> None:
    others = of_other(two)
    key = processed_key(REF, Corrections.file_name)
    two.write(two.processed_bucket, key, "{", "application/json")
    delete(two, REF)
    assert keys(two) == others


def with_run(instance: DagsterInstance, ref: RecordingRef) -> str:
    """A run of a recording that has made something."""

    @op
    def make(context) -> None:  # type: ignore[no-untyped-def]
        context.log_event(AssetMaterialization("fused_result", partition=ref.partition_key))

    @job
    def transcribe() -> None:
        make()

    instance.add_dynamic_partitions("recordings", [ref.partition_key])
    tags = {PARTITION_TAG: ref.partition_key}
    return transcribe.execute_in_process(instance=instance, tags=tags).run_id


def test_dagster_forgets_its_runs_and_its_partition(instance: DagsterInstance) -> None:
    runs = [with_run(instance, REF), with_run(instance, REF)]
    other = with_run(instance, OTHER_REF)
    assert remove(instance, REF) == 2
    assert [run.run_id for run in instance.get_runs()] == [other]
    assert list(instance.get_dynamic_partitions("recordings")) == [OTHER_REF.partition_key]
    for run in runs:
        assert instance.all_logs(run) == []
    assert remove(instance, REF) == 0


def test_the_end_of_its_runs_is_waited_for(instance: DagsterInstance) -> None:
    with_run(instance, REF)
    assert wait_for_ends(instance, REF, 0)
    started = DagsterRun(
        job_name="transcribe",
        run_id=make_new_run_id(),
        status=DagsterRunStatus.STARTED,
        tags={PARTITION_TAG: REF.partition_key},
    )
    instance.add_run(started)
    assert under_way(instance, REF) == [started]
    assert not wait_for_ends(instance, REF, 0)


def test_the_sensor_asks_for_it_no_more(sensor: Sensor, two: S3Storage) -> None:
    sensor.tick()
    assert sensor.tick() == {}
    delete(two, REF)
    remove(sensor.instance, REF)
    assert sensor.tick() == {}
    assert sensor.tick() == {}
    assert list(sensor.instance.get_dynamic_partitions("recordings")) == [OTHER_REF.partition_key]


def test_the_command_asks_and_says_what_is_gone(moto_storage: S3Storage) -> None:
    two = fill(moto_storage)
    settings = Settings.load()
    with open_instance(settings) as instance:
        with_run(instance, REF)
    others = of_other(two)
    refused = CliRunner().invoke(app, ["delete", KEY])
    assert isinstance(refused.exception, UsageError)
    assert f"Delete {KEY}, the " in str(refused.exception)
    assert "and its 1 runs? There is no way back." in str(refused.exception)
    assert keys(two) > others
    answer = CliRunner().invoke(app, ["delete", KEY, "--yes"])
    bucket = two.uploads_bucket
    first, second, rest = answer.stdout.splitlines()
    assert first == f"deleted s3://{bucket}/{KEY}"
    assert second == f"deleted s3://{bucket}/{sidecar_key(KEY)}"
    assert rest.endswith("files made of it, 1 runs")
    assert keys(two) == others
    with open_instance(settings) as instance:
        assert runs_of(instance, REF) == []
