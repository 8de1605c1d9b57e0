"""Which voice each local speaker of each window has."""

import numpy as np

from scribe_assets.speech.diarization.stretches import Grid


def voices_of_local_speakers(
    grid: Grid, segmentation: np.ndarray, similarity: np.ndarray, is_embedded: np.ndarray
) -> np.ndarray:
    """Match the local speakers of each window to the voices, one to one, so that the sum of their
    similarities is highest (Kuhn 1955, the Hungarian method).

    Args:
        grid: of the segmentation.
        segmentation: (num_windows, num_frames, num_local), 0 or 1.
        similarity: (total_frames, num_voices), of the one speaker of a frame to each voice.
        is_embedded: (total_frames,) bool, for which frames the similarity is known.

    Returns:
        (num_windows, num_local) numbers of voices; -1 for a local speaker who is not active, or for
        whom no voice is left.
    """
    from scipy.optimize import linear_sum_assignment

    number = similarity.shape[1]
    voices = np.full((len(segmentation), segmentation.shape[2]), -1)
    for index, (frames, window) in enumerate(grid.windows(segmentation)):
        active = np.flatnonzero(window.any(axis=0))
        single = (window.sum(axis=1) == 1) & is_embedded[frames]
        scores = np.zeros((len(active), number))
        for row, local in enumerate(active):
            mine = single & (window[:, local] > 0)
            if mine.any():
                scores[row] = similarity[frames][mine].mean(axis=0)
        rows, columns = linear_sum_assignment(scores, maximize=True)
        voices[index, active[rows]] = columns
    return voices
