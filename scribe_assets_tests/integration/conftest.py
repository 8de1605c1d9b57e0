"""The launcher in a home of a test's own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository

from scribe_assets_tests.launching import LOCATION, Launching, end_hosts


@pytest.fixture
def database() -> dict[str, object]:
    """Where Dagster's storage is, as dagster.yaml says it; `test_postgres.py` has another one."""
    return {}


@pytest.fixture
def launching(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    database: dict[str, object],
) -> Iterator[Launching]:
    home = tmp_path / "home"
    monkeypatch.setenv("SCRIBE_HOME", str(home))
    (tmp_path / "location.py").write_text(LOCATION)
    launcher = {"module": "scribe_assets.launcher", "class": "GpuRunLauncher"}
    config = {
        "devices": ["cpu"],
        "preload": [],
        "worker_preload": [],
        **getattr(request, "param", {}),
    }
    if "PYTHONPATH" in config.get("env", {}):  # for modules that the test writes
        config["env"] = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path[:1]])}
    (tmp_path / "dagster.yaml").write_text(
        yaml.safe_dump(
            {
                "run_launcher": {**launcher, "config": config},
                "run_retries": {"enabled": True, "max_retries": 2},
                **database,
            }
        )
    )
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        repository = ReconstructableRepository.for_file(str(tmp_path / "location.py"), "defs")
        yield Launching(home, instance, repository.get_reconstructable_job("sleep"))
        end_hosts(home)
