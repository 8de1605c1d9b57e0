"""From a setting to a model: for each stage the weights that it names, and how they are loaded.

Every function finds and reads the weights, and says how large they are, before anything is on the
device; so there is time to make room for them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribe_assets.speech.diarization.diarizer import Diarizer
from scribe_assets.speech.diarization.pipelines import default_diarizer, pretrained_diarizer
from scribe_assets.speech.engine.devices import weights_size
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION, download, whisper_base
from scribe_assets.speech.transcription.model import find_whisper, load_whisper
from scribe_assets.speech.voices.embedding import load_campplus, load_wespeaker

DEFAULT = "default"
"""The setting for the models that come with the package."""


@dataclass(frozen=True)
class Loadable:
    """A model that was found. `size` is that of its weights, in bytes; `load` puts it on a device
    (`cpu`, `cuda` or `cuda:N`) and gives it back."""

    size: int
    load: Callable[[str], Any]


def find_diarizer(name: str, hf_token: str | None) -> Loadable:
    """A `Diarizer`.

    Args:
        name: `default`, a pyannote pipeline name or a folder.
        hf_token: for gated models on the Hugging Face hub.

    Raises:
        PermanentError: there is no such pipeline, or it cannot be had.
    """
    diarizer: Diarizer
    if name == DEFAULT:
        diarizer = default_diarizer(SEGMENTATION.find(), load_campplus(CAMPPLUS.find()))
    else:
        diarizer = pretrained_diarizer(name, hf_token)
    return Loadable(weights_size(diarizer.networks), lambda device: _on(device, diarizer))


def find_embedder(name: str, hf_token: str | None) -> Loadable:
    """A speaker embedding model, as pyannote's `Model`.

    Args:
        name: `default`, a WeSpeaker folder or a Hugging Face name.
        hf_token: for gated models on the Hugging Face hub.

    Raises:
        PermanentError: there is no such model, or it cannot be had.
    """
    folder = Path(name).expanduser()
    if name == DEFAULT:
        model = load_campplus(CAMPPLUS.find())
    elif folder.is_dir():
        model = load_wespeaker(folder)
    else:
        model = load_wespeaker(download(name, hf_token))
    return Loadable(weights_size([model]), lambda device: _on(device, model))


def find_transcriber(name: str, hf_token: str | None, cache: Path) -> Loadable:
    """A faster-whisper model.

    Args:
        name: `base`, a faster-whisper model name or a CTranslate2 folder.
        hf_token: for gated models on the Hugging Face hub.
        cache: where `base` is put together.

    Raises:
        PermanentError: there is no such model, or it cannot be had.
    """
    folder = whisper_base(cache) if name == "base" else find_whisper(name, hf_token)
    # As they lie on disk, usually 16 bit; in memory they take that or half of it.
    size = (folder / "model.bin").stat().st_size
    return Loadable(size, lambda device: load_whisper(folder, device))


def _on(device: str, model: Any) -> Any:
    import torch

    return model.to(torch.device(device))
