"""Finding and loading a Whisper model in CTranslate2 form."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribe_assets.errors import PermanentError
from scribe_assets.speech.compute import cores
from scribe_assets.speech.transcription.fallback import never_sample

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

GPU_WORKERS = 4
"""Blocks that a GPU decodes at a time."""

THREADS = 4
"""Cores of a CPU that decode a block together. Steps are too small to be shared by more; what is
left decodes other blocks."""


def find_whisper(name: str, hf_token: str | None) -> Path:
    """Folder of a Whisper model in CTranslate2 form.

    Args:
        name: a folder, or a name that faster-whisper knows or finds on the Hugging Face hub.
        hf_token: for gated models.

    Raises:
        PermanentError: there is no such model, or it cannot be had.
    """
    from faster_whisper import download_model

    try:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            folder = Path(download_model(name, use_auth_token=hf_token))
        if not (folder / "model.bin").is_file():
            raise ValueError(f"{folder} holds no model.bin")
    except (OSError, RuntimeError, ValueError) as error:
        raise _cannot_be_loaded(name, error) from error
    return folder


def load_whisper(folder: Path, device: str, workers: int | None = None) -> "WhisperModel":
    """Load a Whisper model in CTranslate2 form.

    Args:
        folder: see `find_whisper`.
        device: `cpu`, `cuda` or `cuda:N`.
        workers: how many blocks it decodes at a time; None: one on each `THREADS` cores of a CPU,
            `GPU_WORKERS` on a GPU.

    Raises:
        PermanentError: it cannot be loaded.
    """
    from faster_whisper import WhisperModel

    kind, _, index = device.partition(":")
    threads = min(cores(), THREADS) if kind == "cpu" else 0
    try:
        model = WhisperModel(
            str(folder),
            device=kind,
            device_index=int(index or 0),
            # As exact as the weights, at the least memory: 8 bit integers on a CPU, half
            # precision floats with 8 bit weights on a GPU.
            compute_type="int8" if kind == "cpu" else "int8_float16",
            cpu_threads=threads,
            num_workers=workers or (max(1, cores() // THREADS) if threads else GPU_WORKERS),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _cannot_be_loaded(str(folder), error) from error
    never_sample(model)
    return model


def _cannot_be_loaded(name: str, error: Exception) -> PermanentError:
    return PermanentError(
        f"the Whisper model {name!r} cannot be loaded ({error}); set SCRIBE_WHISPER_MODEL to "
        "'base', another faster-whisper model name or a CTranslate2 folder"
    )
