"""The stack with its devices on two other machines: a Ray cluster in network namespaces, whose GPUs
are CPUs. Whatever happens to processes, machines and cables, all results are there in the end, and
are those of one machine."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, RunsFilter

from scribe_assets.artifacts.documents import Result, Transcript
from scribe_assets.errors import SettingsError
from scribe_assets.instance.config import open_instance
from scribe_assets.keys import RecordingRef
from scribe_assets.launcher.hosts import host_statuses
from scribe_assets.launcher.ray.devices import check_cluster
from scribe_assets.local.stack import graphql
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import DEVICE_TAG, LOST_TAG, MAX_RETRIES_TAG, PARTITION_TAG
from scribe_assets_tests.e2e.test_stack import LIMIT_SECONDS, Running, put, start
from scribe_assets_tests.pipeline import Scribe
from scribe_assets_tests.postgres import PostgresServer, find_programs
from scribe_assets_tests.ray_cluster import HEAD, NODES, RayCluster, why_not

pytestmark = pytest.mark.stack

SHORT_RECORDINGS = 4
SHORT_SECONDS = 4.0
DEVICES = [f"ray:{node}:0" for node in NODES]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes; this process is on the machine of the head."""
    if missing := why_not():
        pytest.skip(missing)
    made = RayCluster()
    try:
        with made.entered():
            made.start()
            yield made
    finally:
        made.remove()


