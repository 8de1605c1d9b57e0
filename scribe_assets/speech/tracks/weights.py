"""How the channels of a group are added without losing speech."""

from dataclasses import dataclass

import numpy as np

from scribe_assets.speech.tracks.levels import Measured


@dataclass(frozen=True)
class MixLimits:
    """When channels are not simply averaged.

    Args:
        opposite: correlation of two channels below which one of them is inverted. Two microphones
            of a room are hardly correlated, below or above zero; an inverted channel is at -1.
        loss: decibels that the average may lose in a band against the channels' own mean. Channels
            that have nothing in common lose 3.
        noise: decibels that the average's distance of speech from noise may be smaller than that of
            the best channel.
    """

    opposite: float = -0.3
    loss: float = 6.0
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
    if len(members) == 1:
        return {members[0]: 1.0}
    loud = measured.loud[:, members][:, :, members]
    quiet = measured.quiet[:, members][:, :, members]
    own = np.diagonal(loud, axis1=1, axis2=2)
    reference = int(own.sum(axis=0).argmax())
    total = loud.sum(axis=0)
    power = np.maximum(total.diagonal(), np.finfo(float).tiny)
    correlation = total[reference] / np.sqrt(power * power[reference])
    signs = np.where(correlation < limits.opposite, -1.0, 1.0)
    average = signs / len(members)
    mixed = np.einsum("i,bij,j->b", average, loud, average)
    # In a band that holds next to nothing there is nothing to lose.
    heard = own.sum(axis=1) > own.sum() * 1e-5
    loss = 10 * np.log10(
        np.maximum(own.mean(axis=1)[heard], 1e-20) / np.maximum(mixed[heard], 1e-20)
    )
    distances = _distance(power, quiet.sum(axis=0).diagonal())
    best = int(distances.argmax())
    noise = float(np.einsum("i,bij,j->", average, quiet, average))
    distance = float(_distance(mixed.sum(), noise))
    if loss.max(initial=0) > limits.loss or distance < distances[best] - limits.noise:
        return {members[best]: 1.0}
    return dict(zip(members, map(float, average), strict=True))


def _distance(loud: np.ndarray | float, quiet: np.ndarray | float) -> np.ndarray:
    """Speech above noise in decibels, no more than 60: what is softer nobody hears."""
    return 10 * np.log10(
        np.maximum(loud, 1e-20) / np.maximum(quiet, np.maximum(loud, 1e-14) * 1e-6)
    )
