"""Which weights, where they are, and which of the models are in memory."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribe_assets.speech.diarization.pipelines import default_pipeline, pretrained_pipeline
from scribe_assets.speech.transcription.model import find_whisper, load_whisper
from scribe_assets.speech.voices.embedding import load_campplus, load_wespeaker

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from pyannote.audio import Model, Pipeline
from scribe_assets.speech.engine.devices import (
    free,
    free_cached_memory,
    resolve_device,
    weights_size,
)
from scribe_assets.speech.engine.weights import (
    CAMPPLUS,
    SEGMENTATION,
    download,
    whisper_base,
)

logger = logging.getLogger(__name__)


DEFAULT = "default"


WORKING_BYTES = {
    "diarization": 1_000_000_000,
    "embedding": 500_000_000,
    "transcription": 3_000_000_000,
}
"""What a stage takes of the device beside weights, at its batch sizes and workers: an estimate on
the safe side for the models that are used on small GPUs, large-v3 among them."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory; `size` is that of its weights, in bytes."""

    model: Any
    size: int


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
            "transcription": f"whisper {self.whisper}",
        }

    @contextmanager
    def diarizer(self) -> Iterator["Pipeline"]:
        """A pyannote speaker diarization pipeline."""
        with self._use("diarization", self._load_diarizer) as pipeline:
            yield pipeline

    @contextmanager
    def embedder(self) -> Iterator["Model"]:
        """A pyannote.audio speaker embedding model."""
        with self._use("embedding", self._load_embedder) as model:
            yield model

    @contextmanager
    def embedder_on_cpu(self) -> Iterator["Model"]:
        """The same for a few seconds of speech, in a process that has no device and needs none."""
        import torch

        os.environ.update(HF_HUB_DISABLE_TELEMETRY="1")
        known = self._load_embedder("cpu")
        self.loads["embedding"] += 1
        # On one core: where the device is the CPU, two processes with all threads each slow the
        # other down many times over.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield known.model
        finally:
            torch.set_num_threads(threads)
            free(known.model)

    @contextmanager
    def transcriber(self) -> Iterator["WhisperModel"]:
        """A faster-whisper model."""
        with self._use("transcription", self._load_transcriber) as model:
            yield model

    @contextmanager
    def _use(self, stage: str, load: Callable[[str], Loaded]) -> Iterator[Any]:
        if self._in_use:
            raise RuntimeError(f"{stage} is asked for while {self._in_use} is still in use")
        # Scribe reports to nobody; these two would.
        os.environ.update(PYANNOTE_METRICS_ENABLED="0", HF_HUB_DISABLE_TELEMETRY="1")
        device = resolve_device(self.device)
        with self.lease(device):
            if known := self._loaded.pop(stage, None):
                self._make_room(stage, known.size)
            else:
                known = load("cpu" if device.startswith("cpu") else device)
                self.loads[stage] += 1
            self._loaded[stage] = known
            self._in_use = stage
            try:
                yield known.model
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
        if known := self._loaded.pop(stage, None):
            free(known.model)

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

    def _load_diarizer(self, device: str) -> Loaded:
        import torch

        if self.diarization == DEFAULT:
            embedding = load_campplus(CAMPPLUS.find())
            pipeline = default_pipeline(SEGMENTATION.find(), embedding)
        else:
            pipeline = pretrained_pipeline(self.diarization, self.hf_token)
        size = weights_size(pipeline)
        self._make_room("diarization", size)
        return Loaded(pipeline.to(torch.device(device)), size)

    def _load_embedder(self, device: str) -> Loaded:
        import torch

        folder = Path(self.embedding).expanduser()
        if self.embedding == DEFAULT:
            model = load_campplus(CAMPPLUS.find())
        elif folder.is_dir():
            model = load_wespeaker(folder)
        else:
            model = load_wespeaker(download(self.embedding, self.hf_token))
        size = weights_size(model)
        self._make_room("embedding", size)
        return Loaded(model.to(torch.device(device)), size)

    def _load_transcriber(self, device: str) -> Loaded:
        name, token = self.whisper, self.hf_token
        folder = whisper_base(self.cache) if name == "base" else find_whisper(name, token)
        # As they lie on disk, usually 16 bit; in memory they take that or half of it.
        size = (folder / "model.bin").stat().st_size
        self._make_room("transcription", size)
        return Loaded(load_whisper(folder, device), size)