@pytest.fixture
def running(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    """The stack; its database and its S3 server are reached from the nodes."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    home = tmp_path / "home"
    with ExitStack() as cleanup:
        postgres = PostgresServer(programs, HEAD)
        cleanup.callback(postgres.remove)
        postgres.start()
        settings = {
            "SCRIBE_POSTGRES_URL": postgres.new_database(),
            **cluster.start_s3(),
            **cluster.settings,
        }
        process, said = start(home, **settings)
        cleanup.callback(process.wait, 60)
        cleanup.callback(process.send_signal, signal.SIGINT)
        monkeypatch.setenv("SCRIBE_HOME", str(home))
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        storage = S3Storage.from_settings(Settings.load())
        yield Running(process, home, said["UI"], storage, settings)


def pieces(recording: Path, folder: Path) -> list[Path]:
    """Different pieces of a recording."""
    whole = decode(recording)
    length = int(SHORT_SECONDS * media.SAMPLE_RATE)
    files = []
    for number in range(SHORT_RECORDINGS):
        first = number * (len(whole) - length) // SHORT_RECORDINGS
        files.append(folder / f"piece-{number}.wav")
        soundfile.write(files[-1], whole[first : first + length], media.SAMPLE_RATE)
    return files


def events(instance: DagsterInstance, run: DagsterRun) -> list[tuple[float, DagsterEvent]]:
    """(time, event) of a run, in order."""
    records = instance.get_records_for_run(run.run_id).records
    entries = [record.event_log_entry for record in records]
    return [(entry.timestamp, entry.dagster_event) for entry in entries if entry.dagster_event]


def interval(instance: DagsterInstance, run: DagsterRun) -> tuple[float, float]:
    """When a run had its device: from when it got it to the end of its last step there."""
    found = events(instance, run)
    (got,) = [at for at, event in found if (event.message or "").startswith("Got ray:")]
    own = {"diarization", "speaker_embeddings", "transcript"}
    ends = [
        at
        for at, event in found
        if event.event_type == DagsterEventType.STEP_SUCCESS and event.step_key in own
    ]
    return got, max(ends)


def why(instance: DagsterInstance, run: DagsterRun) -> str:
    """Why a run failed."""
    (failure,) = [
        event
        for _, event in events(instance, run)
        if event.event_type == DagsterEventType.RUN_FAILURE
    ]
    error = failure.job_failure_data.error
    return error.message if error else failure.message or ""


def runs_of(instance: DagsterInstance, key: str) -> list[DagsterRun]:
    """The runs of an upload, the newest first."""
    partition = RecordingRef.from_upload_key(key).partition_key
    return list(instance.get_runs(RunsFilter(tags={PARTITION_TAG: partition})))


def until(running: Running, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{host_statuses(running.home)}\n{running.log()}"
        time.sleep(0.1)


def computing(running: Running, key: str) -> str:
    """Wait until a worker computes for an upload; which device that is."""
    partition = RecordingRef.from_upload_key(key).partition_key
    found: list[str] = []

    def is_computing() -> bool:
        found[:] = [
            device.device
            for host in host_statuses(running.home)
            for device in host.devices
            if device.partition == partition
        ]
        return bool(found)

    until(running, is_computing)
    return found[0]


def devices(running: Running) -> list[str]:
    """The devices that the host has."""
    return [device.device for host in host_statuses(running.home) for device in host.devices]


def succeeded(running: Running, key: str) -> None:
    status = running.status_when(key, "succeeded", "failed")
    assert status.state == "succeeded", f"{status.error}\n{running.log()}"


def without_origin(result: Result) -> dict[str, object]:
    """What a result says, but for where and when it was made."""
    return result.model_dump(exclude={"source", "recording_id", "job_id", "user_id"})


def test_recordings_on_two_machines(
    running: Running, cluster: RayCluster, sample_recording: Path, tmp_path: Path
) -> None:
    keys = [f"anne/{file.name}" for file in pieces(sample_recording, tmp_path)]
    for key in keys:
        put(running, key, tmp_path / Path(key).name)
    for key in keys:
        succeeded(running, key)
    with open_instance(Settings.load()) as instance:
        both_machines_have_worked_for_one_run_at_a_time(instance, keys)
        a_killed_process_costs_a_try(running, cluster, instance, sample_recording)
        a_cancelled_run_leaves_no_process(running, cluster, sample_recording)
        a_machine_that_is_cut_off_costs_none(running, cluster, instance, sample_recording)
    results_are_those_of_one_machine(running, keys, tmp_path)


def both_machines_have_worked_for_one_run_at_a_time(
    instance: DagsterInstance, keys: list[str]
) -> None:
    by_device: dict[str, list[tuple[float, float]]] = {}
    for key in keys:
        (run,) = runs_of(instance, key)
        by_device.setdefault(run.tags[DEVICE_TAG], []).append(interval(instance, run))
    assert sorted(by_device) == DEVICES
    for intervals in by_device.values():
        in_order = sorted(intervals)
        for (_, end), (begin, _) in pairwise(in_order):
            assert end <= begin


def a_killed_process_costs_a_try(
    running: Running, cluster: RayCluster, instance: DagsterInstance, recording: Path
) -> None:
    put(running, "bob/killed.wav", recording)
    device = computing(running, "bob/killed.wav")
    node = device.split(":")[1]
    (actor,) = cluster.actors(node)
    actor.kill()
    succeeded(running, "bob/killed.wav")
    _, failed = runs_of(instance, "bob/killed.wav")
    assert LOST_TAG not in failed.tags
    assert f"the process that computes on {device} has died" in why(instance, failed)


def a_cancelled_run_leaves_no_process(
    running: Running, cluster: RayCluster, recording: Path
) -> None:
    put(running, "carl/cancelled.wav", recording)
    device = computing(running, "carl/cancelled.wav")
    actors = cluster.actors(device.split(":")[1])
    mutation = "mutation End($run: String!) { terminateRun(runId: $run) { __typename } }"
    run_id = running.status_when("carl/cancelled.wav", "running").run_id
    answer = graphql(running.ui_url, mutation, {"run": run_id})["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    assert "cancelled" in (running.status_when("carl/cancelled.wav", "cancelled").error or "")
    until(running, lambda: not any(actor.is_running() for actor in actors))


def a_machine_that_is_cut_off_costs_none(
    running: Running, cluster: RayCluster, instance: DagsterInstance, recording: Path
) -> None:
    put(running, "dora/lost.wav", recording)
    device = computing(running, "dora/lost.wav")
    node = device.split(":")[1]
    cluster.cut_off(node)
    until(running, lambda: device not in devices(running))
    succeeded(running, "dora/lost.wav")
    again, lost = runs_of(instance, "dora/lost.wav")
    assert lost.tags[LOST_TAG] == "1"
    assert "has left the cluster" in why(instance, lost)
    assert again.tags[MAX_RETRIES_TAG] == str(instance.run_retries_max_retries + 1)
    assert again.tags[DEVICE_TAG] != device
    cluster.reconnect(node)
    # Ray would end there by itself within a minute; whoever keeps it running starts it again.
    cluster.join(node)
    until(running, lambda: device in devices(running))


def results_are_those_of_one_machine(running: Running, keys: list[str], folder: Path) -> None:
    os.environ.pop("SCRIBE_RAY_ADDRESS")
    with DagsterInstance.ephemeral(tempdir=str(folder)) as instance:
        alone = Scribe(running.storage, instance)
        for key in keys:
            ref = alone.upload(folder / Path(key).name, f"alone/{key}")
            assert alone.run(ref).success
            there = RecordingRef.from_upload_key(key)
            here = read_document(running.storage, ref, Result)
            assert without_origin(here) == without_origin(
                read_document(running.storage, there, Result)
            )
            assert (
                read_document(running.storage, ref, Transcript).segments
                == read_document(running.storage, there, Transcript).segments
            )


def test_a_wrong_token_is_refused_in_one_sentence(
    cluster: RayCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    for name, value in cluster.settings.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    with pytest.raises(SettingsError, match="other machines need Dagster's runs"):
        check_cluster(settings)
    wrong = tmp_path / "token"
    wrong.write_text("another" * 8)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(wrong))
    with pytest.raises(SettingsError, match="refuses the token") as refused:
        check_cluster(settings)
    assert "\n" not in str(refused.value)
    assert "another" not in str(refused.value)
