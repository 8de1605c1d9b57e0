"""How sure a figure is: bootstrap intervals, paired differences, and choices by cross-validation.

The unit is a turn, an utterance or a stretch of a recording, with its errors and its length. Units
are drawn again with replacement (Efron and Tibshirani 1993; for word error rates Bisani and Ney,
ICASSP 2004). Two variants are compared on the same draws, unit by unit: what is hard for both does
not blur their difference. A difference whose interval contains zero is no reason for a choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scored:
    """A unit of evaluation.

    Attributes:
        unit: its name; the same one in all variants that are compared.
        group: its speaker or recording. All units of a group are held out together.
        errors: words, seconds or cases that are wrong.
        length: words, seconds or cases in the reference.
    """

    unit: str
    group: str
    errors: float
    length: float


@dataclass(frozen=True)
class Estimate:
    """A rate, or a difference of two, in percent, with the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def is_zero_possible(self) -> bool:
        """Whether the interval contains zero."""
        return self.low <= 0 <= self.high

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def rate(scored: Sequence[Scored]) -> Estimate:
    """The pooled error rate: all errors over all lengths.

    >>> units = [Scored(str(number), "a", number % 2, 10) for number in range(100)]
    >>> found = rate(units)
    >>> found.value, 3.5 < found.low < 5 < found.high < 6.5
    (5.0, True)
    """
    errors, lengths = _columns(scored)
    draws = _draws(len(errors))
    return _estimate(_pooled(errors, lengths), _pooled(errors[draws], lengths[draws]))


def difference(first: Sequence[Scored], second: Sequence[Scored]) -> Estimate:
    """The rate of `first` less that of `second`, on the same units; below zero, `first` is better.

    Raises:
        ValueError: the units are not the same.
    """
    paired = {one.unit: one for one in second}
    if len(paired) != len(second) or {one.unit for one in first} != set(paired):
        raise ValueError("only variants that were scored on the same units can be compared")
    ours, lengths = _columns(first)
    theirs, other_lengths = _columns([paired[one.unit] for one in first])
    draws = _draws(len(ours))
    return _estimate(
        _pooled(ours, lengths) - _pooled(theirs, other_lengths),
        _pooled(ours[draws], lengths[draws]) - _pooled(theirs[draws], other_lengths[draws]),
    )


@dataclass(frozen=True)
class Choice:
    """What cross-validation says.

    Attributes:
        held_out: by group, the variant that was chosen on all other groups.
        scored: each unit with the variant that was chosen without its group: what the way of
            choosing is worth on recordings that nobody has seen.
        chosen: the variant for the next recording: the simplest one, unless the difference of
            another one from it, on all groups, has an interval below zero.
    """

    held_out: dict[str, str]
    scored: list[Scored]
    chosen: str


def choose(variants: Mapping[str, Sequence[Scored]]) -> Choice:
    """Choose one of several variants, and find out what the choice is worth.

    Args:
        variants: from the simplest to the least simple, all scored on the same units.
    """
    simplest = next(iter(variants))
    groups = sorted({one.group for one in variants[simplest]})
    held_out, scored = {}, []
    for group in groups:
        others = {
            name: [one for one in units if one.group != group] for name, units in variants.items()
        }
        held_out[group] = _best(others)
        scored += [one for one in variants[held_out[group]] if one.group == group]
    return Choice(held_out, scored, _best(variants))


def _best(variants: Mapping[str, Sequence[Scored]]) -> str:
    """The variant with the lowest rate of those that are surely better than the simplest one."""
    names = list(variants)
    best, lowest = names[0], 0.0
    for name in names[1:]:
        found = difference(variants[name], variants[names[0]])
        if found.high < 0 and found.value < lowest:
            best, lowest = name, found.value
    return best


def _columns(scored: Sequence[Scored]) -> tuple[np.ndarray, np.ndarray]:
    if not scored:
        raise ValueError("there is nothing to score")
    return np.array([one.errors for one in scored]), np.array([one.length for one in scored])


def _draws(number: int) -> np.ndarray:
    """(draws, units) indices. The same for the same number of units, so that figures repeat."""
    return np.random.default_rng(number).integers(0, number, (DRAWS, number))


def _pooled(errors: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """In percent."""
    return np.asarray(100 * errors.sum(-1) / np.maximum(lengths.sum(-1), 1e-9))


def _estimate(value: np.ndarray, drawn: np.ndarray) -> Estimate:
    beyond = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [beyond, 1 - beyond])
    return Estimate(float(value), float(low), float(high))
