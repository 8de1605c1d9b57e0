"""The example of the launcher as others use it, with the real host, runs and workers; nothing in it
is of Scribe but the launcher."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository

from scribe_assets.tags import PARTITION_TAG
from scribe_assets_tests.launching import Launching, end_hosts

EXAMPLE = Path(__file__).parents[2] / "examples/warm-gpu-launcher"
PICTURES = ["disc-1", "square-1", "cross-1", "disc-2"]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Launching]:
    """A copy of the example, set up as its README says."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".home", "__pycache__"))
    home = folder / ".home"
    home.mkdir()
    shutil.copy(folder / "dagster.yaml", home)
    for variable, value in (
        ("SCRIBE_HOME", home),
        ("DAGSTER_HOME", home),
        ("SCRIBE_DEVICE", "cpu"),
    ):
        monkeypatch.setenv(variable, str(value))
    # Of no concern to the launcher, and wrong for Scribe.
    monkeypatch.setenv("MINIO_ENDPOINT", "no server")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    repository = ReconstructableRepository.for_module("pictures.definitions", "defs", str(folder))
    with DagsterInstance.get() as instance:
        yield Launching(home, instance, repository.get_reconstructable_job("recognise"))
        end_hosts(home)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pictures"]:
        del sys.modules[name]


def shapes(instance: DagsterInstance) -> dict[str, dict[str, object]]:
    """By picture, what its last materialization tells of the shape."""
    found: dict[str, dict[str, object]] = {}
    for record in instance.fetch_materializations(AssetKey("shape"), limit=100).records:
        told = record.asset_materialization
        assert told is not None
        assert told.partition is not None
        found.setdefault(told.partition, {name: v.value for name, v in told.metadata.items()})
    return found


def test_a_model_is_loaded_once_and_no_two_runs_are_on_the_device(example: Launching) -> None:
    for run_id in [example.launch_with({}, {PARTITION_TAG: picture}) for picture in PICTURES]:
        assert example.ends(run_id).status == DagsterRunStatus.SUCCESS
    told = shapes(example.instance)
    assert {picture: facts["shape"] for picture, facts in told.items()} == {
        picture: picture.partition("-")[0] for picture in PICTURES
    }
    assert {(facts["device"], facts["loaded"]) for facts in told.values()} == {("cpu", 1)}
    (worker,) = {facts["process"] for facts in told.values()}
    assert example.uses() == [(worker, "begin"), (worker, "end")] * len(PICTURES)

    # The worker still has the device, with the model loaded, and makes room.
    run_in_a_terminal()
    told = shapes(example.instance)
    assert (told["disc-1"]["shape"], told["disc-1"]["loaded"]) == ("disc", 1)
    beside = told["disc-1"]["process"]
    assert beside not in (worker, os.getpid())
    assert example.uses()[2 * len(PICTURES) :] == [(beside, "begin"), (beside, "end")]


def run_in_a_terminal() -> None:
    """The last command that the README shows."""
    lines = (EXAMPLE / "README.md").read_text().splitlines()
    (command,) = [line for line in lines if line.startswith("dagster asset materialize ")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    called = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(called, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
