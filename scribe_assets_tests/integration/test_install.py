"""`make install` by a real uv, from folders of tiny packages in place of an index."""

import hashlib
import inspect
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from scribe_assets_tests.uv import ROOT, uv

MAKE = shutil.which("make") or "make"

RUNTIME = {"av": "19.0", "torch": "2.10.0", "torchaudio": "2.10.0", "nvidia-cublas-cu12": "12.8"}
TOOLS = {"pytest": "9.2", "nvidia-ml-py": "13.6"}
CPU = {"torch": "2.10.0+cpu", "torchaudio": "2.10.0+cpu"}
OURS = {"scribe-assets": "0.1.0"}

# Builds the clone's own package without any tool that would have to be installed.
BACKEND = """
import zipfile
from pathlib import Path

{write_wheel}

def build_editable(folder, config_settings=None, metadata_directory=None):
    return write_wheel(folder, "scribe-assets", "0.1.0")
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "scribe-assets"
version = "0.1.0"
"""


def write_wheel(folder: str | Path, name: str, version: str) -> str:
    """Write a wheel without content; its name."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    described = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(Path(folder, f"{stem}-py3-none-any.whl"), "w") as wheel:
        wheel.writestr(f"{info}/METADATA", described)
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")
    return f"{stem}-py3-none-any.whl"


def package(index: Path, name: str, version: str) -> str:
    """Add a wheel without content to a folder that serves as an index; its line in a lock."""
    folder = index / name
    folder.mkdir(parents=True)
    wheel = folder / write_wheel(folder, name, version)
    link = f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>'
    (folder / "index.html").write_text(link)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Clone:
    """A clone of the repository in which each package is an empty one."""

    def __init__(self, folder: Path) -> None:
        self.uv = uv()
        self.folder = folder / "clone"
        (self.folder / "deploy").mkdir(parents=True)
        shutil.copy(ROOT / "Makefile", self.folder)
        shutil.copy(ROOT / "deploy/install", self.folder / "deploy")
        (self.folder / "pyproject.toml").write_text(PROJECT)
        (self.folder / "backend.py").write_text(
            BACKEND.format(write_wheel=inspect.getsource(write_wheel))
        )
        self.lines = {
            name: package(folder / "index", name, version)
            for name, version in (RUNTIME | TOOLS).items()
        }
        for name, version in CPU.items():
            package(folder / "cpu", name, version)
        self.write_locks()
        self.cpu_index = f"TORCH_INDEX={(folder / 'cpu').as_uri()}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = kept | {
            "UV_DEFAULT_INDEX": (folder / "index").as_uri(),
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def write_locks(self) -> None:
        runtime = "".join(line for name, line in self.lines.items() if name in RUNTIME)
        (self.folder / "requirements.lock").write_text("".join(self.lines.values()))
        (self.folder / "requirements-runtime.lock").write_text(runtime)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MAKE, f"UV={self.uv}", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self, *arguments: str, target: str = "install") -> str:
        """What it says."""
        done = self.make(target, *arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def nothing_to_do(self) -> bool:
        return self.make("--question", "install").returncode == 0

    @property
    def installed(self) -> dict[str, str]:
        found = (self.folder / ".venv").glob("lib/python*/site-packages/*.dist-info")
        pairs = (path.name.removesuffix(".dist-info").split("-") for path in found)
        return {name.replace("_", "-"): version for name, version in pairs}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


TARGET = ".venv/.installed-developer"
"""What `make test`, `check`, `bench` need."""


def test_tools_come_with_the_first_test_and_stay(clone: Clone) -> None:
    said = clone.install()
    assert f"in {clone.folder}/.venv: 9 GB" in said
    assert clone.installed == OURS | RUNTIME
    assert clone.nothing_to_do()

    said = clone.install(target=TARGET)
    assert clone.installed == OURS | RUNTIME | TOOLS
    assert "torch" not in said, "only the difference is installed"
    assert clone.nothing_to_do()

    del clone.lines["av"]
    clone.write_locks()
    assert not clone.nothing_to_do()
    clone.install()
    assert clone.installed.keys() == (OURS | RUNTIME | TOOLS).keys() - {"av"}


def test_without_cuda_and_back(clone: Clone) -> None:
    said = clone.install("TORCH=cpu", clone.cpu_index)
    assert f"in {clone.folder}/.venv: 3 GB" in said
    without = OURS | RUNTIME | CPU
    del without["nvidia-cublas-cu12"]
    assert clone.installed == without
    assert clone.nothing_to_do(), "the choice is kept"
    clone.install(target=TARGET)  # which needs the other index no more
    assert clone.installed == without | TOOLS
    clone.install("TORCH=cuda")
    assert clone.installed == OURS | RUNTIME | TOOLS
    clone.install("TORCH=cpu", clone.cpu_index, "TORCH_CPU=torch==2.10.0+cpu")
    assert clone.installed["torch"] == "2.10.0+cpu"
    assert "torchaudio" not in clone.installed
    del clone.lines["av"]
    clone.write_locks()
    clone.install()  # from the same place, the same version
    assert clone.installed["torch"] == "2.10.0+cpu"
    assert not {"torchaudio", "av"} & clone.installed.keys()


def test_an_interrupted_installation_is_taken_up_again(clone: Clone) -> None:
    clone.install(target=TARGET)
    failed = clone.make("install", "TORCH=cpu", "TORCH_INDEX=file:///nowhere")
    assert failed.returncode
    assert not clone.nothing_to_do()
    clone.install(clone.cpu_index)
    assert clone.installed["torch"] == CPU["torch"]
    assert TOOLS.items() <= clone.installed.items()


@pytest.mark.parametrize("torch", ["TORCH=cuda", "TORCH=cpu"])
def test_a_package_that_is_not_the_one_in_the_lock_is_refused(clone: Clone, torch: str) -> None:
    clone.lines["av"] = "av==19.0 --hash=sha256:" + 64 * "0" + "\n"
    clone.write_locks()
    failed = clone.make("install", torch, clone.cpu_index)
    assert failed.returncode
    assert "av" in failed.stdout
    assert "hash" in failed.stdout.lower()
    assert not clone.nothing_to_do()


def test_a_wrong_word_is_one_sentence(clone: Clone) -> None:
    failed = clone.make("install", "TORCH=gpu")
    assert failed.stdout.splitlines()[0] == "TORCH must be cuda or cpu, not gpu"
    assert not (clone.folder / ".venv").exists()


def test_the_image_leaves_out_the_same_packages() -> None:
    install, image = ((ROOT / name).read_text() for name in ("deploy/install", "Dockerfile"))
    pattern = next(line for line in install.splitlines() if "cuda = " in line)
    pattern = pattern.partition("cuda = ")[2].partition(" }")[0]
    assert pattern.startswith("/^(torch|")
    assert pattern in image
    assert "https://download.pytorch.org/whl/cpu" in install
    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in image
