"""How the channels of a group are added without losing speech."""

from dataclasses import dataclass

import numpy as np

from scribe_assets.speech.tracks.levels import Measured

TINY = 1e-20
"""Power that stands for none, so that it has a logarithm."""


@dataclass(frozen=True)
class MixLimits:
    """When channels are not simply averaged.

    Args:
        opposite: correlation of two channels below which one of them is inverted. Two microphones
            of a room are hardly correlated, below or above zero; an inverted channel is at -1.
        loss: decibels that the average may lose in a band beyond what it loses of channels that
            have nothing in common in it: 3 of two, 6 of four.
        far: decibels that a channel's speech may be softer than in the loudest one, or its distance
            of speech from noise smaller than in the best one; less, such as in a microphone at the
            other end of the room, adds nothing.
        noise: decibels that the average's distance of speech from noise may be smaller than that of
            the best channel.
    """

    opposite: float = -0.3
    loss: float = 3.0
    far: float = 12.0
    noise: float = 3.0


def weights(
    measured: Measured, members: list[int], limits: MixLimits | None = None
) -> dict[int, float]:
    """The factor of each channel that is added, by its index.

    The average, as ffmpeg makes it, with inverted channels turned round. Where that would lose
    speech or drown it in the noise of one of them, the best channel alone.

    Args:
        measured: of all channels.
        members: indices of the channels of the group.
        limits: when not to average.
    """
    limits = limits or MixLimits()
    power = measured.loud.sum(axis=0).diagonal()[members]
    distances = _distance(power, measured.quiet.sum(axis=0).diagonal()[members])
    best = members[int(distances.argmax())]
    near = (distances >= distances.max() - limits.far) & (
        10 * np.log10(np.maximum(power, TINY) / max(power.max(), TINY)) >= -limits.far
    )
    members = [member for member, taken in zip(members, near, strict=True) if taken]
    loud = measured.loud[:, members][:, :, members]
    quiet = measured.quiet[:, members][:, :, members]
    average = _signs(loud, limits) / len(members)
    mixed = np.einsum("i,bij,j->b", average, loud, average)
    own = np.diagonal(loud, axis1=1, axis2=2).mean(axis=1)
    # In a band that holds next to nothing there is nothing to lose.
    heard = own > own.sum() * 1e-5
    ratio = np.maximum(own[heard], TINY) / np.maximum(mixed[heard], TINY)
    loss = 10 * np.log10(ratio / len(members))
    noise = np.einsum("i,bij,j->", average, quiet, average)
    distance = _distance(mixed.sum(), noise)
    if loss.max(initial=-np.inf) > limits.loss or distance < distances.max() - limits.noise:
        return {best: 1.0}
    return dict(zip(members, map(float, average), strict=True))


def _signs(loud: np.ndarray, limits: MixLimits) -> np.ndarray:
    """-1 for each channel that is inverted against the loudest one, else 1."""
    total = loud.sum(axis=0)
    power = np.maximum(total.diagonal(), TINY)
    reference = int(power.argmax())
    correlation = total[reference] / np.sqrt(power * power[reference])
    signs: np.ndarray = np.where(correlation < limits.opposite, -1.0, 1.0)
    return signs


def _distance(loud: np.ndarray, quiet: np.ndarray) -> np.ndarray:
    """Speech above noise in decibels, no more than 60: what is softer nobody hears."""
    loud = np.maximum(loud, TINY)
    return np.asarray(10 * np.log10(loud / np.maximum(quiet, loud * 1e-6)))
