"""Whether the code of a location has changed on disk since a host has loaded it."""

import sys
from pathlib import Path

from scribe_assets.dagster_internals import JobPythonOrigin


def code_folder(origin: JobPythonOrigin) -> Path | None:
    """The package or the folder that a code location is loaded from."""
    pointer = origin.repository_origin.code_pointer
    if file := getattr(pointer, "python_file", None):
        return Path(file).absolute().parent
    package = str(getattr(pointer, "module", "")).partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return Path(file).parent if file else None


def fingerprint(code: Path | None) -> int:
    """A number that changes when a Python file in the folder does."""
    files = sorted(code.rglob("*.py")) if code else []
    return hash(tuple((file.name, file.stat().st_mtime_ns) for file in files))
