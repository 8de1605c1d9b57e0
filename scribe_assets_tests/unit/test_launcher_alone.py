"""The launcher serves code that is not Scribe's: it needs none of Scribe's other modules, and of
its libraries those that Dagster has, and two more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scribe_assets.launcher import using_device
from scribe_assets.launcher.code_version import fingerprint
from scribe_assets.launcher.devices import visible_devices
from scribe_assets.launcher.lease import Lease

LOADED = """
import json, sys
import scribe_assets.launcher, scribe_assets.launcher.host, scribe_assets.launcher.worker
print(json.dumps([*sys.modules]))
"""


def test_it_loads_nothing_of_scribe_but_what_it_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    ours = {name for name in loaded if name.partition(".")[0] == "scribe_assets"}
    assert {name for name in ours if not name.startswith("scribe_assets.launcher")} == {
        "scribe_assets",
        "scribe_assets.dagster_internals",
        "scribe_assets.device_settings",
        "scribe_assets.errors",
        "scribe_assets.logs",
        "scribe_assets.tags",
    }
    assert not loaded & {"torch", "numpy", "boto3", "dagster_aws", "dagster_webserver", "langcodes"}


def test_a_device_is_held_whatever_the_settings_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    monkeypatch.setenv("SCRIBE_DEVICE", "cpu:1")
    monkeypatch.setenv("MINIO_ENDPOINT", "not a host")
    assert Lease(tmp_path, "cpu:1").holder() is None
    with using_device() as device:
        assert device == "cpu:1"
        assert Lease(tmp_path, device).holder() == f"process {os.getpid()}"


def test_without_torch_there_is_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scribe_assets.launcher.devices.find_spec", lambda _name: None)
    with visible_devices([], "auto") as devices:
        assert devices() == ["cpu"]


def test_code_changes_where_it_is_ones_own(tmp_path: Path) -> None:
    files = ["definitions.py", "package/model.py", ".hidden/a.py", "env/lib/b.py"]
    for name in [*files, "env/pyvenv.cfg"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    for name, changes in zip(files, [True, True, False, False], strict=True):
        os.utime(tmp_path / name, (1, 1))
        assert (fingerprint(tmp_path) != before) == changes, name
        before = fingerprint(tmp_path)
