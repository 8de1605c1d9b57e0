"""Where one speaker speaks alone: stretches of a recording, found from overlapping windows.

A segmentation model looks at windows of some seconds and says for each frame which of its few local
speakers are active (https://arxiv.org/abs/2310.13025). The numbers of local speakers mean other
people in each window. But within a window the model shows where one speaker ends and another
begins, and the windows vote on that."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scribe_assets.speech.timeline import Span


@dataclass(frozen=True)
class Grid:
    """Where the frames of a segmentation model lie in time.

    It is `step` seconds from frame to frame. Frame 0 is centred at `first` seconds. Windows begin
    every `hop` seconds and have `num_frames` frames.
    """

    step: float
    first: float
    hop: float
    num_frames: int

    def start(self, window: int) -> int:
        """The first frame of a window, counted from the start of the recording."""
        return round(window * self.hop / self.step)

    def total(self, num_windows: int) -> int:
        """Frames of a recording with so many windows."""
        return self.start(num_windows - 1) + self.num_frames

    def seconds(self, frame: int) -> float:
        """Time of a frame, counted from the start of the recording."""
        return frame * self.step + self.first

    def windows(self, segmentation: np.ndarray) -> "list[tuple[slice, np.ndarray]]":
        """The frames of each window in the recording, and its (num_frames, num_local) part."""
        starts = [self.start(window) for window in range(len(segmentation))]
        return [
            (slice(start, start + self.num_frames), window)
            for start, window in zip(starts, segmentation, strict=True)
        ]


def speaker_count(grid: Grid, segmentation: np.ndarray) -> np.ndarray:
    """How many people speak in each frame: the mean over the windows, rounded.

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local), 0 or 1.

    Returns:
        (total_frames,) of whole numbers.
    """
    total = grid.total(len(segmentation))
    active, windows = np.zeros(total, np.float32), np.zeros(total, np.float32)
    for frames, window in grid.windows(segmentation):
        active[frames] += window.sum(axis=1)
        windows[frames] += 1
    return np.rint(active / np.maximum(windows, 1)).astype(np.int8)


def stretches(grid: Grid, segmentation: np.ndarray, count: np.ndarray) -> list[Span[int]]:
    """Find the stretches: where one speaker speaks alone, and it is always the same one.

    A stretch ends where nobody or more than one person speaks, and where at least as many windows
    see the speaker change as see no change.

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local), 0 or 1.
        count: see `speaker_count`.

    Returns:
        Stretches in order of time.
    """
    same, changed = np.zeros(len(count), np.int16), np.zeros(len(count), np.int16)
    for frames, window in grid.windows(segmentation):
        who = np.where(window.sum(axis=1) == 1, window.argmax(axis=1), -1)
        single = (who[1:] >= 0) & (who[:-1] >= 0)
        equal = who[1:] == who[:-1]
        same[frames][1:] += single & equal
        changed[frames][1:] += single & ~equal
    alone = count == 1
    border = np.ones(len(count) + 1, bool)
    border[1:-1] = alone[1:] != alone[:-1]
    border[1:-1] |= alone[1:] & (changed[1:] >= np.maximum(same[1:], 1))
    edges = np.flatnonzero(border).tolist()
    return [Span(first, last) for first, last in pairwise(edges) if alone[first]]


def votes(grid: Grid, segmentation: np.ndarray, speakers: np.ndarray, total: int) -> np.ndarray:
    """In how many windows each speaker is active, for each frame.

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local), 0 or 1.
        speakers: (num_windows, num_local), the speaker of each local speaker; negative for nobody.
        total: the number of speakers.

    Returns:
        (total_frames, total) float32, sums over windows.
    """
    counted = np.zeros((grid.total(len(segmentation)), total), np.float32)
    for (frames, window), names in zip(grid.windows(segmentation), speakers, strict=True):
        for speaker in set(names[names >= 0].tolist()):
            counted[frames, speaker] += window[:, names == speaker].max(axis=1)
    return counted


def strongest(activity: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The `count` most active speakers of each frame, without those who are not active at all.

    Args:
        activity: (num_frames, num_speakers).
        count: (num_frames,), how many speak.

    Returns:
        (num_frames, num_speakers) bool.
    """
    chosen = np.zeros(activity.shape, bool)
    order = np.argsort(-activity, axis=1, kind="stable")
    for rank in range(min(activity.shape[1], int(count.max(initial=0)))):
        frames = np.flatnonzero(count > rank)
        chosen[frames, order[frames, rank]] = True
    return chosen & (activity > 0)


def active_spans(active: np.ndarray) -> list[Span[int]]:
    """The spans of frames in which a speaker is active.

    >>> active_spans(np.array([False, True, True, False, True]))
    [Span(start=1, end=3), Span(start=4, end=5)]
    """
    change = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    return [Span(*pair) for pair in change.reshape(-1, 2).tolist()]
