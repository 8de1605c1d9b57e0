"""Speaker diarization that looks at all of a recording once, and never holds all of it in memory.

pyannote.audio's pipeline embeds every local speaker of every window, so that with windows of 10 s
each second of speech passes through the embedding network ten times and more. Here the network sees
each stretch with one speaker once (`scribe_assets.speech.stretches`).

Like `networks`, imported inside functions: it defines subclasses of pyannote's classes."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.audio.pipelines.speaker_diarization import DiarizeOutput
from pyannote.audio.pipelines.utils.diarization import set_num_speakers
from pyannote.core import Annotation, Segment, SlidingWindow, SlidingWindowFeature
from pyannote.pipeline import Pipeline
from pyannote.pipeline.parameter import Uniform

from scribe_assets.speech.diarization.clustering import voices
from scribe_assets.speech.diarization.stretches import (
    Grid,
    active_spans,
    speaker_count,
    stretches,
    strongest,
    votes,
)
from scribe_assets.speech.media import SAMPLE_RATE, AudioFile
from scribe_assets.speech.timeline import Span
from scribe_assets.speech.voices.networks import WeSpeakerEmbedding

LONGEST_SECONDS = 8.0
"""Longer stretches are cut into equal pieces: memory stays bounded."""


SHORTEST_SECONDS = 0.3
"""Shorter ones say nothing about a voice."""


QUANTUM = 1280
"""Samples to which pieces are shortened, so that several of the same length make a batch."""


BLOCK = 128
"""Stretches looked at together."""


Hook = Callable[..., None]


Batch = tuple[list[Span[int]], torch.Tensor]


@dataclass(frozen=True)
class Piece:
    """A stretch, or a part of one, with its voice: (dimension,)."""

    stretch: Span[int]
    embedding: np.ndarray


class OnePassDiarization(SpeakerDiarization):
    """pyannote's pipeline with its parameters, hooks, clustering and results, at a fraction of the
    work: segmentation is streamed, and the embedding of a local speaker is the mean of the
    embeddings of the stretches it speaks in, weighted by time.

    It takes files like any pyannote pipeline; given as a path, audio is read as it is needed.
    """

    def get_segmentations(self, file: Any, hook: Hook | None = None) -> SlidingWindowFeature:
        """Local speakers in each window.

        Returns:
            (num_windows, num_frames, num_local), uint8 where the model tells active from not.
        """
        inference: Any = self._segmentation
        window = round(inference.duration * SAMPLE_RATE)
        hop = round(inference.step * SAMPLE_RATE)
        # Eight windows fill the caches of a CPU.
        batch = inference.batch_size if inference.device.type == "cuda" else 8
        exact = np.uint8 if inference.model.specifications.powerset else np.float32
        found: list[np.ndarray] = []
        with sound(file) as samples, self._precision():
            total = 1 + max(0, math.ceil((len(samples) - window) / hop))
            for first in range(0, total, batch):
                last = min(first + batch, total)
                part = samples[first * hop : (last - 1) * hop + window]
                missing = (last - 1 - first) * hop + window - len(part)
                part = np.pad(part, (0, missing))  # silence after the end
                chunks = torch.from_numpy(part).unfold(0, window, hop)[:, None]
                found.append(inference.infer(chunks).astype(exact))
                if hook is not None:
                    hook("segmentation", None, total=total, completed=last)
        frames = SlidingWindow(start=0.0, duration=inference.duration, step=inference.step)
        return SlidingWindowFeature(np.concatenate(found), frames)

    def get_embeddings(
        self,
        file: Any,
        binary_segmentations: SlidingWindowFeature,
        exclude_overlap: bool = False,
        hook: Hook | None = None,
    ) -> np.ndarray:
        """Embed the local speakers of all windows.

        Args:
            file: as in pyannote.
            binary_segmentations: (num_windows, num_frames, num_local).
            exclude_overlap: has no meaning here: overlapped speech is never embedded.
            hook: progress.

        Returns:
            (num_windows, num_local, dimension); NaN for one who never speaks alone.
        """
        del exclude_overlap
        grid = self.grid(binary_segmentations)
        segmentation = np.nan_to_num(binary_segmentations.data).astype(np.uint8)
        count = speaker_count(grid, segmentation)
        with sound(file) as samples:
            pieces = self.pieces(samples, grid, stretches(grid, segmentation, count), hook)
        which = np.full(len(count), -1)
        for number, piece in enumerate(pieces):
            which[piece.stretch.slice] = number
        shape = (*segmentation.shape[::2], self._embedding.dimension)
        embeddings = np.full(shape, np.nan, np.float32)
        for index, (frames, window) in enumerate(grid.windows(segmentation)):
            for local in range(window.shape[1]):
                mine = which[frames][(window[:, local] > 0) & (which[frames] >= 0)]
                if len(mine):
                    numbers, weights = np.unique(mine, return_counts=True)
                    stacked = np.stack([pieces[number].embedding for number in numbers])
                    embeddings[index, local] = weights @ stacked / weights.sum()
        return embeddings

    def reconstruct(
        self,
        segmentations: SlidingWindowFeature,
        hard_clusters: np.ndarray,
        count: SlidingWindowFeature,
    ) -> SlidingWindowFeature:
        """Who is active in each frame, as pyannote decides it, without an array of all windows."""
        grid = self.grid(segmentations)
        total = max(int(hard_clusters.max()) + 1, int(count.data.max()))
        activity = votes(grid, segmentations.data, hard_clusters, total)
        activity += np.finfo(np.float32).tiny  # as many as pyannote counts, whoever they are
        number = min(len(activity), len(count.data))
        chosen = strongest(activity[:number], count.data[:number, 0])
        return SlidingWindowFeature(chosen.astype(np.float32), count.sliding_window)

    def grid(self, segmentations: SlidingWindowFeature) -> Grid:
        """Where the frames of a segmentation lie in time."""
        field = self._segmentation.model.receptive_field
        return Grid(
            step=field.step,
            first=field.duration / 2,
            hop=segmentations.sliding_window.step,
            num_frames=segmentations.data.shape[1],
        )

    def pieces(
        self,
        samples: "np.ndarray | AudioFile",
        grid: Grid,
        found: list[Span[int]],
        hook: Hook | None = None,
    ) -> list[Piece]:
        """Embed stretches of a recording, in pieces of up to `LONGEST_SECONDS`.

        Args:
            samples: (num_samples,) at 16 kHz.
            grid: of the stretches.
            found: see `stretches`.
            hook: progress.

        Returns:
            In order of time; those too short to be embedded are left out.
        """
        cut: list[Span[int]] = []
        for stretch in found:
            number = math.ceil(stretch.duration * grid.step / LONGEST_SECONDS)
            edges = np.linspace(stretch.start, stretch.end, number + 1).round().astype(int).tolist()
            cut += [Span(a, b) for a, b in pairwise(edges)]
        long_enough = [one for one in cut if one.duration * grid.step >= SHORTEST_SECONDS]
        embedded: list[Piece] = []
        for first in range(0, len(long_enough), BLOCK):
            block = long_enough[first : first + BLOCK]
            embedded += self._embed_block(samples, grid, block)
            if hook is not None:
                total = len(long_enough)
                hook("embeddings", None, total=total, completed=min(first + BLOCK, total))
        return sorted(embedded, key=lambda piece: piece.stretch)

    def _embed_block(
        self, samples: "np.ndarray | AudioFile", grid: Grid, block: list[Span[int]]
    ) -> list[Piece]:
        def embed(batch: Batch) -> list[Piece]:
            group, waveforms = batch
            with torch.inference_mode(), self._precision():
                output = self._embedding.model_(waveforms[:, None]).float().cpu().numpy()
            pairs = zip(group, output, strict=True)
            return [Piece(stretch, one) for stretch, one in pairs if np.isfinite(one).all()]

        with one_core_each(self._embedding.device) as apply:
            return list(chain.from_iterable(apply(embed, self._batches(samples, grid, block))))

    def _batches(
        self, samples: "np.ndarray | AudioFile", grid: Grid, block: list[Span[int]]
    ) -> Iterator[Batch]:
        """Stretches of the same length and their sound, (batch, num_samples) on the device."""
        # On a CPU the caches are small: one at a time is twice as fast as a batch.
        size = self.embedding_batch_size if self._embedding.device.type == "cuda" else 1
        by_length: dict[int, list[Span[int]]] = {}
        for stretch in block:
            length = round(stretch.duration * grid.step * SAMPLE_RATE) // QUANTUM * QUANTUM
            by_length.setdefault(length, []).append(stretch)
        for length, group in by_length.items():
            for first in range(0, len(group), size):
                batch = group[first : first + size]
                starts = [round(grid.seconds(one.start) * SAMPLE_RATE) for one in batch]
                parts = [samples[start : start + length] for start in starts]
                stacked = np.stack([np.pad(part, (0, length - len(part))) for part in parts])
                yield batch, torch.from_numpy(stacked).to(self._embedding.device)

    def _precision(self) -> AbstractContextManager[Any]:
        """Half precision where that is faster and as good: on a GPU."""
        if self._segmentation.device.type == "cuda":
            return torch.autocast("cuda", torch.float16)
        return nullcontext()

    def annotation(self, grid: Grid, active: np.ndarray, uri: str, end: float) -> Annotation:
        """(num_frames, num_speakers) of active speakers as turns labelled by their column."""
        gap = self.segmentation.min_duration_off
        result = Annotation(uri=uri)
        for speaker in range(active.shape[1]):
            for number, run in enumerate(active_spans(active[:, speaker])):
                turn = Segment(grid.seconds(run.start), min(grid.seconds(run.end), end))
                if turn:
                    result[turn, f"{speaker}-{number}"] = speaker
        return result.support(gap) if gap > 0 else result


class TurnClustering(Pipeline):
    """Parameters of `TurnDiarization`.

    `threshold` is the cosine distance up to which voices are one; `min_seconds` the speech that
    makes a voice; `change` the cosine similarity of the two sides of a stretch below which the
    speaker has changed unnoticed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threshold = Uniform(0.0, 1.0)
        self.min_seconds = Uniform(0.0, 10.0)
        self.change = Uniform(-1.0, 1.0)


