"""pyannote.audio's own diarization pipelines, run in one pass over the recording.

Imported inside functions only: it defines a subclass of pyannote's pipeline, and so imports torch
and pyannote at its top.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import Annotation, SlidingWindow, SlidingWindowFeature

from scribe_assets.speech.diarization.embedding import StretchEmbedder, WholeStretches
from scribe_assets.speech.diarization.pyannote_internals import embedding_of, segmentation_of
from scribe_assets.speech.diarization.segmentation import WindowSegmentation
from scribe_assets.speech.diarization.stretches import (
    Grid,
    speaker_count,
    stretches,
    strongest,
    votes,
)
from scribe_assets.speech.media import SAMPLE_RATE, AudioFile, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Timeline, Turn

Hook = Callable[..., None]
"""How pyannote reports: with the name of a step, its result, and `completed` of `total`."""


STEPS = {"segmentation": (0.0, 0.5), "embeddings": (0.5, 1.0)}
"""From where to where each step takes the progress of the whole."""


class OnePassPipeline(SpeakerDiarization):
    """pyannote's pipeline with its parameters, hooks, clustering and results, at a fraction of the
    work: segmentation is streamed, and the embedding of a local speaker is the mean of the
    embeddings of the stretches in which it speaks, weighted by time.

    It takes files like any pyannote pipeline; given as a path, audio is read as it is needed. It is
    a subclass because pyannote's `apply` calls these three methods on the pipeline itself.
    """

    def get_segmentations(self, file: Any, hook: Hook | None = None) -> SlidingWindowFeature:
        """Local speakers in each window.

        Returns:
            (num_windows, num_frames, num_local), see `WindowSegmentation.windows`.
        """
        inference = segmentation_of(self)
        with sound(file) as samples:
            windows = WindowSegmentation(inference).windows(samples, _report("segmentation", hook))
        frames = SlidingWindow(start=0.0, duration=inference.duration, step=inference.step)
        return SlidingWindowFeature(windows, frames)

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
        grid = self._grid(binary_segmentations)
        segmentation = np.nan_to_num(binary_segmentations.data).astype(np.uint8)
        count = speaker_count(grid, segmentation)
        embedder = StretchEmbedder(WholeStretches(embedding_of(self)), self.embedding_batch_size)
        with sound(file) as samples:
            embedded = embedder.embed(
                samples,
                grid,
                stretches(grid, segmentation, count),
                _report("embeddings", hook),
            )
        which = np.full(len(count), -1)
        for number, stretch in enumerate(embedded):
            which[stretch.frames.slice] = number
        shape = (*segmentation.shape[::2], embedding_of(self).dimension)
        embeddings = np.full(shape, np.nan, np.float32)
        for index, (frames, window) in enumerate(grid.windows(segmentation)):
            for local in range(window.shape[1]):
                mine = which[frames][(window[:, local] > 0) & (which[frames] >= 0)]
                if len(mine):
                    numbers, weights = np.unique(mine, return_counts=True)
                    stacked = np.stack([embedded[number].embedding for number in numbers])
                    embeddings[index, local] = weights @ stacked / weights.sum()
        return embeddings

    def reconstruct(
        self,
        segmentations: SlidingWindowFeature,
        hard_clusters: np.ndarray,
        count: SlidingWindowFeature,
    ) -> SlidingWindowFeature:
        """Who is active in each frame, as pyannote decides it, without an array of all windows."""
        grid = self._grid(segmentations)
        total = max(int(hard_clusters.max()) + 1, int(count.data.max()))
        activity = votes(grid, segmentations.data, hard_clusters, total)
        # As in pyannote, `count` speakers are active in a frame, even where fewer have a vote.
        activity += np.finfo(np.float32).tiny
        number = min(len(activity), len(count.data))
        chosen = strongest(activity[:number], count.data[:number, 0])
        return SlidingWindowFeature(chosen.astype(np.float32), count.sliding_window)

    def _grid(self, segmentations: SlidingWindowFeature) -> Grid:
        return WindowSegmentation(segmentation_of(self)).grid(segmentations.data.shape[1])


class PyannoteDiarization:
    """A speaker diarization pipeline of pyannote.audio, as a `Diarizer`.

    Args:
        pipeline: instantiated.
    """

    def __init__(self, pipeline: SpeakerDiarization):
        self.pipeline = pipeline

    @property
    def networks(self) -> list[torch.nn.Module]:
        """See `Diarizer`."""
        return [segmentation_of(self.pipeline).model, embedding_of(self.pipeline)]

    def to(self, device: torch.device) -> "PyannoteDiarization":
        """See `Diarizer`."""
        self.pipeline.to(device)
        return self

    def __call__(
        self,
        waveform: Waveform,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Timeline:
        """See `Diarizer`."""

        def hook(step: str, _: Any, file: Any = None, total: int = 0, completed: int = 0) -> None:
            del file
            if progress and step in STEPS and total:
                first, last = STEPS[step]
                progress(first + (last - first) * completed / total)

        file: dict[str, Any] = {"uri": "recording"}
        if isinstance(waveform, AudioFile):
            file["audio"] = str(waveform.path)
        else:
            file |= {"waveform": torch.from_numpy(waveform)[None], "sample_rate": SAMPLE_RATE}
        output: Any = self.pipeline(
            file,
            num_speakers=num_speakers,
            min_speakers=min_speakers,
            max_speakers=max_speakers,
            hook=hook,
        )
        duration = len(waveform) / SAMPLE_RATE
        return Timeline(
            turns=_turns(output.speaker_diarization, duration),
            exclusive=_turns(output.exclusive_speaker_diarization, duration),
        )


def sound(file: Mapping[str, Any]) -> "AbstractContextManager[np.ndarray | AudioFile]":
    """The samples of a file as pyannote describes one, (num_samples,) at 16 kHz.

    Raises:
        ValueError: it is not 16 kHz mono.
    """
    if "waveform" not in file:
        return AudioFile(file["audio"])
    waveform = file["waveform"]
    if file["sample_rate"] != SAMPLE_RATE or waveform.shape[0] != 1:
        raise ValueError(
            f"expected {SAMPLE_RATE} Hz mono, got {file['sample_rate']} Hz with "
            f"{waveform.shape[0]} channels"
        )
    return nullcontext(waveform[0].numpy())


def _report(step: str, hook: Hook | None) -> Progress:
    """Progress as pyannote reports it: in thousandths, for it wants whole numbers."""

    def report(done: float) -> None:
        if hook is not None:
            hook(step, None, total=1000, completed=round(1000 * done))

    return report


def _turns(annotation: Annotation, duration: float) -> list[Turn]:
    """Turns in order of time, within the recording (the last window reaches beyond it)."""
    turns = [
        Turn(round(max(0.0, segment.start), 3), round(min(segment.end, duration), 3), str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    return sorted(turn for turn in turns if turn.duration > 0)
