"""Devices in a Ray cluster, as far as it takes no Ray."""

from pathlib import Path
from typing import Any

import pytest

from scribe_assets.launcher.config import HostConfig, LauncherConfig
from scribe_assets.launcher.messages import Message, Printed
from scribe_assets.launcher.ray.actor import Place, code_digest, read_from
from scribe_assets.launcher.ray.cluster import Gpu, gpus, usable
from scribe_assets.launcher.ray.worker import environment
from scribe_assets.launcher.workers import Workers
from scribe_assets.settings import Settings

ELSEWHERE = "192.0.2.7"  # of a range that nobody has


def node(name: str, address: str = ELSEWHERE, number: float = 1.0, alive: bool = True) -> Any:
    resources = {"CPU": 8.0, "GPU": number} if number else {"CPU": 8.0}
    return {
        "NodeID": name,
        "Alive": alive,
        "NodeManagerAddress": address,
        "Resources": resources,
    }


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    config = HostConfig(home=tmp_path, name="host", instance="", origin="", config=LauncherConfig())
    return Workers(config, ["cpu"], "", tmp_path / "tmp")


def test_gpus_are_those_of_the_machines_that_are_there() -> None:
    nodes = [node("b", number=2.0), node("a", "192.0.2.1", 0), node("c", "192.0.2.3", alive=False)]
    assert gpus(nodes) == [
        Gpu(f"ray:{ELSEWHERE}:0", "b", ELSEWHERE),
        Gpu(f"ray:{ELSEWHERE}:1", "b", ELSEWHERE),
    ]


def test_a_machine_that_has_come_back_has_the_name_it_had() -> None:
    (gpu,) = gpus([node("a", alive=False), node("b")])
    assert gpu == Gpu(f"ray:{ELSEWHERE}:0", "b", ELSEWHERE)


def test_two_nodes_of_one_machine_have_names_of_their_own() -> None:
    found = gpus([node("b"), node("a")])
    assert [(gpu.device, gpu.node) for gpu in found] == [
        (f"ray:{ELSEWHERE}:0", "a"),
        (f"ray:{ELSEWHERE}:1", "b"),
    ]


def test_other_machines_need_a_database_and_a_storage_that_they_reach(tmp_path: Path) -> None:
    found = gpus([node("a", "127.0.0.1"), node("b")])
    alone = Settings(home=tmp_path)
    here, problem = usable(found, alone)
    assert [gpu.device for gpu in here] == ["ray:127.0.0.1:0"]
    assert ELSEWHERE in problem
    assert "SCRIBE_POSTGRES_URL" in problem
    assert "MINIO_ENDPOINT" in problem
    shared = Settings(
        home=tmp_path, minio_endpoint="192.0.2.1:9000", postgres_url="postgresql://192.0.2.1/scribe"
    )
    assert usable(found, shared) == (found, "")
    own = Settings(
        home=tmp_path, minio_endpoint="localhost:9000", postgres_url="postgresql://127.0.0.1/scribe"
    )
    assert usable(found, own) == (here, problem)


def test_an_actor_is_given_settings_and_secrets_but_nothing_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hush\n")
    variables = {
        "PATH": "/bin",
        "SCRIBE_HOME": str(tmp_path),
        "SCRIBE_DEVICE": "cuda:1",
        "SCRIBE_RAY_ADDRESS": "192.0.2.1:6379",
        "SCRIBE_WHISPER_MODEL": "small",
        "MINIO_ACCESS_KEY": "me",
        "MINIO_SECRET_KEY_FILE": str(tmp_path / "secret"),
        "OMP_NUM_THREADS": "4",
    }
    for name in ("SCRIBE_HOME", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY_FILE"):
        monkeypatch.setenv(name, variables[name])
    settings = Settings.load()
    given = {
        "SCRIBE_WHISPER_MODEL": "small",
        "MINIO_ACCESS_KEY": "me",
        "MINIO_SECRET_KEY": "hush",
        "OMP_NUM_THREADS": "4",
    }
    assert environment(settings, variables, is_here=False) == given
    here = environment(settings, variables, is_here=True)
    assert here == given | {"SCRIBE_HOME": str(tmp_path)}


def test_what_is_printed_arrives_byte_for_byte_and_once(tmp_path: Path) -> None:
    text = "größer ␊\x00".encode()
    (tmp_path / "stdout").write_bytes(text)
    read = {"stdout": 2, "stderr": 0}
    (printed,) = read_from(Place(1, tmp_path), read)
    arrived = Message.from_bytes(printed.to_bytes())
    assert isinstance(arrived, Printed)
    assert arrived.text.encode("latin-1") == text[2:]
    assert read_from(Place(1, tmp_path), read) == []


def test_devices_come_and_go_and_those_of_this_machine_stay(workers: Workers) -> None:
    first, second = "ray:192.0.2.7:0", "ray:192.0.2.8:0"
    workers.offer([first, second])
    assert list(workers.devices) == ["cpu", first, second]
    workers.offer([second])
    assert list(workers.devices) == ["cpu", second]


def test_a_device_whose_worker_is_at_work_goes_with_it(workers: Workers) -> None:
    name = "ray:192.0.2.7:0"
    workers.offer([name])
    workers.devices[name].is_ready = True
    workers.offer([])
    assert workers.devices[name].view().is_busy, "nobody else is given it"
    workers.offer([name])
    assert not workers.devices[name].view().is_busy


def test_a_version_is_told_by_its_code() -> None:
    assert code_digest() == code_digest()
    assert len(code_digest()) == 64
