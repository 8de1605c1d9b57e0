"""The simulation of many GPUs: its speed is that of what is scarce."""

import pytest

from benchmarks.scale import Costs, Simulation


@pytest.mark.parametrize(
    ("gpus", "cores", "costs", "limit"),
    [
        (2, 8, Costs(0.01, 0.02, 0.0), 2 * 50),  # the devices: 50 times real time each
        (8, 2, Costs(0.1, 1.9, 0.01), 2 * 100 / (0.1 + 1.9 + 1)),  # the cores
        (8, 64, Costs(2.0, 0.1, 0.0), 100 / 2.0),  # the daemon
    ],
)
def test_the_scarce_thing_decides(gpus: int, cores: int, costs: Costs, limit: float) -> None:
    found = Simulation(gpus, cores, costs, length=100.0, speed=50.0).run()
    assert found.speed == pytest.approx(limit, rel=0.05)
