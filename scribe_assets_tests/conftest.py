"""What tests share: an environment of their own, S3 servers, the sample recording."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from dagster import DagsterInstance

from scribe_assets.local.demo import sample
from scribe_assets.local.processes import stop
from scribe_assets.local.s3_server import start_s3_server
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.pipeline import Scribe
from scribe_assets_tests.postgres import PostgresServer, find_programs
from scribe_assets_tests.sensor import Sensor
from scribe_assets_tests.strict_s3 import StrictS3

# The same examples in each run: a change is judged by them, not by luck, nor by how busy the
# machine is. `pytest --hypothesis-profile=search` looks for new ones.
hypothesis.settings.register_profile(
    "same", deadline=None, derandomize=True, database=None, print_blob=True
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1_000)
hypothesis.settings.load_profile("same")

OURS = ("SCRIBE_", "MINIO_", "AWS_", "DAGSTER_", "HF_TOKEN")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of the machine it runs on."""
    for name in [*os.environ]:
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """Executing a job, Dagster lets SIGTERM do what SIGINT does: nothing where the tests run as a
    background job of a shell. Processes that later tests start would inherit that."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def sample_recording() -> Path:
    """30 s of a telephone call between two people, from pyannote.audio's package."""
    return sample()


@pytest.fixture(scope="session")
def embedded_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A SCRIBE_HOME with the embedded S3 server running."""
    home = tmp_path_factory.mktemp("home")
    process, _ = start_s3_server(Settings(home=home, s3_port=19000))
    try:
        yield home
    finally:
        stop([process])


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """A second S3 implementation over HTTP: moto's server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the tests' own, which is removed at the end."""
    programs = find_programs()
    if programs is None:
        missing = "PostgreSQL is not installed (Debian's package postgresql)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    server = PostgresServer(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["embedded", "moto"])
def storage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[S3Storage]:
    """Empty buckets of a test's own, on each S3 server."""
    yield from _buckets(request, monkeypatch, tmp_path, request.param)


@pytest.fixture
def embedded_storage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[S3Storage]:
    """Empty buckets of a test's own, on the embedded server."""
    yield from _buckets(request, monkeypatch, tmp_path, "embedded")


@pytest.fixture
def moto_storage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[S3Storage]:
    """Empty buckets of a test's own, on moto's server, which has storage classes."""
    yield from _buckets(request, monkeypatch, tmp_path, "moto")


@pytest.fixture
def strict() -> Iterator[StrictS3]:
    """A server with the rules of real ones."""
    server = StrictS3()
    with server.serving():
        yield server


@pytest.fixture
def strict_storage(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[S3Storage]:
    """Empty buckets of a test's own, on that server."""
    yield from _buckets(request, monkeypatch, tmp_path, "strict")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """A Dagster instance of a test's own."""
    with DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def sensor(embedded_storage: S3Storage, instance: DagsterInstance) -> Sensor:
    """The sensor of the uploads on the embedded S3 server."""
    return Sensor(embedded_storage, instance)


@pytest.fixture
def scribe(embedded_storage: S3Storage, instance: DagsterInstance) -> Scribe:
    """The assets on the embedded S3 server."""
    return Scribe(embedded_storage, instance)


def _buckets(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: str
) -> Iterator[S3Storage]:
    if server == "embedded":
        monkeypatch.setenv("SCRIBE_HOME", str(request.getfixturevalue("embedded_home")))
    else:
        monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
        endpoint = (
            request.getfixturevalue("strict").endpoint
            if server == "strict"
            else request.getfixturevalue("moto_endpoint")
        )
        monkeypatch.setenv("MINIO_ENDPOINT", endpoint)
        monkeypatch.setenv("MINIO_ACCESS_KEY", "test")
        monkeypatch.setenv("MINIO_SECRET_KEY", "test")
    for variable, name in (
        ("SCRIBE_UPLOADS_BUCKET", "up"),
        ("SCRIBE_PROCESSED_BUCKET", "done"),
        ("SCRIBE_IDENTITY_BUCKET", "bank"),
    ):
        monkeypatch.setenv(variable, f"{name}-{os.urandom(4).hex()}")
    made = S3Storage.from_settings(Settings.load())
    made.ensure_buckets()
    yield made
    client = made.get_client()
    for bucket in (made.uploads_bucket, made.processed_bucket, made.identity_bucket):
        for item in made.objects(bucket):
            made.delete(bucket, item.key)
        client.delete_bucket(Bucket=bucket)
