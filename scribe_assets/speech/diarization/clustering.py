"""Which stretches of speech are of one voice, by agglomerative clustering: average linkage on
cosine distance (Sokal and Michener 1958), then by the means of the clusters.

An echo or noise makes single stretches of a voice unlike each other, and it comes apart. In the
means of many stretches that evens out: those of one voice are alike, those of two are not.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_CLUSTERED = 6000
"""At most so many stretches are clustered, the longest ones; in recordings of many hours the others
go to the nearest voice. Time and memory grow with the square of this number: about 300 MB."""


LEAST_SIMILARITY = 0.1
"""Stretches of one voice are so alike at least: a reliability is never zero."""


LLOYD_ROUNDS = 2
"""How often, after clustering, every stretch is moved to the nearest voice, and the voices are
computed anew (Lloyd's algorithm)."""


@dataclass(frozen=True)
class Linkage:
    """Stretches, and the order in which they are merged.

    Args:
        embeddings: (num_stretches, dimension) of length 1.
        seconds: (num_stretches,) how long each is.
    """

    embeddings: np.ndarray
    seconds: np.ndarray

    @cached_property
    def tree(self) -> np.ndarray:
        """(num_stretches - 1, 4) as scipy gives it, of two stretches and more."""
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import pdist

        return np.asarray(linkage(pdist(self.embeddings, "cosine"), "average"))


def linked(
    embeddings: np.ndarray, seconds: np.ndarray, long_enough: float, fewest: int = 1
) -> Linkage:
    """Those stretches of a recording by which voices are found.

    Args:
        embeddings: (num_stretches, dimension) of length 1.
        seconds: (num_stretches,) how long each is.
        long_enough: seconds that a stretch must last to be clustered, where enough of them do.
        fewest: at least so many voices are looked for.
    """
    used = np.flatnonzero(seconds >= long_enough)
    if len(used) < max(2, fewest):
        used = np.arange(len(seconds))
    used = used[np.argsort(-seconds[used], kind="stable")[:MAX_CLUSTERED]]
    return Linkage(embeddings[used], seconds[used])


def voices(
    linkage: Linkage,
    threshold: float,
    alike: float,
    min_seconds: float,
    fewest: int = 1,
    most: float = np.inf,
) -> np.ndarray:
    """Find the voices of a recording.

    Args:
        linkage: see `linked`.
        threshold: cosine distance up to which clusters are merged, a mean over pairs of stretches.
        alike: from this similarity on two clusters are one voice, see `_likeness`.
        min_seconds: speech that a cluster must have to be a voice.
        fewest: at least so many voices, where the speech suffices.
        most: at most so many.

    Returns:
        (num_voices, dimension) mean embeddings of length 1; at least one voice.
    """
    chosen, weights = linkage.embeddings, linkage.seconds
    labels = _clusters(linkage, threshold, min_seconds, fewest, most)
    centroids = _settled(chosen, weights, _means(chosen, weights, labels))
    while len(centroids) > max(1, fewest):
        labels = (chosen @ centroids.T).argmax(axis=1)
        likeness = np.tril(_likeness(chosen, labels, centroids), -1)
        one, other = np.unravel_index(likeness.argmax(), likeness.shape)
        if likeness[one, other] < alike:
            break
        labels[labels == one] = other
        centroids = _settled(chosen, weights, _means(chosen, weights, labels))
    return centroids


def _likeness(embeddings: np.ndarray, labels: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """How alike voices are, as if each had been heard for ever.

    What is left of noise in a mean makes it less like others. Where stretches of one voice have a
    similarity of m in the mean, the mean of n of them has a reliability of n m / (1 + (n - 1) m)
    (Spearman and Brown 1910), and the cosine of two means is divided by the root of both
    reliabilities (Spearman 1904).

    Args:
        embeddings: (num_stretches, dimension) of length 1.
        labels: (num_stretches,) the voice of each.
        centroids: (num_voices, dimension) of length 1.

    Returns:
        (num_voices, num_voices).
    """
    number = np.bincount(labels, minlength=len(centroids))
    sums = np.stack([embeddings[labels == label].sum(axis=0) for label in range(len(centroids))])
    several = number > 1
    number = np.maximum(number, 1)
    if several.any():
        pairs = ((sums**2).sum(axis=1) - number)[several] / (number * (number - 1))[several]
        similarity = max(LEAST_SIMILARITY, float(np.average(pairs, weights=number[several])))
    else:
        similarity = 1.0
    reliability = np.sqrt(number * similarity / (1 + (number - 1) * similarity))
    return np.asarray(centroids @ centroids.T / np.outer(reliability, reliability))


def _settled(embeddings: np.ndarray, seconds: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The voices, (num_voices, dimension), when every stretch has moved to the nearest one."""
    for _ in range(LLOYD_ROUNDS):
        centroids = _means(embeddings, seconds, (embeddings @ centroids.T).argmax(axis=1))
    return centroids


def _clusters(
    linkage: Linkage, threshold: float, min_seconds: float, fewest: int, most: float
) -> np.ndarray:
    """The cluster of each stretch: 0, 1, …; -1 where it is too small to be a voice."""
    from scipy.cluster.hierarchy import fcluster

    seconds = linkage.seconds
    if len(seconds) == 1 or most == 1:
        return np.zeros(len(seconds), int)
    tree = linkage.tree
    merges = int(np.searchsorted(tree[:, 2], threshold, side="right"))

    def labels_after(done: int) -> np.ndarray:
        labels = fcluster(tree, tree[done - 1, 2] if done else -1.0, "distance") - 1
        spoken = np.bincount(labels, weights=seconds)
        large = np.flatnonzero(spoken >= min_seconds)
        if len(large) == 0:
            large = np.array([spoken.argmax()])
        renamed = np.full(len(spoken), -1)
        renamed[large] = np.arange(len(large))
        return np.asarray(renamed[labels])

    def size(labels: np.ndarray) -> int:
        return int(labels.max()) + 1

    labels = labels_after(merges)
    while size(labels) > most:
        merges += 1
        labels = labels_after(merges)
    best = labels
    # Less merging gives more voices, until they are too small to count.
    while size(best) < fewest and merges > 0:
        merges -= 1
        candidate = labels_after(merges)
        if size(best) < size(candidate) <= most:
            best = candidate
    return best


def _means(embeddings: np.ndarray, seconds: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(num_labels, dimension) of length 1, weighted by seconds."""
    members = [labels == label for label in range(int(labels.max()) + 1)]
    sums = [seconds[some] @ embeddings[some] for some in members if some.any()]
    means = np.stack(sums)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))
