"""The checks in their order."""

from collections.abc import Callable, Iterator
from functools import partial

from scribe_assets.errors import PermanentError, StorageUnavailableError
from scribe_assets.instance.config import check_database
from scribe_assets.launcher.ray.devices import check_cluster
from scribe_assets.local import stack
from scribe_assets.local.doctor import machine, s3
from scribe_assets.local.doctor.finding import Finding, checked, tried
from scribe_assets.local.stack import RunningStack
from scribe_assets.metrics.devices import gpus
from scribe_assets.settings import Settings
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION, whisper_base
from scribe_assets.storage.embedded import EmbeddedServer
from scribe_assets.storage.s3 import S3Storage


def examine(
    settings: Settings, begin: Callable[[str], None] = lambda _name: None
) -> Iterator[Finding]:
    """Look at everything that a run needs, one after the other.

    Args:
        settings: of the installation.
        begin: told what is looked at next; some of it takes seconds.
    """
    yield machine.versions()
    yield machine.disk(settings.home)
    yield machine.ffmpeg()
    begin("weights")
    yield tried("diarization weights", lambda: SEGMENTATION.find().name)
    yield tried("embedding weights", lambda: CAMPPLUS.find().name)
    if settings.whisper_model == "base":
        cache = settings.home / "cache" / "models"
        yield tried("whisper weights", lambda: whisper_base(cache).name)
    begin("GPU")
    cards = list(gpus())
    yield machine.gpu(cards, machine.driver_version(), settings.vram_budget_gb)
    begin("device, as torch sees it")
    yield machine.device(settings.device, machine.ask_torch(), cards)
    begin("database")
    yield tried("database", lambda: check_database(settings))
    if settings.ray_address:
        begin("Ray cluster")
        yield tried("Ray cluster", lambda: check_cluster(settings))
    running = stack.find(settings.home)
    begin("storage")
    yield from _storage(settings, running, begin)
    yield Finding("stack", "ok", f"running, {running.ui_url}" if running else "not running")
    if running and running.metrics_url:
        yield Finding("metrics", "ok", running.metrics_url)


def _storage(
    settings: Settings, running: RunningStack | None, begin: Callable[[str], None]
) -> Iterator[Finding]:
    if settings.embedded_s3 and EmbeddedServer.read(settings.home) is None:
        yield Finding("storage", "ok", "embedded; it is made by the first 'scribe up'")
        return
    if settings.embedded_s3 and running is None:
        yield Finding("storage", "ok", "embedded; it runs while 'scribe up' does")
        return
    storage = S3Storage.from_settings(settings)
    try:
        created = storage.ensure_buckets()
    except StorageUnavailableError as error:
        yield Finding("storage", "failure", str(error))
        return
    except PermanentError as error:
        yield Finding("storage", "failure", str(error))
    else:
        place = settings.endpoint_url or (running.s3_url if running else "Amazon S3")
        yield Finding("storage", "ok", f"{place}, buckets {'created' if created else 'there'}")
    begin("clock")
    clock = checked("clock", lambda: s3.clock(storage))
    yield clock
    if clock.state == "failure":  # nothing is allowed then
        return
    for bucket in (storage.uploads_bucket, storage.processed_bucket, storage.identity_bucket):
        begin(f"rights in {bucket}")
        look = partial(s3.rights_of_bucket, storage, bucket)
        yield checked(f"rights in {bucket}", look)
