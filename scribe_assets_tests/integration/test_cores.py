"""Each core computes on its own piece, and the result does not depend on how many there are."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from scribe_assets.local.demo import sample
from scribe_assets.speech.compute import cores, in_parallel, one_core_each
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.timeline import Timeline
from scribe_assets.speech.voices.samples import embed_speakers, voice_sample
from scribe_assets.speech.voices.voice import Voice

CPU = torch.device("cpu")
SEVERAL = 3


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    return ModelRegistry(cache=tmp_path_factory.mktemp("cache"), device="cpu")


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return decode(sample())


@contextmanager
def threads_seen() -> Iterator[set[int]]:
    """How many threads torch, OpenMP and MKL would take for an operator, asked before each layer of
    each network, in the thread that computes it."""
    seen: set[int] = set()

    def look(*_: Any) -> None:
        info = torch.__config__.parallel_info()
        found = re.findall(r"(?:get_num_threads|max_threads)\(\) : (\d+)", info)
        seen.update(map(int, found))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def heard(registry: ModelRegistry, waveform: np.ndarray) -> tuple[Timeline, list[Voice]]:
    with registry.diarizer() as diarizer:
        timeline = diarize(diarizer, waveform)
    with registry.embedder() as model:
        return timeline, embed_speakers(model, waveform, timeline)


@pytest.mark.models
def test_no_operator_is_shared_by_cores(
    registry: ModelRegistry, waveform: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(SEVERAL))
    with torch_threads(2), threads_seen() as seen:
        timeline, _ = heard(registry, waveform)
        with registry.embedder_on_cpu() as model:
            voice_sample(model, waveform)
        assert torch.get_num_threads() == 2, "for others it is as it was"
    assert timeline.turns
    assert seen == {1}


@pytest.mark.models
def test_the_number_of_cores_changes_no_number(
    registry: ModelRegistry, waveform: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number in (1, 2, 5):
        monkeypatch.setenv("OMP_NUM_THREADS", str(number))
        found.append(heard(registry, waveform))
    for timeline, voices in found[1:]:
        assert timeline == found[0][0]
        for one, other in zip(voices, found[0][1], strict=True):
            assert one.embedding is not None
            assert other.embedding is not None
            assert np.allclose(one.embedding, other.embedding, atol=1e-6)


@pytest.mark.models
def test_ctranslate2_takes_no_core_from_torch(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells the OpenMP that both use to take one thread, in the thread that loads a model."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = cores()
    with registry.transcriber():
        assert cores() == before
    assert cores() == before


def test_cores_are_those_that_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= cores() <= len(os.sched_getaffinity(0))
    for text, number in (("3", 3), ("4,2", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert cores() == number
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= cores() <= len(os.sched_getaffinity(0))


def _on_cores(function: Callable[[int], int], items: Iterator[int]) -> Iterator[int]:
    with one_core_each(CPU) as apply:
        yield from apply(function, items)


def _in_threads(function: Callable[[int], int], items: Iterator[int]) -> Iterator[int]:
    yield from in_parallel(SEVERAL, function, items)


@pytest.mark.parametrize("spread", [_on_cores, _in_threads])
def test_items_are_taken_when_they_are_needed(
    spread: Callable[..., Iterator[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(SEVERAL))
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = spread(lambda number: number * number, items())
    assert next(results) == 0
    assert len(taken) <= 2 * SEVERAL + 1
    assert [*results] == [number * number for number in range(1, 100)]


def test_what_fails_on_a_core_fails_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(SEVERAL))

    def fail(number: int) -> int:
        raise ValueError(f"item {number}")

    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="item 0"):
        list(_on_cores(fail, iter(range(10))))
    assert torch.get_num_threads() == before
