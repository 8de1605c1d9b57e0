"""The whole stack as `make up` starts it: uploads over S3, results, faults, the UI."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import soundfile

from scribe_assets.artifacts.documents import Result, Status
from scribe_assets.errors import StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.local.demo import enrol
from scribe_assets.local.processes import answers, executable
from scribe_assets.local.stack import graphql
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.storage.recordings import read_document, read_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.browser import chromium
from scribe_assets_tests.media import make_video, silence

pytestmark = pytest.mark.stack

LIMIT_SECONDS = 240
PICTURE = os.environ.get("SCRIBE_LINEAGE_PICTURE")
"""Where to keep the picture of the lineage, for the docs."""
SELECTOR = {"repositoryName": "__repository__", "repositoryLocationName": "scribe"}


@dataclass
class Running:
    """A running `scribe up`."""

    process: subprocess.Popen[str]
    home: Path
    ui_url: str
    storage: S3Storage
    settings: dict[str, str] = field(default_factory=dict)

    def status_when(self, key: str, *states: str) -> Status:
        """Wait until an upload is in one of these states; a server that has just come back may not
        have all of its objects yet."""
        ref = RecordingRef.from_upload_key(key)
        deadline = time.monotonic() + LIMIT_SECONDS
        status: Status | StorageUnavailableError | None = None
        while time.monotonic() < deadline:
            try:
                status = read_status(self.storage, ref)
            except StorageUnavailableError as error:
                status = error
            if isinstance(status, Status) and status.state in states:
                return status
            time.sleep(0.5)
        pytest.fail(f"{key} is {status} after {LIMIT_SECONDS} s\n{self.log()}")

    def log(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-2000:]}" for log in (self.home / "logs").iterdir()
        )

    def scribe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, as somebody else in another terminal."""
        return subprocess.run(
            [executable("scribe"), *arguments],
            env=environment(self.home) | self.settings,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )


def environment(home: Path) -> dict[str, str]:
    ours = ("SCRIBE_", "MINIO_", "AWS_", "DAGSTER_", "HF_TOKEN")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # An address that is not the default one, and of the loopback interface all the same.
    own = {"SCRIBE_HOST": "127.0.0.2", "SCRIBE_UI_PORT": "13000", "SCRIBE_S3_PORT": "19300"}
    return kept | own | {"SCRIBE_HOME": str(home)}


