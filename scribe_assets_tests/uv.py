"""The program that installs packages, as `make` finds it."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def uv() -> str:
    """Its path; the test is skipped where there is none."""
    own = ROOT / ".uv/bin/uv"
    found = shutil.which("uv") or (str(own) if own.exists() else None)
    if found is None:
        pytest.skip("uv is neither in PATH nor where `make` puts it")
    return found
