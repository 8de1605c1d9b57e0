"""Figures come with intervals, and noise is no reason for a choice."""

import numpy as np
import pytest

from benchmarks.intervals import Scored, choose, difference, rate


def units(error_rate: float, seed: int, number: int = 400) -> list[Scored]:
    """Turns of ten words of eight speakers."""
    wrong = np.random.default_rng(seed).binomial(10, error_rate, number)
    return [Scored(f"turn {n}", f"speaker {n % 8}", float(w), 10) for n, w in enumerate(wrong)]


def test_an_interval_holds_the_true_rate_in_most_cases() -> None:
    held = [
        found.low <= 20 <= found.high
        for found in (rate(units(0.2, seed, 100)) for seed in range(100))
    ]
    assert 88 <= sum(held) <= 99


def test_the_rate_is_pooled_over_lengths() -> None:
    found = rate([Scored("a", "x", 1, 1), Scored("b", "x", 0, 99)])
    assert found.value == pytest.approx(1)


def test_what_is_hard_for_both_does_not_blur_their_difference() -> None:
    hard = units(0.3, 1)
    better = [
        Scored(one.unit, one.group, max(0, one.errors - (number % 5 == 0)), one.length)
        for number, one in enumerate(hard)
    ]
    found = difference(better, hard)
    assert found.high < 0
    assert found.high - found.low < (rate(hard).high - rate(hard).low) / 3


def test_other_units_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same units"):
        difference(units(0.1, 1), units(0.1, 1)[:-1])


def test_noise_is_no_reason_to_leave_the_simplest_variant() -> None:
    variants = {"simple": units(0.2, 11), **{f"variant {n}": units(0.2, n) for n in range(1, 4)}}
    chosen = choose(variants)
    assert chosen.chosen == "simple"
    assert {one.unit for one in chosen.scored} == {one.unit for one in variants["simple"]}


def test_what_is_surely_better_is_chosen_and_its_worth_is_that_on_others() -> None:
    chosen = choose({"simple": units(0.3, 1), "good": units(0.1, 2), "fair": units(0.2, 3)})
    assert chosen.chosen == "good"
    assert set(chosen.held_out) == {f"speaker {n}" for n in range(8)}
    assert rate(chosen.scored).value < 15
