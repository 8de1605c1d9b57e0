"""Plain data: channels of a recording, and what is chosen of them."""

from dataclasses import dataclass
from typing import Literal

from scribe_assets.errors import UsageError

Wish = Literal["auto", "mix", "each"] | list[int]
"""What a person wants: the choice by content, everything as one, each track (of a recording with
several audio tracks) or channel for itself, or these alone, counted from 1."""


@dataclass(frozen=True)
class Channel:
    """One channel of one audio track of a recording.

    Args:
        track: audio track of the file, from 1.
        channel: channel of that track, from 1.
        of: how many channels the track has.
        title: of the track, where the file has one.
        language: of the track as the file has it, such as `eng`; None where it says nothing.
        default: whether players choose this track by themselves.
    """

    track: int
    channel: int
    of: int
    title: str | None = None
    language: str | None = None
    default: bool = False


@dataclass(frozen=True)
class Part:
    """A channel of a group, and the factor by which its samples are multiplied."""

    channel: Channel
    gain: float = 1.0


@dataclass(frozen=True)
class Group:
    """Channels that are added up to one mono track."""

    parts: tuple[Part, ...]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Without their factors."""
        return tuple(part.channel for part in self.parts)


@dataclass(frozen=True)
class Choice:
    """What is taken of a recording.

    Args:
        mode: `single` one channel, `mix` several as one, `each` several groups of channels.
        groups: in the order of the file, at least one.
        reason: why, in a sentence.
        left_out: what is not taken, and why, a sentence each.
    """

    mode: Literal["single", "mix", "each"]
    groups: tuple[Group, ...]
    reason: str
    left_out: tuple[str, ...] = ()


def by_number(channels: list[Channel], numbers: list[int]) -> list[list[Channel]]:
    """The channels that numbers mean: audio tracks of a recording that has several, else channels
    of the only one.

    Raises:
        UsageError: there is no such track or channel.
    """
    units = separate_units(channels)
    wrong = [number for number in numbers if not 1 <= number <= len(units)]
    if wrong:
        kind = "audio track" if units[0][0].track != units[-1][0].track else "channel"
        there = f"{len(units)} {kind}s" if len(units) > 1 else f"one {kind}"
        raise UsageError(
            f"tracks: there is no {kind} {wrong[0]}, the recording has {there}; "
            f"give numbers from 1 to {len(units)}, or auto"
        )
    return [units[number - 1] for number in dict.fromkeys(numbers)]


def separate_units(channels: list[Channel]) -> list[list[Channel]]:
    """The channels track by track, or one by one if there is only one track."""
    tracks: dict[int, list[Channel]] = {}
    for channel in channels:
        tracks.setdefault(channel.track, []).append(channel)
    if len(tracks) > 1:
        return list(tracks.values())
    return [[channel] for channel in channels]


def name(some: list[Channel], everything: list[Channel]) -> str:
    """What to call some channels of a recording in a sentence, such as `track 2 "Anna"`,
    `channels 1 and 2`, `channel 3 of track 1`."""
    tracks = list(dict.fromkeys(channel.track for channel in some))
    several = len({channel.track for channel in everything}) > 1
    if not several:
        return _numbers("channel", [channel.channel for channel in some])
    if len(tracks) > 1:
        return _numbers("track", tracks)
    first = some[0]
    title = f' "{first.title}"' if first.title else ""
    if len(some) == first.of:
        return f"track {first.track}{title}"
    return f"{_numbers('channel', [c.channel for c in some])} of track {first.track}{title}"


def _numbers(kind: str, numbers: list[int]) -> str:
    """
    >>> _numbers("track", [2]), _numbers("track", [1, 2, 4])
    ('track 2', 'tracks 1, 2 and 4')
    """
    if len(numbers) == 1:
        return f"{kind} {numbers[0]}"
    return f"{kind}s {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
