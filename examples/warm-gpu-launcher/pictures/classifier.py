"""A model that takes a while to load and little time to use, as models do. It needs numpy alone.

What is remembered in a module stays as long as its process. A `ConfigurableResource` would not:
Dagster makes a new one for each run.
"""

import time
from functools import cache
from typing import ClassVar

import numpy as np

Picture = np.ndarray
"""(SIZE, SIZE), from 0 (white) to 1 (black)."""

SIZE = 32
LOADING_SECONDS = 2.0


def draw(shape: str) -> Picture:
    """A picture of a disc, a square or a cross."""
    across, down = np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 2)
    inside = {
        "disc": across**2 + down**2 < 0.5,
        "square": np.maximum(abs(across), abs(down)) < 0.6,
        "cross": np.minimum(abs(across), abs(down)) < 0.2,
    }
    return inside[shape].astype(np.float32)


class Classifier:
    """Says which shape a picture shows.

    Args:
        device: where it computes. With torch, the weights would go there: `weights.to(device)`.
    """

    SHAPES = ("disc", "square", "cross")
    loaded: ClassVar[int] = 0
    """How often this process has loaded it."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._weights = np.stack([draw(shape).ravel() for shape in self.SHAPES])
        self._weights -= self._weights.mean(axis=1, keepdims=True)
        self._weights /= np.linalg.norm(self._weights, axis=1, keepdims=True)
        time.sleep(LOADING_SECONDS)  # stands for gigabytes that are read
        Classifier.loaded += 1

    def classify(self, picture: Picture) -> str:
        """The shape that correlates best with a picture."""
        return self.SHAPES[int(np.argmax(self._weights @ picture.ravel()))]


@cache
def classifier(device: str) -> Classifier:
    """The classifier of a device, loaded when it is first asked for."""
    return Classifier(device)
