"""Voices from stretches of speech."""

from typing import Any

import numpy as np
import pytest

from scribe_assets.speech.diarization import clustering

LONG_ENOUGH = 1.0
OPTIONS: dict[str, Any] = {"threshold": 0.5, "alike": 0.65, "min_seconds": 3.0}


def voices(embeddings: np.ndarray, seconds: np.ndarray, **options: Any) -> np.ndarray:
    """The voices of a recording."""
    linkage = clustering.linked(embeddings, seconds, LONG_ENOUGH, options.get("fewest", 1))
    return clustering.voices(linkage, **options)


def people(count: int, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count × each, 64) embeddings, person after person, and the persons."""
    random = np.random.default_rng(seed)
    centres = np.linalg.qr(random.normal(size=(64, count)))[0].T
    made = np.repeat(centres, each, axis=0) + random.normal(0, 0.05, (count * each, 64))
    return made / np.linalg.norm(made, axis=1, keepdims=True), centres


def test_everybody_is_found_once() -> None:
    embeddings, centres = people(7, 6)
    found = voices(embeddings, np.full(42, 2.0), **OPTIONS)
    assert found.shape == (7, 64)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert sorted((found @ centres.T).argmax(axis=1)) == list(range(7))
    assert (found @ centres.T).max(axis=1).min() > 0.95


def in_two_places(alike: float, each: int = 40) -> np.ndarray:
    """(2 × each, 256) embeddings around two places, whose means have this cosine similarity. The
    stretches are noisy: two of the same place are less alike (0.55) than their means."""
    random = np.random.default_rng(0)
    places = np.zeros((2, 256))
    places[0, 0] = 1
    places[1, :2] = alike, np.sqrt(1 - alike**2)
    noise = random.normal(size=(2 * each, 256))
    noise[:, :2] = 0
    noise *= np.sqrt(0.45) / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.sqrt(0.55) * np.repeat(places, each, axis=0) + noise


def test_a_voice_in_two_places_is_one_voice() -> None:
    embeddings, seconds = in_two_places(0.75), np.full(80, 2.0)
    assert len(voices(embeddings, seconds, **{**OPTIONS, "alike": 1.0})) == 2
    assert len(voices(embeddings, seconds, **OPTIONS)) == 1


def test_two_voices_that_are_a_little_alike_stay_two() -> None:
    assert len(voices(in_two_places(0.5), np.full(80, 2.0), **OPTIONS)) == 2


def test_what_noise_is_left_in_a_mean_of_few_stretches_is_allowed_for() -> None:
    """Three stretches each: their means are less alike than the voice, by chance."""
    embeddings, seconds = in_two_places(0.75, each=3), np.full(6, 2.0)
    means = embeddings.reshape(2, 3, -1).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert means[0] @ means[1] < OPTIONS["alike"]
    assert len(voices(embeddings, seconds, **OPTIONS)) == 1


def test_alike_voices_are_kept_apart_where_their_number_is_known() -> None:
    assert len(voices(in_two_places(0.75), np.full(80, 2.0), **OPTIONS, fewest=2)) == 2


def test_somebody_who_hardly_speaks_is_no_voice_of_its_own() -> None:
    embeddings, _ = people(3, 2)
    seconds = np.array([9.0, 9.0, 9.0, 9.0, 1.2, 1.2])
    assert len(voices(embeddings, seconds, **OPTIONS)) == 2
    assert len(voices(embeddings, seconds, **{**OPTIONS, "min_seconds": 2.0})) == 3


def test_a_voice_is_not_found_by_short_stretches_alone() -> None:
    embeddings, _ = people(3, 10)
    seconds = np.array([2.0] * 20 + [0.5] * 10)
    assert len(voices(embeddings, seconds, **OPTIONS)) == 2


@pytest.mark.parametrize(("fewest", "most", "expected"), [(1, 2, 2), (3, 3, 3), (6, 9, 6)])
def test_the_number_of_voices_can_be_given(fewest: int, most: int, expected: int) -> None:
    embeddings, _ = people(4, 8)
    found = voices(embeddings, np.full(32, 4.0), **OPTIONS, fewest=fewest, most=most)
    assert len(found) == expected


def test_little_is_enough() -> None:
    embeddings, _ = people(2, 1)
    assert len(voices(embeddings[:1], np.array([0.4]), **OPTIONS)) == 1
    assert len(voices(embeddings, np.array([0.4, 0.4]), **OPTIONS)) == 1
    assert len(voices(embeddings, np.array([0.4, 0.4]), **OPTIONS, fewest=2)) == 1


def test_of_many_stretches_the_longest_are_clustered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "MAX_CLUSTERED", 20)
    embeddings, centres = people(2, 30)
    found = voices(embeddings, np.tile([4.0, 2.0], 30), **OPTIONS)
    assert sorted((found @ centres.T).argmax(axis=1)) == [0, 1]
