"""The package as others install it: the built wheel, without the repository around it."""

import signal
import subprocess
import sys
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from scribe_assets.local.processes import executable
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.e2e.test_stack import Running, environment, family, put, start_program
from scribe_assets_tests.media import silence
from scribe_assets_tests.uv import ROOT, uv

pytestmark = pytest.mark.stack


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment with the wheel, and with what it needs as it is installed here."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", str(tmp_path)], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    there = tmp_path / "venv"
    subprocess.run([uv(), "venv", "--quiet", "--python", sys.executable, str(there)], check=True)
    install = [uv(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(there)]
    subprocess.run([*install, str(wheel)], check=True)
    # A folder that is named by a .pth file has its own .pth files ignored, so the repository, which
    # is installed here by such a file, is not found.
    (packages,) = there.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    for program in entry_points(group="console_scripts"):
        if program.name.startswith("dagster"):
            script = there / "bin" / program.name
            script.write_text(
                f"#!{there}/bin/python\n"
                f"from {program.module} import {program.attr}\n"
                f"{program.attr}()\n"
            )
            script.chmod(0o755)
    (there / "bin" / "rclone").symlink_to(executable("rclone"))
    return there


def test_it_runs_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    home = folder / ".scribe"
    program = str(installed / "bin" / "scribe")
    process, said = start_program(program, environment(home) | {"SCRIBE_HOME": ""}, folder)
    try:
        storage = S3Storage.from_settings(Settings(home=home))
        running = Running(process, home, said["UI"], storage)
        put(running, "a.wav", silence(tmp_path / "a.wav", 2))
        assert running.status_when("a.wav", "succeeded", "failed").state == "succeeded"
        programs = [child.cmdline()[0] for child in family(process.pid)]
        pythons = [program for program in programs if "python" in Path(program).name]
        assert len(pythons) > 3
        assert not [found for found in pythons if not Path(found).is_relative_to(installed)]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    asked = "import scribe_assets.definitions as ours; print(ours.__file__)"
    python = installed / "bin" / "python"
    where = subprocess.run(
        [python, "-c", asked], cwd=folder, check=True, capture_output=True, text=True
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)
    assert [file.name for file in folder.iterdir()] == [".scribe"]
