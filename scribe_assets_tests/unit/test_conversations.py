"""Composed conversations are what their references say."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.conversations import Region, compose, reverberated, room_response
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Span

SECOND = SAMPLE_RATE


def clips(number: int, seconds: int = 20) -> list[Region]:
    """Noise with speech in every second second."""
    random = np.random.default_rng(number)
    clip = random.normal(0, 0.1, seconds * SECOND).astype(np.float32)
    return [(clip, Span(n * SECOND, (n + 1) * SECOND)) for n in range(0, seconds, 2)]


def test_everybody_speaks_in_turn_and_says_everything_once() -> None:
    people = {name: clips(number) for number, name in enumerate("abc")}
    placed = compose(people, np.random.default_rng(0), is_long=True)
    for name in people:
        regions = [region for one in placed if one.person == name for region in one.regions]
        assert len(regions) == 10
    turns = [one.person for one in placed]
    assert len(turns) > 6
    assert placed == sorted(placed, key=lambda one: one.start)


def test_nobody_overlaps_with_themselves() -> None:
    people = {name: clips(number) for number, name in enumerate("abcd")}
    placed = compose(people, np.random.default_rng(1), is_long=True)
    for name in people:
        own = [one for one in placed if one.person == name]
        assert all(one.end <= later.start for one, later in pairwise(own))


def test_the_same_seed_makes_the_same_conversation() -> None:
    people = {name: clips(number) for number, name in enumerate("ab")}
    first, second = (compose(people, np.random.default_rng(7), is_long=False) for _ in range(2))
    assert [(one.person, one.start, one.regions) for one in first] == [
        (one.person, one.start, one.regions) for one in second
    ]


@pytest.mark.parametrize("echo", [0.3, 0.8])
def test_a_room_falls_silent_as_it_should(echo: float) -> None:
    random = np.random.default_rng(0)
    size = np.array([6.0, 5.0, 3.0])
    places = np.array([[2.0, 1.5, 1.5], [4.0, 3.5, 0.8]])
    response = room_response(size, echo, places[0], places[1], random)
    assert np.linalg.norm(response) == pytest.approx(1)
    assert np.abs(response).argmax() == 0
    # Schroeder's integral: the energy that is still to come. Between plane walls it lasts longer
    # than Sabine's formula says.
    left = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] + 1e-12)
    at = [int(np.argmax(left < level)) / SAMPLE_RATE for level in (-5, -25)]
    assert 60 / 20 * (at[1] - at[0]) == pytest.approx(echo, rel=0.5)


def test_a_response_of_one_sample_changes_nothing() -> None:
    sound = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert np.allclose(reverberated(sound, np.ones(1)), sound, atol=1e-5)
