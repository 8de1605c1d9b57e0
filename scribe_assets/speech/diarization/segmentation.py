"""Who of a few local speakers is active in each window of a recording, read as a stream.

pyannote.audio's own sliding inference wants the whole recording in memory. Here each batch of
windows is read from the file when it is its turn, so that memory does not grow with the recording.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scribe_assets.speech.compute import half_precision_on_gpu, one_core_each
from scribe_assets.speech.diarization.stretches import Grid
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress

if TYPE_CHECKING:
    import torch
    from pyannote.audio import Inference

CPU_BATCH_SIZE = 4
"""Windows that a core of a CPU computes at once, at most: more do not fit its caches."""


class WindowSegmentation:
    """A segmentation model on overlapping windows.

    Args:
        inference: pyannote's, for its model and its device, the duration and the step of windows
            (seconds), and the batch size on a GPU; its own sliding is not used.
    """

    def __init__(self, inference: "Inference"):
        self._inference = inference

    @property
    def device(self) -> "torch.device":
        """Where the model is."""
        device: torch.device = self._inference.device
        return device

    @property
    def network(self) -> "torch.nn.Module":
        """The model."""
        network: torch.nn.Module = self._inference.model
        return network

    def to(self, device: "torch.device") -> None:
        """Move the model to a device."""
        self._inference.to(device)

    def grid(self, num_frames: int) -> Grid:
        """Where the frames of the windows lie in time.

        Args:
            num_frames: of a window.
        """
        field = self._inference.model.receptive_field
        return Grid(
            step=field.step,
            first=field.duration / 2,
            hop=self._inference.step,
            num_frames=num_frames,
        )

    def windows(self, samples: Waveform, progress: Progress) -> np.ndarray:
        """Local speakers in each window.

        Args:
            samples: (num_samples,) at 16 kHz.
            progress: called after each batch.

        Returns:
            (num_windows, num_frames, num_local): uint8, 0 or 1, where the model decides between
            active and not active (powerset models); else float32 probabilities.
        """
        inference: Any = self._inference
        window = round(inference.duration * SAMPLE_RATE)
        hop = round(inference.step * SAMPLE_RATE)
        exact = np.uint8 if inference.model.specifications.powerset else np.float32
        total = 1 + max(0, math.ceil((len(samples) - window) / hop))
        if inference.device.type == "cuda":
            edges = [*range(0, total, inference.batch_size), total]
        else:
            edges = _equal_parts(total)

        def batches() -> "Iterator[torch.Tensor]":
            import torch

            for first, last in pairwise(edges):
                part = samples[first * hop : (last - 1) * hop + window]
                missing = (last - 1 - first) * hop + window - len(part)
                part = np.pad(part, (0, missing))  # silence after the end
                yield torch.from_numpy(part).unfold(0, window, hop)[:, None]

        def infer(chunks: "torch.Tensor") -> np.ndarray:
            with half_precision_on_gpu(inference.device):
                found: np.ndarray = inference.infer(chunks)
            return found.astype(exact)

        computed: list[np.ndarray] = []
        done = 0
        with one_core_each(inference.device) as apply:
            for active in apply(infer, batches()):
                computed.append(active)
                done += len(active)
                progress(done / total)
        return np.concatenate(computed)


def _equal_parts(total: int) -> list[int]:
    """The edges of batches of windows that take equally long, of an even number of them, so that
    two cores are done with half a minute of sound at the same time. How many cores there are makes
    no difference: it would make one to the last digits of the results.

    >>> _equal_parts(11)
    [0, 3, 6, 8, 11]
    >>> _equal_parts(1)
    [0, 1]
    """
    number = min(total, 2 * math.ceil(total / (2 * CPU_BATCH_SIZE)))
    return [int(edge) for edge in np.linspace(0, total, number + 1).round()]
