"""What may be wrong with an installation, and what to do about it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scribe_assets.errors import PermanentError, StorageUnavailableError
from scribe_assets.instance.config import check_database
from scribe_assets.launcher.ray.devices import check_cluster
from scribe_assets.local import stack
from scribe_assets.settings import Settings
from scribe_assets.speech.compute import cores
from scribe_assets.speech.engine.devices import resolve_device
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION, whisper_base
from scribe_assets.speech.media import ffmpeg_binary
from scribe_assets.storage.embedded import EmbeddedServer
from scribe_assets.storage.s3 import S3Storage

MIN_FREE_BYTES = 5 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of what `examine` finds; `text` says what to do where it is not good."""

    name: str
    good: bool
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a run needs, one after the other."""
    home = settings.home
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    yield Finding("home", free > MIN_FREE_BYTES, f"{home}, {free / 1024**3:.0f} GiB free")
    version = subprocess.run([ffmpeg_binary(), "-version"], capture_output=True, text=True)
    yield Finding("ffmpeg", version.returncode == 0, version.stdout.partition("\n")[0])
    yield _try("diarization weights", lambda: str(SEGMENTATION.find().name))
    yield _try("embedding weights", lambda: str(CAMPPLUS.find().name))
    if settings.whisper_model == "base":
        cache = home / "cache" / "models"
        yield _try("whisper weights", lambda: whisper_base(cache).name)
    yield _try("device", lambda: _describe(resolve_device(settings.device)))
    yield _try("database", lambda: check_database(settings))
    if settings.ray_address:
        yield _try("ray", lambda: check_cluster(settings))
    running = stack.find(home)
    if settings.embedded_s3 and EmbeddedServer.read(home) is None:
        yield Finding("storage", True, "embedded; it is made by the first 'scribe up'")
    elif settings.embedded_s3 and running is None:
        yield Finding("storage", True, "embedded; it runs while 'scribe up' does")
    else:
        storage = S3Storage.from_settings(settings)

        def buckets() -> str:
            created = storage.ensure_buckets()
            place = settings.endpoint_url or (running.s3_url if running else "Amazon S3")
            return f"{place}, buckets {'created' if created else 'there'}"

        yield _try("storage", buckets)
    yield Finding("stack", True, f"running, {running.ui_url}" if running else "not running")


def _describe(device: str) -> str:
    if device == "cpu":
        return f"cpu, {cores()} cores"
    import torch

    facts = torch.cuda.get_device_properties(device)
    return f"{device}, {facts.name}, {facts.total_memory / 1024**3:.0f} GiB"


def _try(name: str, look: Callable[[], str]) -> Finding:
    """What a look finds, or the sentence of the error that it raises."""
    try:
        return Finding(name, True, look())
    except (PermanentError, StorageUnavailableError) as error:
        return Finding(name, False, str(error))