def start(home: Path, **settings: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Run `scribe up` until it says ready; what it printed, by first word."""
    return start_program(executable("scribe"), environment(home) | settings)


def start_program(
    program: str, variables: dict[str, str], folder: Path | None = None
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """The same with another `scribe`, in another folder."""
    process = subprocess.Popen(
        [program, "up"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = {}
    assert process.stdout is not None
    for line in process.stdout:
        word, _, rest = line.strip().partition(" ")
        said[word] = rest.strip()
        if word == "ready":
            return process, said
    pytest.fail(f"scribe up ended with {process.wait()} before it was ready")


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Other programs that never rest."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("stack")
    process, said = start(home)
    patch = pytest.MonkeyPatch()
    patch.setenv("SCRIBE_HOME", str(home))
    try:
        storage = S3Storage.from_settings(Settings(home=home))
        yield Running(process, home, said["UI"], storage)
    finally:
        patch.undo()
        process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(autouse=True)
def _home(up: Running, _own_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(up.home))


def put(up: Running, key: str, file: Path) -> None:
    up.storage.upload(file, up.storage.uploads_bucket, key, "application/octet-stream")


def test_faults_hold_nobody_up_and_an_upload_becomes_a_result(
    up: Running, sample_recording: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound")
    faults = {"anne/empty.wav": "empty", "anne/text.wav": "not audio", "anne/mute.mp4": "no audio"}
    put(up, "anne/empty.wav", tmp_path / "empty.wav")
    put(up, "anne/text.wav", tmp_path / "text.wav")
    put(up, "anne/mute.mp4", make_video(tmp_path / "mute.mp4", None))
    put(up, "anne/silence.wav", silence(tmp_path / "silence.wav", 3))
    enrol(up.storage, user="anne")
    put(up, "anne/call.wav", sample_recording)

    status = up.status_when("anne/call.wav", "succeeded", "failed")
    assert status.state == "succeeded", status.error
    result = read_document(up.storage, RecordingRef.from_upload_key("anne/call.wav"), Result)
    assert {speaker.name for speaker in result.speakers} == {"Diane", "Sheila"}
    assert up.status_when("anne/silence.wav", "succeeded", "failed").state == "succeeded"

    for key, why in faults.items():
        failed = up.status_when(key, "failed", "succeeded")
        assert failed.state == "failed"
        assert why in (failed.error or "")
        assert "\n" not in (failed.error or "")
        shown = up.scribe("status", key)
        assert "failed" in shown.stdout
        assert why in shown.stdout.replace("\n", " ")
        assert runs(up, key) == ["FAILURE"], "a permanent fault is not tried again"
    assert "Diane" in up.scribe("show", "anne/call.wav").stdout
    assert json.loads(up.scribe("show", "call.wav", "--user", "anne", "-f", "json").stdout)


def runs(up: Running, key: str) -> list[str]:
    """The states of all runs of an upload."""
    query = """query Runs($tags: [ExecutionTag!]) {
      runsOrError(filter: {tags: $tags}) { ... on Runs { results { status } } } }"""
    tags = [{"key": "scribe/upload", "value": key}]
    answer = graphql(up.ui_url, query, {"tags": tags})
    return [run["status"] for run in answer["runsOrError"]["results"]]


def test_an_overwritten_upload_is_processed_again_into_the_same_place(
    up: Running, tmp_path: Path
) -> None:
    put(up, "ben/a.wav", silence(tmp_path / "a.wav", 2))
    ref = RecordingRef.from_upload_key("ben/a.wav")
    first = up.status_when("ben/a.wav", "succeeded")
    put(up, "ben/a.wav", silence(tmp_path / "b.wav", 4))
    deadline = time.monotonic() + LIMIT_SECONDS
    while first.source == up.status_when("ben/a.wav", "succeeded").source:
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.5)
    assert read_document(up.storage, ref, Result).duration == 4


def test_the_command_line_uploads_and_waits(up: Running, tmp_path: Path) -> None:
    file = silence(tmp_path / "réunion du 3.wav", 2)
    done = up.scribe("upload", str(file), "--user", "zoé", "--wait", "--job-id", "j1")
    assert done.returncode == 0, done.stderr
    assert "succeeded" in done.stdout
    status = up.status_when("zoé/réunion du 3.wav", "succeeded")
    assert status.job_id == "j1"


def test_a_recording_can_be_materialised_from_the_ui(up: Running, tmp_path: Path) -> None:
    put(up, "carl/a.wav", silence(tmp_path / "a.wav", 2))
    before = up.status_when("carl/a.wav", "succeeded")
    ref = RecordingRef.from_upload_key("carl/a.wav")
    mutation = """mutation Launch($params: ExecutionParams!) {
      launchPipelineExecution(executionParams: $params) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
    stages = [
        *("converted_audio", "diarization", "speaker_embeddings"),
        *("speaker_identities", "transcript", "fused_result"),
    ]
    params: dict[str, Any] = {
        "selector": {
            **SELECTOR,
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [name]} for name in stages],
            "assetCheckSelection": [],
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": ref.partition_key}]},
    }
    answer = graphql(up.ui_url, mutation, {"params": params})["launchPipelineExecution"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    deadline = time.monotonic() + LIMIT_SECONDS
    while (status := up.status_when("carl/a.wav", "succeeded")).run_id == before.run_id:
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.5)
    assert status.run_id == answer["run"]["runId"]


def test_a_run_that_is_terminated_in_the_ui_frees_the_device(
    up: Running, sample_recording: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    speech = decode(sample_recording)
    soundfile.write(long, np.tile(speech, 40), media.SAMPLE_RATE)  # 20 minutes
    put(up, "dora/long.wav", long)
    deadline = time.monotonic() + LIMIT_SECONDS
    while "cpu works for dora/long.wav" not in (shown := up.scribe("status").stdout):
        assert time.monotonic() < deadline, f"{shown}\n{up.log()}"
    put(up, "dora/short.wav", silence(tmp_path / "short.wav", 1))
    up.status_when("dora/short.wav", "running")
    run_id = up.status_when("dora/long.wav", "running").run_id
    mutation = """mutation Terminate($run: String!) {
      terminateRun(runId: $run) { __typename ... on PythonError { message } } }"""
    began = time.monotonic()
    answer = graphql(up.ui_url, mutation, {"run": run_id})["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    while runs(up, "dora/long.wav") != ["CANCELED"]:
        assert time.monotonic() - began < 10, up.log()
        time.sleep(0.1)
    assert "cancelled" in (up.status_when("dora/long.wav", "cancelled").error or "")
    assert up.status_when("dora/short.wav", "succeeded", "failed").state == "succeeded"


def test_the_ui_is_at_the_address_that_was_asked_for_alone(up: Running) -> None:
    where = urlsplit(up.ui_url)
    assert where.hostname == "127.0.0.2"
    assert where.port is not None
    assert answers(where.port, "127.0.0.2")
    assert not answers(where.port)


def test_a_second_stack_in_the_same_home_is_refused(up: Running) -> None:
    second = up.scribe("up")
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert up.ui_url in second.stderr


def test_the_doctor_finds_nothing_wrong(up: Running) -> None:
    seen = up.scribe("doctor")
    assert seen.returncode == 0, seen.stdout
    assert up.ui_url in seen.stdout
    assert up.scribe("upload", "/no/such/file").returncode == 2


def test_the_browser_shows_the_lineage(up: Running, tmp_path: Path) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(f"{up.ui_url}/asset-groups")
        for asset in ("uploads", "identity_bank", "speaker_identities", "fused_result"):
            page.get_by_text(asset, exact=True).first.wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        page.screenshot(path=PICTURE or tmp_path / "lineage.png")


def test_it_leaves_no_process_and_takes_up_a_run_it_left(
    tmp_path: Path, sample_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a run, then another start, on a machine that is busy by then."""
    home = tmp_path / "home"
    monkeypatch.setenv("SCRIBE_HOME", str(home))
    process, said = start(home)
    storage = S3Storage.from_settings(Settings(home=home))
    running = Running(process, home, said["UI"], storage)
    put(running, "anne/call.wav", sample_recording)
    running.status_when("anne/call.wav", "running")
    children = family(process.pid)
    assert children
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]

    with busy_programs(4):
        process, said = start(home)
        try:
            again = Running(process, home, said["UI"], storage)
            assert again.status_when("anne/call.wav", "succeeded").error is None
            children = family(process.pid)
        finally:
            process.kill()  # as hard as can be: nothing may outlive it
            process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "scribe_assets", "up"],
        env=environment(tmp_path) | {"SCRIBE_DEVICE": "gpu"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert answer.stderr.strip() == "error: SCRIBE_DEVICE: must be auto, cpu, cuda or cuda:N"
