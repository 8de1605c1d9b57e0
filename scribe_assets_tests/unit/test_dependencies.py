"""Everything that is imported is declared in pyproject.toml, and not there by chance."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRA = PROJECT["optional-dependencies"]
OURS = {"scribe_assets", "scribe_assets_tests", "benchmarks", "pictures"}


def declared(requirements: list[str]) -> set[str]:
    """The distributions of a list of requirements."""
    return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in requirements}


@cache
def installed_by(name: str) -> frozenset[str]:
    """What a distribution lets one import: packages, and of a namespace such as `pyannote`, which
    several distributions share, only its own part of it."""
    files = (distribution(name).read_text("RECORD") or "").splitlines()
    paths = {line.rpartition(",")[0].rpartition(",")[0] for line in files}
    found = set()
    for path in paths:
        first, _, rest = path.partition("/")
        if not rest:
            found.add(first.partition(".")[0])
        elif f"{first}/__init__.py" in paths:
            found.add(first)
        else:
            found.add(f"{first}.{rest.partition('/')[0]}")
    return frozenset(found)


def imports(file: Path) -> Iterator[str]:
    """The first two names of every absolute import."""
    for node in ast.walk(ast.parse(file.read_text())):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        for module in modules:
            yield ".".join(module.split(".")[:2])


def undeclared(files: Iterable[Path], allowed: set[str]) -> dict[str, str]:
    """Module to file, for modules that none of the allowed distributions installs."""
    packages = frozenset[str]().union(*map(installed_by, allowed))
    found = {}
    for file in sorted(files):
        for module in imports(file):
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in OURS:
                continue
            if not {top, module} & packages:
                found[module] = str(file.relative_to(ROOT))
    return found


# Only for annotations; the types of boto3's clients are installed for development.
TYPES = {"mypy_boto3_s3.S3Client"}


# What is imported only where somebody has asked for an extra.
OPTIONAL = {
    ROOT / "scribe_assets/instance/postgres.py": "postgres",
    **dict.fromkeys((ROOT / "scribe_assets/launcher/ray").glob("*.py"), "ray"),
}


def test_the_package_imports_only_what_it_declares() -> None:
    files = {*(ROOT / "scribe_assets").rglob("*.py")} - {*OPTIONAL}
    found = undeclared(files, declared(PROJECT["dependencies"]))
    assert {module: file for module, file in found.items() if module not in TYPES} == {}


def test_what_is_optional_imports_only_what_its_extra_declares() -> None:
    for file, extra in OPTIONAL.items():
        assert undeclared([file], declared(PROJECT["dependencies"] + EXTRA[extra])) == {}


@pytest.mark.parametrize("folder", ["scribe_assets_tests", "benchmarks", "examples"])
def test_tests_benchmarks_and_examples_import_only_what_is_declared(folder: str) -> None:
    extra = EXTRA["dev"] + EXTRA["postgres"] + EXTRA["ray"]  # the first has the others
    files = (ROOT / folder).rglob("*.py")
    assert undeclared(files, declared(PROJECT["dependencies"] + extra)) == {}


def locked(name: str) -> dict[str, str]:
    """Distribution to its lines in a lock file: version, where it is for, hashes."""
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)
    return {block.partition("==")[0]: block for block in blocks if block}


def test_the_image_is_made_of_what_was_tested() -> None:
    tested, image = locked("requirements.lock"), locked("requirements-runtime.lock")
    assert {name: lines for name, lines in image.items() if tested.get(name) != lines} == {}
    needed = declared(PROJECT["dependencies"] + EXTRA["postgres"] + EXTRA["ray"])
    assert needed <= set(image)
    assert {"mypy", "pytest", "ruff"} <= declared(EXTRA["dev"]) - set(image)
