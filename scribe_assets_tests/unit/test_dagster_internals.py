"""What the package takes from Dagster's inside: in one module, and all of it there."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import scribe_assets

PACKAGE = Path(scribe_assets.__file__).parent
INTERNALS = PACKAGE / "dagster_internals.py"


def private_imports(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of each import from a private module of Dagster's."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster._"):
            yield from ((str(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((a.name, "") for a in node.names if a.name.startswith("dagster._"))


def test_nothing_else_imports_what_is_private() -> None:
    others = {
        str(file.relative_to(PACKAGE)): sorted(private_imports(file))
        for file in PACKAGE.rglob("*.py")
        if file != INTERNALS
    }
    assert {file: found for file, found in others.items() if found} == {}
    assert list(private_imports(INTERNALS))


def test_all_of_it_is_there() -> None:
    """After an upgrade of Dagster this lists everything that is gone, not only the first name."""

    def is_there(module: str, name: str) -> bool:
        try:
            return hasattr(import_module(module), name)
        except ImportError:
            return False

    missing = [f"{m}.{n}" for m, n in private_imports(INTERNALS) if not is_there(m, n)]
    assert missing == []