class TurnDiarization(OnePassDiarization):
    """Diarization by stretches: they, not local speakers of windows, are clustered, and each goes
    to the voice it is most like. Windows decide where several speak at once, and on what is too
    short to have a voice. See docs/decisions/0003-diarization.md.

    Args:
        segmentation: a pyannote powerset segmentation model.
        embedding: CAM++.
        options: of pyannote's `SpeakerDiarization`.
    """

    VOICE_SECONDS = 1.0
    """A stretch of less goes partly by what the windows say of it, and founds no voice."""

    LEAST_SHARE = 0.08
    """Of the speech of a recording, where that is less than `min_seconds`."""

    SIDE_SECONDS = 1.0
    HOP_SECONDS = 0.2
    """Where a stretch is tried for a change of speaker: every hop, with so much on either side."""

    def __init__(self, segmentation: Any, embedding: WeSpeakerEmbedding, **options: Any):
        super().__init__(
            segmentation=segmentation,
            embedding=embedding,
            clustering="AgglomerativeClustering",
            **options,
        )
        self.clustering = TurnClustering()

    def apply(  # type: ignore[override]
        self,
        file: Mapping[str, Any],
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        hook: Hook | None = None,
    ) -> DiarizeOutput:
        """See pyannote's `SpeakerDiarization.apply`."""
        hook = self.setup_hook(file, hook=hook)
        _, fewest, most = set_num_speakers(num_speakers, min_speakers, max_speakers)
        segmentations = self.get_segmentations(file, hook=hook)
        hook("segmentation", segmentations)
        grid, segmentation = self.grid(segmentations), segmentations.data
        count = speaker_count(grid, segmentation)
        with sound(file) as samples:
            end = len(samples) / SAMPLE_RATE
            pieces = self.pieces(samples, grid, stretches(grid, segmentation, count), hook)
        count = np.minimum(count, most).astype(np.int8)
        if not count.any():
            nobody = np.zeros((0, self._embedding.dimension))
            return DiarizeOutput(Annotation(uri=file["uri"]), Annotation(uri=file["uri"]), nobody)
        centroids, activity = self._activity(grid, segmentation, count, pieces, fewest, most)
        results = [
            self.annotation(grid, strongest(activity, number), file["uri"], end)
            for number in (count, np.minimum(count, 1))
        ]
        speakers = results[0].labels()
        names = {speaker: f"SPEAKER_{number:02d}" for number, speaker in enumerate(speakers)}
        extra = activity.shape[1] - len(centroids)
        overlapping, exclusive = (result.rename_labels(names) for result in results)
        vectors = np.pad(centroids, ((0, extra), (0, 0)))[speakers]
        return DiarizeOutput(overlapping, exclusive, vectors)

    def _activity(
        self,
        grid: Grid,
        segmentation: np.ndarray,
        count: np.ndarray,
        pieces: list[Piece],
        fewest: int,
        most: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(num_speakers, dimension) centroids and (num_frames, num_speakers) activity, with as many
        speakers as are active at once, even if some of them never speak alone."""
        if not pieces:
            who = np.where(segmentation.any(axis=1), np.arange(segmentation.shape[2]), -1)
            who = np.minimum(who, int(count.max()) - 1)
            activity = votes(grid, segmentation, who, int(count.max()))
            return np.zeros((0, self._embedding.dimension)), activity
        vectors = np.stack([piece.embedding for piece in pieces])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        seconds = np.array([piece.stretch.duration for piece in pieces]) * grid.step
        centroids = voices(
            vectors,
            seconds,
            threshold=self.clustering.threshold,
            # In a short recording everybody speaks less.
            min_seconds=min(self.clustering.min_seconds, self.LEAST_SHARE * float(seconds.sum())),
            long_enough=self.VOICE_SECONDS,
            fewest=fewest,
            most=most,
        )
        similar = np.zeros((len(count), len(centroids)), np.float32)
        trust = np.zeros(len(count), np.float32)
        for piece, scores, length in zip(pieces, vectors @ centroids.T, seconds, strict=True):
            similar[piece.stretch.slice] = scores
            trust[piece.stretch.slice] = min(1.0, length / self.VOICE_SECONDS)
        who = local_speakers(grid, segmentation, similar, trust > 0)
        total = max(len(centroids), int(count.max()))
        activity = votes(grid, segmentation, who, total)
        windows = np.maximum(votes(grid, np.ones_like(segmentation), np.zeros_like(who), 1), 1)
        activity /= windows
        alone = (count == 1) & (trust > 0)
        doubt = 1 - trust[alone, None]
        activity[alone] *= doubt
        activity[alone, : len(centroids)] += similar[alone] + 1
        # Who speaks only over others has no voice here, and comes last.
        activity[:, len(centroids) :] = np.finfo(np.float32).tiny
        return centroids, activity

    def _embed_block(
        self, samples: "np.ndarray | AudioFile", grid: Grid, block: list[Span[int]]
    ) -> list[Piece]:
        """Embed stretches; one in which the voice changes is parted there and looked at anew."""

        def embed(batch: Batch) -> list[tuple[Piece, float | None]]:
            group, waveforms = batch
            with torch.inference_mode():
                with self._precision():
                    frames = self._embedding.model_.frames(waveforms)
                pairs = zip(group, frames.float(), strict=True)
                pooled = [(one, *self._pool(own, one.duration * grid.step)) for one, own in pairs]
            return [(Piece(stretch, vector), at) for stretch, vector, at in pooled]

        embedded: list[Piece] = []
        with one_core_each(self._embedding.device) as apply:
            while block:
                looked_at = apply(embed, self._batches(samples, grid, block))
                block = []
                for piece, at in chain.from_iterable(looked_at):
                    if at is None:
                        embedded.append(piece)
                    else:
                        stretch = piece.stretch
                        middle = stretch.start + round(at / grid.step)
                        block.append(Span(stretch.start, middle))
                        block.append(Span(middle, stretch.end))
        return embedded

    def _pool(self, frames: torch.Tensor, seconds: float) -> tuple[np.ndarray, float | None]:
        """Embedding of a stretch, and the seconds after its start where its voice changes, None
        where it doesn't."""
        per_second = len(frames) / seconds
        side, hop = round(self.SIDE_SECONDS * per_second), round(self.HOP_SECONDS * per_second)
        places = range(side, len(frames) - side + 1, hop)
        tried = torch.tensor(places, dtype=torch.long, device=frames.device)
        sums, squares = frames.double().cumsum(0), frames.double().square().cumsum(0)
        whole = torch.tensor([len(frames)], device=frames.device)
        ends = torch.cat([whole, tried]) - 1
        before = [sums[ends], squares[ends], (ends + 1)[:, None]]
        after = [part[:1] - part[1:] for part in before]
        stacked = [torch.cat(parts) for parts in zip(before, after, strict=True)]
        vectors = self._embedding.model_.pool(*stacked)
        embedding: np.ndarray = vectors[0].cpu().numpy()
        if len(tried) == 0:
            return embedding, None
        left, right = vectors[1 : len(tried) + 1], vectors[len(tried) + 1 :]
        similarity = torch.cosine_similarity(left, right)
        lowest = int(similarity.argmin())
        changes = float(similarity[lowest]) < self.clustering.change
        return embedding, float(tried[lowest]) / per_second if changes else None


def local_speakers(
    grid: Grid, segmentation: np.ndarray, similar: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Which voice each local speaker of each window has: no two the same, and such that they are
    most alike (Kuhn 1955, the Hungarian method).

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local).
        similar: (num_frames, num_voices), how like each voice the one speaker of a frame is.
        known: (num_frames,), whether that is known.

    Returns:
        (num_windows, num_local), -1 for who is not active, or like nobody who is left.
    """
    from scipy.optimize import linear_sum_assignment

    number = similar.shape[1]
    who = np.full((len(segmentation), segmentation.shape[2]), -1)
    for index, (frames, window) in enumerate(grid.windows(segmentation)):
        active = np.flatnonzero(window.any(axis=0))
        single = (window.sum(axis=1) == 1) & known[frames]
        scores = np.zeros((len(active), number))
        for row, local in enumerate(active):
            mine = single & (window[:, local] > 0)
            if mine.any():
                scores[row] = similar[frames][mine].mean(axis=0)
        rows, columns = linear_sum_assignment(scores, maximize=True)
        who[index, active[rows]] = columns
    return who


@contextmanager
def one_core_each(device: torch.device) -> Iterator[Callable[..., Iterable[Any]]]:
    """A `map` that computes several items at a time, each on a core of its own; on a GPU the plain
    one.

    A piece of speech is too little work to be shared: two pieces on a core each take 0.6 of the
    time that they take one after the other on both.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield map
        return
    try:
        with ThreadPoolExecutor(threads, "core", torch.set_num_threads, (1,)) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)


def sound(file: Mapping[str, Any]) -> "AbstractContextManager[np.ndarray | AudioFile]":
    """The samples of a file as pyannote describes one, (num_samples,) at 16 kHz."""
    if "waveform" not in file:
        return AudioFile(file["audio"])
    waveform = file["waveform"]
    if file["sample_rate"] != SAMPLE_RATE or waveform.shape[0] != 1:
        raise ValueError(
            f"expected {SAMPLE_RATE} Hz mono, got {file['sample_rate']} Hz with "
            f"{waveform.shape[0]} channels"
        )
    return nullcontext(waveform[0].numpy())
