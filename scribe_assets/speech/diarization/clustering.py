"""Which stretches of speech are of one voice, by agglomerative clustering: average linkage on
cosine distance (Sokal and Michener 1958), then by the means of the clusters (centroid linkage).

An echo or noise makes single stretches of a voice unlike each other, and it comes apart. In the
means of many stretches that evens out: those of one voice are alike, those of two are not.
"""

import numpy as np

MAX_CLUSTERED = 6000
"""At most so many stretches are clustered, the longest ones; in recordings of many hours the others
go to the nearest voice. Time and memory grow with the square of this number: about 300 MB."""


LLOYD_ROUNDS = 2
"""How often, after clustering, every stretch is moved to the nearest voice, and the voices are
computed anew (Lloyd's algorithm)."""


def voices(
    embeddings: np.ndarray,
    seconds: np.ndarray,
    threshold: float,
    alike: float,
    min_seconds: float,
    long_enough: float,
    fewest: int = 1,
    most: float = np.inf,
) -> np.ndarray:
    """Find the voices of a recording.

    Args:
        embeddings: (num_stretches, dimension) of length 1.
        seconds: (num_stretches,) how long each is.
        threshold: cosine distance up to which clusters are merged, a mean over pairs of stretches.
        alike: cosine similarity of their means from which on two clusters are one voice.
        min_seconds: speech that a cluster must have to be a voice.
        long_enough: seconds that a stretch must last to be clustered, where enough of them do.
        fewest: at least so many voices, where the speech suffices.
        most: at most so many.

    Returns:
        (num_voices, dimension) mean embeddings of length 1; at least one voice.
    """
    used = np.flatnonzero(seconds >= long_enough)
    if len(used) < max(2, fewest):
        used = np.arange(len(seconds))
    used = used[np.argsort(-seconds[used], kind="stable")[:MAX_CLUSTERED]]
    chosen, weights = embeddings[used], seconds[used]
    labels = _clusters(chosen, weights, threshold, min_seconds, fewest, most)
    centroids = _settled(chosen, weights, _means(chosen, weights, labels))
    while len(centroids) > max(1, fewest):
        similarity = np.tril(centroids @ centroids.T, -1)
        one, other = np.unravel_index(similarity.argmax(), similarity.shape)
        if similarity[one, other] < alike:
            break
        labels = (chosen @ centroids.T).argmax(axis=1)
        labels[labels == one] = other
        centroids = _settled(chosen, weights, _means(chosen, weights, labels))
    return centroids


def _settled(embeddings: np.ndarray, seconds: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The voices, (num_voices, dimension), when every stretch has moved to the nearest one."""
    for _ in range(LLOYD_ROUNDS):
        centroids = _means(embeddings, seconds, (embeddings @ centroids.T).argmax(axis=1))
    return centroids


def _clusters(
    embeddings: np.ndarray,
    seconds: np.ndarray,
    threshold: float,
    min_seconds: float,
    fewest: int,
    most: float,
) -> np.ndarray:
    """The cluster of each stretch: 0, 1, …; -1 where it is too small to be a voice."""
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
    members = [labels == label for label in range(int(labels.max()) + 1)]
    sums = [seconds[some] @ embeddings[some] for some in members if some.any()]
    means = np.stack(sums)
    return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))
