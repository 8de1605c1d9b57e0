"""The budget on a GPU, as torch and the driver measure it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scribe_assets.speech.conversion import decode
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers

pytestmark = pytest.mark.models

SMALL_GB, USUAL_GB = 1.69, 8.0
OWN_BYTES = 700_000_000
"""What a CUDA context and its libraries take before any model is loaded."""


@pytest.fixture
def used() -> Iterator["GpuMemory"]:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU that torch can use")
    with GpuMemory() as memory:
        yield memory


class GpuMemory:
    """Bytes of the first GPU that are in use, sampled by NVML in a thread: CTranslate2 allocates
    beside torch, which sees only its own."""

    def __enter__(self) -> "GpuMemory":
        import threading

        import pynvml
        import torch

        pynvml.nvmlInit()
        self._device = pynvml.nvmlDeviceGetHandleByIndex(0)
        self._before = pynvml.nvmlDeviceGetMemoryInfo(self._device).used
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        torch.cuda.reset_peak_memory_stats()
        return self

    def _sample(self) -> None:
        import pynvml

        while not self._done.wait(0.01):
            now = pynvml.nvmlDeviceGetMemoryInfo(self._device).used - self._before
            self.peak = max(self.peak, now)

    def __exit__(self, *_: object) -> None:
        import pynvml

        self._done.set()
        self._thread.join()
        pynvml.nvmlShutdown()


@pytest.mark.parametrize(
    ("budget", "loads"),
    [
        # Transcription counts with 3 GB beside its weights: everything else has to go for it, and
        # is loaded again in the second round, for which it may stay itself.
        (SMALL_GB, {"diarization": 2, "embedding": 2, "transcription": 1}),
        (USUAL_GB, {"diarization": 1, "embedding": 1, "transcription": 1}),
    ],
)
def test_the_peak_stays_under_the_budget(
    used: GpuMemory, sample_recording: Path, tmp_path: Path, budget: float, loads: dict[str, int]
) -> None:
    import torch

    registry = ModelRegistry(cache=tmp_path, device="cuda:0", budget_gb=budget)
    waveform = decode(sample_recording)
    for _ in range(2):
        with registry.diarizer() as pipeline:
            timeline = diarize(pipeline, waveform)
        with registry.embedder() as model:
            embed_speakers(model, waveform, timeline)
        with registry.transcriber() as whisper:
            assert transcribe(whisper, waveform).segments
    assert torch.cuda.max_memory_allocated() < budget * 1e9
    assert used.peak < budget * 1e9 + OWN_BYTES
    assert registry.loads == loads
    for stage in registry.loaded:
        registry.release(stage)
    assert torch.cuda.memory_allocated() < 50_000_000
