"""Which of the models are in memory: each is loaded once, and stays while the budget allows."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribe_assets.speech.compute import unshared_operators
from scribe_assets.speech.diarization.diarizer import Diarizer
from scribe_assets.speech.engine.devices import free, free_cached_memory, resolve_device
from scribe_assets.speech.engine.loading import (
    DEFAULT,
    Loadable,
    find_diarizer,
    find_embedder,
    find_transcriber,
)

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from pyannote.audio import Model

logger = logging.getLogger(__name__)


WORKING_BYTES = {
    "diarization": 1_000_000_000,
    "embedding": 500_000_000,
    "transcription": 3_000_000_000,
}
"""What a stage takes of the device beside weights, at its batch sizes and workers: an estimate on
the safe side for the models that are used on small GPUs, large-v3 among them."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory; `size` is that of its weights, in bytes, `name` tells it from another one
    for the same stage."""

    model: Any
    size: int
    name: str = ""


@dataclass
class ModelRegistry:
    """Loads each model when it is first used, and keeps it while the memory budget allows.

    Before a stage runs, models that lie idle are freed, least recently used first, until their
    weights, the stage's own and the memory it works in fit the budget. With large models and a GPU
    of about 8 GB each model is freed before the next one is loaded; small ones stay.

    Args:
        whisper: `base`, a faster-whisper model name or a CTranslate2 folder.
        diarization: `default`, a pyannote pipeline name or a folder.
        embedding: `default`, a WeSpeaker folder or a Hugging Face name.
        device: `auto`, `cpu`, `cpu:N` (for one of several at work on one CPU), `cuda` or `cuda:N`.
        cache: folder for weights that have to be put together.
        hf_token: for gated models on the Hugging Face hub.
        budget_gb: memory of the device that may be used, in 10^9 bytes.
        lease: called with the device, gives the right to use it; entered before a model is loaded
            and left when the stage is over.
    """

    cache: Path
    whisper: str = "base"
    diarization: str = DEFAULT
    embedding: str = DEFAULT
    device: str = "auto"
    hf_token: str | None = field(default=None, repr=False)
    budget_gb: float = 8.0
    lease: Callable[[str], AbstractContextManager[None]] = field(
        default=lambda _: nullcontext(), repr=False
    )
    loads: Counter[str] = field(default_factory=Counter, init=False)
    """How often each model was loaded in this process."""
    _in_use: str | None = field(default=None, init=False)
    _loaded: dict[str, Loaded] = field(default_factory=dict, init=False)
    """By stage, least recently used first."""

    @property
    def names(self) -> dict[str, str]:
        """What is used for diarization, embedding and transcription, for people to read."""
        campplus = "CAM++ zh-en common (3D-Speaker)"
        return {
            "diarization": "pyannote segmentation-3.0 + CAM++, agglomerative clustering"
            if self.diarization == DEFAULT
            else self.diarization,
            "embedding": campplus if self.embedding == DEFAULT else self.embedding,
            "transcription": self.transcriber_name(),
        }

    def transcriber_name(self, whisper: str | None = None) -> str:
        """A Whisper model for people to read; without a name, the one of the installation."""
        return f"whisper {whisper or self.whisper}"

    @contextmanager
    def diarizer(self) -> Iterator[Diarizer]:
        """Finds who speaks when."""
        with self._use("diarization", self._find_diarizer) as diarizer:
            yield diarizer

    @contextmanager
    def embedder(self) -> Iterator["Model"]:
        """A pyannote.audio speaker embedding model."""
        with self._use("embedding", self._find_embedder) as model:
            yield model

    @contextmanager
    def embedder_on_cpu(self) -> Iterator["Model"]:
        """The same for a few seconds of speech, in a process that has no device and needs none.

        It is loaded for this use alone, and the models on the device stay where they are.
        """
        import torch

        os.environ.update(HF_HUB_DISABLE_TELEMETRY="1")
        with unshared_operators(torch.device("cpu")):
            model = self._find_embedder().load("cpu")
            self.loads["embedding"] += 1
            try:
                yield model
            finally:
                free(model)

    @contextmanager
    def transcriber(self, whisper: str | None = None) -> Iterator["WhisperModel"]:
        """A faster-whisper model; without a name, the one of the installation. Another one takes
        its place until the next use."""
        name = whisper or self.whisper

        def find() -> Loadable:
            return find_transcriber(name, self.hf_token, self.cache)

        with self._use("transcription", find, name) as model:
            yield model

    @contextmanager
    def _use(self, stage: str, find: Callable[[], Loadable], name: str = "") -> Iterator[Any]:
        import torch

        if self._in_use:
            raise RuntimeError(f"{stage} is asked for while {self._in_use} is still in use")
        # Scribe reports to nobody; these two would.
        os.environ.update(PYANNOTE_METRICS_ENABLED="0", HF_HUB_DISABLE_TELEMETRY="1")
        device = resolve_device(self.device)
        with self.lease(device), unshared_operators(torch.device(device)):
            if (other := self._loaded.get(stage)) and other.name != name:
                self.release(stage)
            if loaded := self._loaded.pop(stage, None):
                self._make_room(stage, loaded.size)
            else:
                found = find()
                self._make_room(stage, found.size)
                # torch and CTranslate2 know one CPU: its number only tells leases apart.
                model = found.load("cpu" if device.startswith("cpu") else device)
                loaded = Loaded(model, found.size, name)
                self.loads[stage] += 1
            self._loaded[stage] = loaded
            self._in_use = stage
            try:
                yield loaded.model
            except BaseException:  # it may be in any state, and the device full
                self.release(stage)
                raise
            finally:
                self._in_use = None
                free_cached_memory()

    def _make_room(self, stage: str, size: int) -> None:
        """Free idle models until the stage fits the budget."""
        needed = size + WORKING_BYTES[stage]
        budget = int(self.budget_gb * 1e9)
        while self._loaded and sum(m.size for m in self._loaded.values()) + needed > budget:
            self.release(next(iter(self._loaded)))
        if needed > budget:
            logger.warning(
                "%s needs about %.1f GB, more than SCRIBE_VRAM_BUDGET_GB (%g)",
                stage,
                needed / 1e9,
                self.budget_gb,
            )

    def release(self, stage: str) -> None:
        """Free a model, if it is loaded."""
        if loaded := self._loaded.pop(stage, None):
            free(loaded.model)

    @property
    def loaded(self) -> list[str]:
        """The stages whose models are in memory, least recently used first."""
        return list(self._loaded)

    def facts(self, stage: str) -> dict[str, Any]:
        """Metadata of a stage: its model, the device, and how often this process has loaded it."""
        return {
            "model": self.names[stage],
            "device": resolve_device(self.device),
            "model_loads": self.loads[stage],
        }

    def _find_diarizer(self) -> Loadable:
        return find_diarizer(self.diarization, self.hf_token)

    def _find_embedder(self) -> Loadable:
        return find_embedder(self.embedding, self.hf_token)
