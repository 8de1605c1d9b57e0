"""The default diarization: stretches are clustered, and each goes to the voice it is most like.

pyannote.audio clusters the local speakers of windows instead. The method, its parameters and what
was measured stand in docs/decisions/0003-diarization.md.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.diarization.clustering import linked, voices
from scribe_assets.speech.diarization.embedding import EmbeddedStretch, StretchEmbedder
from scribe_assets.speech.diarization.matching import voices_of_local_speakers
from scribe_assets.speech.diarization.segmentation import WindowSegmentation
from scribe_assets.speech.diarization.stretches import (
    Grid,
    active_spans,
    speaker_count,
    stretches,
    strongest,
    votes,
)
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress, part_of
from scribe_assets.speech.timeline import Timeline, Turn

if TYPE_CHECKING:
    import torch

VOICE_SECONDS = 1.0
"""From this length on, a stretch is used to find the voices, and its own embedding alone decides
whose it is. For a shorter one, the votes of the windows count in proportion to what it lacks."""


LEAST_SHARE = 0.08
"""In a short recording everybody speaks less: a voice then needs this share of all speech, where
that is less than `TurnParameters.min_seconds`."""


SEGMENTATION_SHARE = 0.5
"""Of the time that diarization takes, for one progress figure."""


@dataclass(frozen=True)
class TurnParameters:
    """What was tuned (docs/decisions/0003-diarization.md); it holds for CAM++ alone.

    Args:
        threshold: cosine distance up to which two clusters are one voice, by pairs of stretches.
        alike: cosine similarity from which on they are one voice, by their means, corrected for
            noise.
        min_seconds: speech that a voice must have.
        change: cosine similarity of the two sides of a stretch below which the speaker has changed
            unnoticed.
    """

    threshold: float = 0.52
    alike: float = 0.65
    min_seconds: float = 3.0
    change: float = 0.5


FEWER = {"alike": 0.55, "min_seconds": 5.0}
MORE = {"alike": 0.75, "min_seconds": 2.0}
"""Other parameters that make nearly as much sense. Where the number of speakers is another one with
them, it is not sure."""


@dataclass(frozen=True)
class Heard:
    """What the networks make of a recording.

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local), 0 or 1.
        embedded: where one speaker speaks alone, in order of time.
        seconds: of the recording.
    """

    grid: Grid
    segmentation: np.ndarray
    embedded: list[EmbeddedStretch]
    seconds: float

    @cached_property
    def vectors(self) -> np.ndarray:
        """(num_stretches, dimension) embeddings of length 1."""
        vectors = np.stack([stretch.embedding for stretch in self.embedded])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    @cached_property
    def lengths(self) -> np.ndarray:
        """(num_stretches,) how long each is, in seconds."""
        return np.array([stretch.frames.duration for stretch in self.embedded]) * self.grid.step

    def least_seconds(self, parameters: TurnParameters) -> float:
        """How long a voice must speak in this recording."""
        return min(parameters.min_seconds, LEAST_SHARE * float(self.lengths.sum()))


class TurnDiarization:
    """Who speaks when, by clustering stretches; a `Diarizer`.

    Args:
        segmentation: a powerset model, which decides between active and not active.
        embedder: of stretches.
        parameters: of the clustering.
    """

    def __init__(
        self,
        segmentation: WindowSegmentation,
        embedder: StretchEmbedder,
        parameters: TurnParameters,
    ):
        self._segmentation = segmentation
        self._embedder = embedder
        self._parameters = parameters

    @property
    def networks(self) -> "list[torch.nn.Module]":
        """See `Diarizer`."""
        return [self._segmentation.network, self._embedder.network]

    def to(self, device: "torch.device") -> "TurnDiarization":
        """See `Diarizer`."""
        self._segmentation.to(device)
        self._embedder.to(device)
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
        from pyannote.audio.pipelines.utils.diarization import set_num_speakers

        _, fewest, most = set_num_speakers(num_speakers, min_speakers, max_speakers)
        return decide(self.hear(waveform, progress), self._parameters, fewest, most)

    def hear(self, waveform: Waveform, progress: Progress | None = None) -> Heard:
        """What the networks make of a recording: nearly all of the work.

        Args:
            waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
            progress: called with the done fraction.
        """
        from pyannote.audio.utils.reproducibility import fix_reproducibility

        # As pyannote's own pipelines begin: on a GPU, 19 bit floats would change the results.
        fix_reproducibility(self._segmentation.device)
        segmentation = self._segmentation.windows(
            waveform, part_of(progress, 0.0, SEGMENTATION_SHARE)
        )
        grid = self._segmentation.grid(segmentation.shape[1])
        embedded = self._embedder.embed(
            waveform,
            grid,
            stretches(grid, segmentation, speaker_count(grid, segmentation)),
            part_of(progress, SEGMENTATION_SHARE, 1.0),
        )
        return Heard(grid, segmentation, embedded, len(waveform) / SAMPLE_RATE)


def decide(
    heard: Heard, parameters: TurnParameters, fewest: int = 1, most: float = np.inf
) -> Timeline:
    """Who speaks when, by what was heard.

    Args:
        heard: see `TurnDiarization.hear`.
        parameters: of the clustering.
        fewest: at least so many speakers, where the speech suffices.
        most: at most so many.
    """
    grid, segmentation = heard.grid, heard.segmentation
    count = np.minimum(speaker_count(grid, segmentation), most).astype(np.int8)
    if not count.any():
        return Timeline([], [])
    others: list[np.ndarray] = []
    if heard.embedded:
        centroids, *others = _voices(heard, parameters, fewest, most)
        activity = _activity(heard, centroids, count, fewest, heard.least_seconds(parameters))
    else:
        activity = _activity_without_voices(grid, segmentation, count)
    timeline = Timeline(
        turns=_turns(grid, strongest(activity, count), heard.seconds),
        exclusive=_turns(grid, strongest(activity, np.minimum(count, 1)), heard.seconds),
    )
    found = len(timeline.speakers)
    # Asked for more than there is speech for, fewer are found; that is no doubt.
    numbers = [found, *(max(len(other), min(fewest, found)) for other in others)]
    return replace(timeline, number=(min(numbers), max(numbers)))


def _voices(heard: Heard, parameters: TurnParameters, fewest: int, most: float) -> list[np.ndarray]:
    """The voices, (num_voices, dimension) each time: with these parameters, `FEWER`, and `MORE`."""
    linkage = linked(heard.vectors, heard.lengths, VOICE_SECONDS, fewest)
    return [
        voices(
            linkage,
            threshold=tried.threshold,
            alike=tried.alike,
            min_seconds=heard.least_seconds(tried),
            fewest=fewest,
            most=most,
        )
        for tried in (parameters, replace(parameters, **FEWER), replace(parameters, **MORE))
    ]


def _activity(
    heard: Heard, centroids: np.ndarray, count: np.ndarray, fewest: int, min_seconds: float
) -> np.ndarray:
    """How active each speaker is in each frame: to be compared within a frame.

    Args:
        heard: where something is embedded.
        centroids: (num_voices, dimension) of length 1.
        count: (total_frames,), how many speak.
        fewest: at least so many speakers, where so many speak at once.
        min_seconds: how long a voice must speak.

    Returns:
        (total_frames, num_speakers), with those who never speak alone, but at the same time
        as everybody else, for as long as a voice must speak.
    """
    grid, segmentation, embedded = heard.grid, heard.segmentation, heard.embedded
    similarity = np.zeros((len(count), len(centroids)), np.float32)
    trust = np.zeros(len(count), np.float32)
    for stretch, scores, length in zip(
        embedded, heard.vectors @ centroids.T, heard.lengths, strict=True
    ):
        similarity[stretch.frames.slice] = scores
        trust[stretch.frames.slice] = min(1.0, length / VOICE_SECONDS)
    speakers = voices_of_local_speakers(grid, segmentation, similarity, trust > 0)
    # An echo or a cough is easily taken for somebody else who speaks at the same time.
    total = len(centroids)
    while total < fewest or np.sum(count > total) * grid.step >= min_seconds:
        if total >= count.max():
            break
        total += 1
    activity = votes(grid, segmentation, speakers, total)
    windows = votes(grid, np.ones_like(segmentation), np.zeros_like(speakers), 1)
    activity /= np.maximum(windows, 1)
    alone = (count == 1) & (trust > 0)
    doubt = 1 - trust[alone, None]
    activity[alone] *= doubt
    activity[alone, : len(centroids)] += similarity[alone] + 1
    # Somebody who speaks only while others do has no voice here, and comes last.
    activity[:, len(centroids) :] = np.finfo(np.float32).tiny
    return activity


def _activity_without_voices(grid: Grid, segmentation: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Activity where no stretch could be embedded: local speakers count as they are numbered."""
    total = int(count.max())
    numbers = np.arange(segmentation.shape[2])
    speakers = np.where(segmentation.any(axis=1), np.minimum(numbers, total - 1), -1)
    return votes(grid, segmentation, speakers, total)


def _turns(grid: Grid, active: np.ndarray, duration: float) -> list[Turn]:
    """Turns in order of time, in seconds with three decimals, labelled by their column.

    Args:
        grid: of the frames.
        active: (total_frames, num_speakers) bool.
        duration: seconds of the recording; the last window reaches beyond it.
    """
    turns = [
        Turn(
            round(max(0.0, grid.seconds(span.start)), 3),
            round(min(grid.seconds(span.end), duration), 3),
            f"SPEAKER_{speaker:02d}",
        )
        for speaker in range(active.shape[1])
        for span in active_spans(active[:, speaker])
    ]
    return sorted(turn for turn in turns if turn.duration > 0)
