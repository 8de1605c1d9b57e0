"""Whether the code of a location has changed on disk since a host has loaded it."""

import os
import sys
from collections.abc import Iterator
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
    files = sorted(_own_files(code)) if code else []
    return hash(tuple((file.name, file.stat().st_mtime_ns) for file in files))


def _own_files(folder: Path) -> Iterator[Path]:
    """The Python files below a folder, but for hidden folders and virtual environments: this is
    asked at each launch, and a folder with a location in one file may hold those beside it."""
    for path, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not Path(path, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(path, name) for name in files if name.endswith(".py"))
