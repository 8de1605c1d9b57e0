"""Which stretches of speech are of one voice: agglomerative clustering, average linkage on cosine
distance (Sokal and Michener 1958), by voices rather than by windows."""

import numpy as np

MOST = 6000
"""So many stretches are clustered, the longest; the rest, in recordings of many hours, go to the
nearest voice. Time and memory grow with its square: about 300 MB."""


ROUNDS = 2
"""Of moving every stretch to the nearest voice after clustering (Lloyd's algorithm)."""


def voices(
    embeddings: np.ndarray,
    seconds: np.ndarray,
    threshold: float,
    min_seconds: float,
    long_enough: float,
    fewest: int = 1,
    most: float = np.inf,
) -> np.ndarray:
    """Find the voices.

    Args:
        embeddings: (num_stretches, dimension) of length 1.
        seconds: (num_stretches,) how long each is.
        threshold: cosine distance up to which clusters are merged.
        min_seconds: a cluster with less speech is no voice; its stretches go to the nearest one.
        long_enough: seconds from which a stretch helps to find the voices.
        fewest: at least so many voices, where the speech suffices.
        most: at most so many.

    Returns:
        (num_voices, dimension) mean embeddings of length 1; at least one voice.
    """
    trained = np.flatnonzero(seconds >= long_enough)
    if len(trained) < max(2, fewest):
        trained = np.arange(len(seconds))
    trained = trained[np.argsort(-seconds[trained], kind="stable")[:MOST]]
    chosen, weights = embeddings[trained], seconds[trained]
    labels = _cut(chosen, weights, threshold, min_seconds, fewest, most)
    found = _means(chosen, weights, labels)
    for _ in range(ROUNDS):
        found = _means(chosen, weights, (chosen @ found.T).argmax(axis=1))
    return found


def _cut(
    embeddings: np.ndarray,
    seconds: np.ndarray,
    threshold: float,
    min_seconds: float,
    fewest: int,
    most: float,
) -> np.ndarray:
    """Labels 0, 1, …; -1 where the cluster is too small to be a voice."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    number = len(embeddings)
    if number == 1 or most == 1:
        return np.zeros(number, int)
    tree = linkage(pdist(embeddings, "cosine"), "average")
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
    known = [label for label in range(int(labels.max()) + 1) if (labels == label).any()]
    sums = [seconds[labels == k] @ embeddings[labels == k] for k in known]
    means = np.stack(sums)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))
