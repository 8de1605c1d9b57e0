"""What is heard of others is silenced, and what somebody says is kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribe_assets.speech.timeline import Span
from scribe_assets.speech.tracks.bleed import Gated, find_bleed
from scribe_assets.speech.tracks.mixing import mix_all
from scribe_assets_tests.calls import decibels, noise, speakers, through_air, turns_alone

ANNE, BEN = speakers()
LENGTH = len(ANNE)


def kept(voice: np.ndarray, silenced: list[Span[float]]) -> float:
    """The share of a voice's energy that is not silenced."""
    left = voice.copy()
    for span in silenced:
        left[round(span.start * 16_000) : round(span.end * 16_000)] = 0
    return float((left**2).sum() / (voice**2).sum())


@pytest.mark.parametrize(("bleed", "gain"), [(-12, 0), (-25, 0), (-15, -15)])
def test_each_keeps_its_own_voice_alone(bleed: float, gain: float) -> None:
    left = ANNE + through_air(BEN, bleed) + noise(LENGTH, -75)
    right = (BEN + through_air(ANNE, bleed) + noise(LENGTH, -75, seed=1)) * decibels(gain)
    of_left, of_right = find_bleed([left, right])
    assert kept(ANNE, of_left) > 0.99
    assert kept(BEN, of_right) > 0.99
    # Turns follow each other closely, and what is close to own speech is kept with it.
    assert kept(BEN, of_left) < 0.25
    assert kept(ANNE, of_right) < 0.25


def test_two_who_speak_at_once_are_both_kept() -> None:
    """Ben speaks alone at first, then all the time that Anne does, 10 dB softer than her."""
    seconds = 16_000
    ben = np.concatenate([BEN[22 * seconds : 28 * seconds], np.zeros_like(BEN)])
    anne = np.concatenate([np.zeros(6 * seconds, np.float32), ANNE])
    at_once = np.zeros_like(anne)
    (longest,) = sorted(turns_alone()[0], key=lambda span: span.duration)[-1:]
    start = round((6 + longest.start) * seconds)
    stop = start + min(round(longest.duration * seconds), 3 * seconds)
    at_once[start:stop] = BEN[22 * seconds :][: stop - start] * decibels(-10)
    voice = ben + at_once
    of_anne, of_ben = find_bleed([anne + through_air(voice, -25), voice + through_air(anne, -25)])
    assert kept(at_once, of_ben) > 0.9
    assert kept(anne, of_anne) > 0.99


def test_where_nobody_else_speaks_nothing_is_silenced() -> None:
    assert find_bleed([ANNE + BEN]) == [[]]
    assert find_bleed([ANNE, np.zeros_like(ANNE)]) == [[], []]


def test_a_call_without_bleed_stays_as_it_is() -> None:
    assert find_bleed([ANNE, BEN]) == [[], []]


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bleed") / "flat.flac"
    mix_all([np.full(32_000, 0.5, np.float32)], path)
    return path


def test_gated_audio_is_silent_there_with_ramps(flat: Path) -> None:
    with Gated(flat, [Span(0.5, 1.0)]) as audio:
        heard = audio[:]
    assert len(heard) == 32_000
    assert np.allclose(heard[:8000], 0.5)
    assert np.allclose(heard[16_000:], 0.5)
    assert not heard[8400:15_600].any()
    assert np.abs(np.diff(heard)).max() < 0.01


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=8, unique=True), st.integers(50, 40_000))
def test_gated_audio_is_the_same_in_any_parts(flat: Path, edges: list[int], size: int) -> None:
    ordered = sorted(edges)
    pairs = zip(ordered[::2], ordered[1::2], strict=False)
    silenced = [Span(start / 20, end / 20) for start, end in pairs]
    with Gated(flat, silenced) as audio:
        whole = audio[:]
        parts = [audio[start : start + size] for start in range(0, len(audio), size)]
    assert np.array_equal(np.concatenate(parts), whole)
