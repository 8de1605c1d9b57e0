"""Embeddings of stretches: the parts of a recording in which one speaker speaks alone.

pyannote.audio's pipeline embeds every local speaker of every window, so that with windows of 10 s
each second of speech passes through the network ten times and more. Here the network sees each
stretch once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np

from scribe_assets.speech.compute import one_core_each
from scribe_assets.speech.diarization.stretches import Grid
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Span, equal_parts

if TYPE_CHECKING:
    import torch
    from pyannote.audio import Model

LONGEST_SECONDS = 8.0
"""Longer stretches are cut into equal parts: memory stays bounded."""


SHORTEST_SECONDS = 0.3
"""Shorter ones say nothing about a voice."""


LENGTH_STEP = 1280
"""Stretches are shortened to a multiple of so many samples (80 ms), so that several of the same
length make a batch."""


STRETCHES_AT_ONCE = 128
"""So many are read and embedded before progress is reported."""


@dataclass(frozen=True)
class EmbeddedStretch:
    """A stretch, in frames, and its (dimension,) embedding."""

    frames: Span[int]
    embedding: np.ndarray


@dataclass(frozen=True)
class Embedded:
    """What a network makes of the sound of a stretch.

    `embedding` is (dimension,), None where the network makes none of so little. `change` is the
    time, in seconds after the start, at which the speaker changes; None where nobody else begins.
    """

    embedding: np.ndarray | None
    change: float | None = None


class StretchNetwork(Protocol):
    """A way to embed stretches of equal length by a model."""

    @property
    def model(self) -> "Model":
        """The model, to know its device and to move it."""

    def __call__(self, waveforms: "torch.Tensor", seconds: Sequence[float]) -> list[Embedded]:
        """Embed stretches.

        Args:
            waveforms: (batch, num_samples) at 16 kHz, on the device.
            seconds: (batch,) how long the stretches are, before they were shortened.
        """


class WholeStretches:
    """Any speaker embedding model of pyannote's kind; it sees no change of speaker. It computes in
    full precision: the power of sound, of which many models make their features, does not fit into
    16 bit floats.

    Args:
        model: takes (batch, 1, num_samples), gives (batch, dimension), NaN for too little sound.
    """

    def __init__(self, model: "Model"):
        self.model = model

    def __call__(self, waveforms: "torch.Tensor", seconds: Sequence[float]) -> list[Embedded]:
        """See `StretchNetwork`."""
        import torch

        del seconds
        with torch.inference_mode():
            output = self.model(waveforms[:, None]).float().cpu().numpy()
        return [Embedded(vector if np.isfinite(vector).all() else None) for vector in output]


class StretchEmbedder:
    """Reads stretches from a recording and embeds them, on a CPU one on each core.

    Args:
        network: embeds the sound.
        batch_size: stretches computed at once on a GPU. On a CPU it is one, which is twice as fast
            as a batch: the caches are small.
    """

    def __init__(self, network: StretchNetwork, batch_size: int):
        self._network = network
        self._batch_size = batch_size

    @property
    def network(self) -> "torch.nn.Module":
        """The model."""
        return self._network.model

    def to(self, device: "torch.device") -> None:
        """Move the model to a device."""
        self._network.model.to(device)

    def embed(
        self, samples: Waveform, grid: Grid, stretches: Sequence[Span[int]], progress: Progress
    ) -> list[EmbeddedStretch]:
        """Embed stretches of a recording, in parts of up to `LONGEST_SECONDS`.

        A stretch in which the network sees the speaker change is cut there, and both sides are
        embedded anew.

        Args:
            samples: (num_samples,) at 16 kHz.
            grid: of the frames.
            stretches: in frames.
            progress: called now and then, unless there is nothing to embed.

        Returns:
            The parts in order of time; those too short to be embedded are left out.
        """
        parts = [
            part for part in _cut(stretches, grid) if part.duration * grid.step >= SHORTEST_SECONDS
        ]
        embedded: list[EmbeddedStretch] = []
        for first in range(0, len(parts), STRETCHES_AT_ONCE):
            some = parts[first : first + STRETCHES_AT_ONCE]
            embedded += self._embed_some(samples, grid, some)
            progress((first + len(some)) / len(parts))
        return sorted(embedded, key=lambda one: one.frames)

    def _embed_some(
        self, samples: Waveform, grid: Grid, stretches: list[Span[int]]
    ) -> list[EmbeddedStretch]:
        """Embed stretches; those that are cut at a change of speaker come again."""

        def embed(batch: Batch) -> list[tuple[Span[int], Embedded]]:
            group, waveforms = batch
            seconds = [stretch.duration * grid.step for stretch in group]
            return list(zip(group, self._network(waveforms, seconds), strict=True))

        embedded: list[EmbeddedStretch] = []
        with one_core_each(self._network.model.device) as apply:
            while stretches:
                done = apply(embed, self._batches(samples, grid, stretches))
                stretches = []
                for stretch, seen in chain.from_iterable(done):
                    if seen.change is not None:
                        middle = stretch.start + round(seen.change / grid.step)
                        stretches.append(Span(stretch.start, middle))
                        stretches.append(Span(middle, stretch.end))
                    elif seen.embedding is not None:
                        embedded.append(EmbeddedStretch(stretch, seen.embedding))
        return embedded

    def _batches(
        self, samples: Waveform, grid: Grid, stretches: list[Span[int]]
    ) -> "Iterator[Batch]":
        """Stretches of the same length, and their sound on the device."""
        import torch

        device = self._network.model.device
        size = self._batch_size if device.type == "cuda" else 1
        by_length: dict[int, list[Span[int]]] = {}
        for stretch in stretches:
            length = round(stretch.duration * grid.step * SAMPLE_RATE)
            by_length.setdefault(length // LENGTH_STEP * LENGTH_STEP, []).append(stretch)
        # The longest first: at the end, no core waits long for another one.
        for length, group in sorted(by_length.items(), reverse=True):
            for first in range(0, len(group), size):
                batch = group[first : first + size]
                starts = [round(grid.seconds(stretch.start) * SAMPLE_RATE) for stretch in batch]
                parts = [samples[start : start + length] for start in starts]
                stacked = np.stack([np.pad(part, (0, length - len(part))) for part in parts])
                yield batch, torch.from_numpy(stacked).to(device)


Batch = tuple[list[Span[int]], "torch.Tensor"]
"""Stretches of the same length, and their (batch, num_samples) sound."""


def _cut(stretches: Sequence[Span[int]], grid: Grid) -> Iterator[Span[int]]:
    """Stretches in equal parts of up to `LONGEST_SECONDS`."""
    for stretch in stretches:
        number = math.ceil(stretch.duration * grid.step / LONGEST_SECONDS)
        yield from equal_parts(stretch, number)
