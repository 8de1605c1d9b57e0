"""Which weights a setting stands for, told without loading them: what a version is made of."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from scribe_assets.speech.engine.loading import DEFAULT
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION, WHISPER_BASE_SHA256

SAMPLED_BYTES = 65_536
"""At the beginning and at the end of each file of a folder: training changes all weights, and
gigabytes are not read for it whenever Dagster loads the definitions."""


def whisper_identity(name: str) -> str:
    """The Whisper model of a setting; see `ModelRegistry`."""
    return WHISPER_BASE_SHA256 if name == "base" else _identity(name)


def diarization_identity(name: str) -> str:
    """The models that a setting names for diarization; see `ModelRegistry`."""
    return SEGMENTATION.sha256 + CAMPPLUS.sha256 if name == DEFAULT else _identity(name)


def embedding_identity(name: str) -> str:
    """The model that a setting names for embeddings; see `ModelRegistry`."""
    return CAMPPLUS.sha256 if name == DEFAULT else _identity(name)


def _identity(name: str) -> str:
    """A folder by what is in it, so that it may be moved; a model of the hub by its name."""
    folder = Path(name).expanduser()
    try:
        return _digest(folder) if folder.is_dir() else name
    except OSError:  # who loads the model says what is wrong; until then it is any other one
        return name


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(_files(folder)):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder)}\0{size}\0".encode("utf-8", "surrogatepass"))
        with file.open("rb") as stream:
            digest.update(stream.read(SAMPLED_BYTES))
            if size > SAMPLED_BYTES:
                stream.seek(max(SAMPLED_BYTES, size - SAMPLED_BYTES))
                digest.update(stream.read(SAMPLED_BYTES))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder and below, but for hidden ones."""
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).parts
        if file.is_file() and not any(part.startswith(".") for part in inside):
            yield file
