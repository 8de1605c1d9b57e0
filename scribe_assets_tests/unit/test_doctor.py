"""What `scribe doctor` says of machines that are not at hand: with GPUs, with other drivers."""

import pytest

from scribe_assets.errors import StorageUnavailableError
from scribe_assets.local.doctor import machine
from scribe_assets.local.doctor.finding import Finding, checked
from scribe_assets.local.doctor.machine import GIB, Torch
from scribe_assets.metrics.devices import Gpu

CARD = Gpu("0", "NVIDIA L4", 0, 22 * GIB, 0.0)
WITH_CUDA = Torch("2.10.0+cu128", "12.8", ["NVIDIA L4"])
BLIND = Torch("2.10.0+cu128", "12.8", [])
CPU_BUILD = Torch("2.10.0+cpu", None, [])


@pytest.mark.parametrize(
    ("wanted", "torch", "cards", "state", "words"),
    [
        ("auto", WITH_CUDA, [CARD], "ok", "NVIDIA L4; torch 2.10.0+cu128, CUDA 12.8"),
        ("auto", CPU_BUILD, [], "ok", "without CUDA"),
        ("auto", CPU_BUILD, [CARD], "warning", "install a torch with CUDA"),
        ("auto", BLIND, [CARD], "warning", "update the driver"),
        ("cpu", WITH_CUDA, [CARD], "ok", "cpu,"),
        ("cuda", BLIND, [], "failure", "torch can use 0 GPUs"),
        ("cuda:1", WITH_CUDA, [CARD], "failure", "SCRIBE_DEVICE is cuda:1"),
        ("auto", "torch cannot be imported", [], "failure", "cannot be imported"),
    ],
)
def test_the_device(
    wanted: str, torch: Torch | str, cards: list[Gpu], state: str, words: str
) -> None:
    found = machine.device(wanted, torch, cards)
    assert found.state == state
    assert words in found.text


@pytest.mark.parametrize(
    ("cards", "driver", "budget", "state", "words"),
    [
        ([CARD], "580.65", 8.0, "ok", "NVIDIA L4 with 22 GiB; driver 580.65"),
        ([CARD], "580.65", 40.0, "warning", "SCRIBE_VRAM_BUDGET_GB, now 40, to less than 23.6"),
        ([], "580.65", 8.0, "warning", "no GPU that it shows"),
        ([], None, 8.0, "ok", "none with NVIDIA's driver"),
    ],
)
def test_the_gpu(
    cards: list[Gpu], driver: str | None, budget: float, state: str, words: str
) -> None:
    found = machine.gpu(cards, driver, budget)
    assert found.state == state
    assert words in found.text


def test_a_fault_is_a_finding() -> None:
    def away() -> Finding:
        raise StorageUnavailableError("S3 does not answer")

    assert checked("clock", away) == Finding("clock", "failure", "S3 does not answer")
