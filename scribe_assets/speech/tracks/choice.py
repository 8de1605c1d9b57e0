"""Which channels of a recording are taken, together or each for itself, by what is in them.

The evidence for channels that hold different speakers is exclusive dominance: for some time one is
much louder than the other, and for some time it is the other way round, each time against what
they are to each other otherwise. A constant difference is a matter of gain, a small one that of
two microphones in one room. How much is much was measured: docs/decisions/0013.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scribe_assets.errors import UsageError
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.tracks.channels import (
    Channel,
    Choice,
    Group,
    Part,
    Wish,
    by_number,
    name,
    separate_units,
)
from scribe_assets.speech.tracks.levels import FRAME, SILENCE, Measured, measure, smoothed
from scribe_assets.speech.tracks.weights import weights

FRAMES_A_SECOND = SAMPLE_RATE / FRAME


@dataclass(frozen=True)
class Thresholds:
    """When channels count as one sound, or as different speakers.

    Args:
        average: frames over which levels are averaged, so that a syllable that reaches one
            microphone sooner than the other makes no difference of level.
        above_noise: decibels above a channel's own noise from which its speech counts.
        softest: decibels below a channel's loud speech to which its speech counts.
        evidence: seconds of dominance that are needed on each side, and seconds of speech that no
            other channel explains, for a channel to be taken for itself.
        same: decibels by which the difference of two channels may vary where they are one sound
            but for noise.
        apart: decibels by which it varies at the least between different speakers' microphones. Two
            microphones of one room reach 12, a lavalier on each speaker 20 and more.
        together: share of a track's speech that falls into speech of a track in another language,
            if it is the same film in that language.
    """

    average: int = 9
    above_noise: float = 8.0
    softest: float = 25.0
    evidence: float = 1.0
    same: float = 6.0
    apart: float = 16.0
    together: float = 0.6


def choose(
    sounds: Mapping[Channel, Waveform],
    tracks: Wish = "auto",
    progress: Progress | None = None,
    thresholds: Thresholds | None = None,
) -> Choice:
    """Choose the channels of a recording that are transcribed, and which of them together.

    Args:
        sounds: (num_samples,) float32 at 16 kHz of every channel, in the order of the file, on one
            timeline; read once, a minute at a time.
        tracks: what a person wants.
        progress: called with the done fraction.
        thresholds: of the choice by content.

    Raises:
        UsageError: a number in `tracks` that the recording does not have.
    """
    channels = list(sounds)
    if not channels:
        raise UsageError("a recording has at least one channel")
    numbered = by_number(channels, tracks) if isinstance(tracks, list) else None
    measured = measure(list(sounds.values()), progress)
    content = _Content(channels, measured, thresholds or Thresholds())
    if numbered is not None:
        return content.told(numbered)
    if len(channels) == 1:
        return content.choice([[0]], "the recording has one channel")
    if tracks == "each":
        return content.each()
    content.leave_out_what_adds_nothing()
    return content.auto() if tracks == "auto" else content.mixed()


class _Content:
    """A choice in the making: channels are known by their index."""

    def __init__(self, channels: list[Channel], measured: Measured, thresholds: Thresholds):
        self.channels = channels
        self.measured = measured
        self.thresholds = thresholds
        self.left_out: list[str] = []
        self.left = [index for index in range(len(channels)) if measured.speech[index].any()]

    def choice(self, groups: list[list[int]], reason: str) -> Choice:
        """The choice of these groups."""
        parts = []
        for members in groups:
            spoken = [index for index in members if self.measured.speech[index].any()]
            factors: dict[int, float] = {}
            # A person may ask for different speakers as one: none of them is softer for that.
            for same in self._same(spoken, self.thresholds.apart) if spoken else [members]:
                factors |= weights(self.measured, same)
                self._tell_about_mix(same, factors)
            parts.append(
                Group(
                    tuple(Part(self.channels[index], factors[index]) for index in sorted(factors))
                )
            )
        if len(parts) > 1:
            return Choice("each", tuple(parts), reason, tuple(self.left_out))
        return Choice(
            "mix" if len(parts[0].parts) > 1 else "single",
            tuple(parts),
            reason,
            tuple(self.left_out),
        )

    def told(self, numbered: list[list[Channel]]) -> Choice:
        """What a person has given numbers of."""
        groups = [[self.channels.index(channel) for channel in unit] for unit in numbered]
        taken = {index for members in groups for index in members}
        others = [index for index in range(len(self.channels)) if index not in taken]
        if others:
            self._tell(others, "not asked for")
        return self.choice(groups, f"{self.name(sorted(taken))} as asked for")

    def each(self) -> Choice:
        """Every track, or channel of the only track, that has speech."""
        units = separate_units(self.channels)
        groups = [[self.channels.index(channel) for channel in unit] for unit in units]
        spoken = [members for members in groups if set(members) & set(self.left)]
        if not spoken:
            return self._without_speech()
        for members in groups:
            if members not in spoken:
                self._tell(members, "no speech")
        return self.choice(spoken, "each for itself as asked for")

    def mixed(self) -> Choice:
        """All that has speech, as one."""
        if not self.left:
            return self._without_speech()
        return self.choice([self.left], f"{self.name(self.left)} mixed as asked for")

    def auto(self) -> Choice:
        """By content."""
        if not self.left:
            return self._without_speech()
        groups = self._one_track_of_the_same(self._same(self.left, self.thresholds.apart))
        if len(groups) > 1:
            names = ", ".join(self.name(members) for members in groups)
            return self.choice(groups, f"different speakers: {names}")
        (members,) = groups
        if len(members) == 1:
            return self.choice(groups, f"only {self.name(members)} has speech of its own")
        return self.choice(groups, f"{self.name(members)} hold the same sound")

    def leave_out_what_adds_nothing(self) -> None:
        """Channels without speech, other languages of a film, and what others hold better."""
        silent = [index for index in range(len(self.channels)) if index not in self.left]
        if not self.left:
            return
        for members in self._by_track(silent):
            self._tell(members, "no speech")
        self._leave_out_other_languages()
        self._leave_out_explained()

    def name(self, members: list[int]) -> str:
        return name([self.channels[index] for index in members], self.channels)

    def _without_speech(self) -> Choice:
        """The default track, else the first one: somebody may still want to hear it."""
        first = next((c.track for c in self.channels if c.default), self.channels[0].track)
        members = [i for i, channel in enumerate(self.channels) if channel.track == first]
        others = [i for i in range(len(self.channels)) if i not in members]
        for unit in self._by_track(others):
            self._tell(unit, "no speech")
        return self.choice([members], f"no speech was found; {self.name(members)} is taken")

    def _leave_out_other_languages(self) -> None:
        """A film in several languages: the track that players choose, else the first one."""
        spoken = {self.channels[i].track: self.channels[i] for i in reversed(self.left)}
        in_order = [spoken[track] for track in sorted(spoken)]
        main = next((c for c in in_order if c.default), in_order[0])
        own: np.ndarray = self._speech_of(main.track)
        for other in in_order:
            if not main.language or not other.language or other.language == main.language:
                continue
            theirs = self._speech_of(other.track)
            both = int(np.logical_and(own, theirs).sum())
            if both < self.thresholds.together * min(own.sum(), theirs.sum()):
                continue
            gone = [i for i in self.left if self.channels[i].track == other.track]
            self.left = [i for i in self.left if i not in gone]
            self._tell(
                gone,
                f"the same in another language ({other.language}); "
                f"{self.name([self.channels.index(main)])} ({main.language}) is taken",
            )

    def _speech_of(self, track: int) -> np.ndarray:
        rows = [i for i, channel in enumerate(self.channels) if channel.track == track]
        spoken: np.ndarray = self.measured.speech[rows].any(axis=0)
        return spoken

    def _leave_out_explained(self) -> None:
        """Channels that hold only what others hold better: bleed, and a mix of other tracks."""
        clusters = self._same(self.left, self.thresholds.same)
        for members in sorted(clusters, key=self._loudness):
            others = [c for c in clusters if c is not members and c[0] in self.left]
            if not others:
                continue
            dominance = _dominance(self._levels_of([members, *others]), self.thresholds)
            if dominance.own_seconds(0) < dominance.needed(0):
                self.left = [i for i in self.left if i not in members]
                better = sorted(index for cluster in others for index in cluster)
                self._tell(members, f"only what {self.name(better)} holds as well")

    def _loudness(self, members: list[int]) -> float:
        return float(self.measured.levels[members][self.measured.speech[members]].mean())

    def _levels_of(self, groups: list[list[int]]) -> "_Levels":
        """Each group as if it were one channel: the first of it, which is like the others."""
        firsts = [members[0] for members in groups]
        return _levels(self.measured, firsts, self.thresholds)

    def _same(self, members: list[int], limit: float) -> list[list[int]]:
        """Clusters within which any two channels differ by a level that varies by less."""
        gaps = _dominance(_levels(self.measured, members, self.thresholds), self.thresholds).gaps
        clusters: list[list[int]] = []
        for place in range(len(members)):
            fits = [c for c in clusters if all(gaps[place, other] < limit for other in c)]
            if fits:
                min(fits, key=lambda c: max(gaps[place, other] for other in c)).append(place)
            else:
                clusters.append([place])
        return [[members[place] for place in cluster] for cluster in clusters]

    def _one_track_of_the_same(self, groups: list[list[int]]) -> list[list[int]]:
        """Of one sound in several tracks of several channels, such as a film's stereo and 5.1, the
        default track, else the first one. Mono tracks are as good as channels of one track."""
        kept = []
        for members in groups:
            tracks = {self.channels[i].track for i in members}
            if len(tracks) > 1 and any(self.channels[i].of > 1 for i in members):
                main = next(
                    (self.channels[i].track for i in members if self.channels[i].default),
                    min(tracks),
                )
                gone = [i for i in members if self.channels[i].track != main]
                members = [i for i in members if self.channels[i].track == main]
                self._tell(gone, f"the same sound as {self.name(members)}")
            kept.append(members)
        return kept

    def _by_track(self, members: list[int]) -> list[list[int]]:
        tracks: dict[int, list[int]] = {}
        for index in members:
            tracks.setdefault(self.channels[index].track, []).append(index)
        return list(tracks.values())

    def _tell(self, members: list[int], why: str) -> None:
        self.left_out.append(f"{self.name(members)}: {why}")

    def _tell_about_mix(self, members: list[int], factors: dict[int, float]) -> None:
        inverted = [index for index in members if factors.get(index, 0) < 0]
        if inverted:
            self.left_out.append(f"{self.name(inverted)}: inverted, turned round in the mix")
        gone = [index for index in members if index not in factors]
        if gone:
            taken = [index for index in members if index in factors]
            self._tell(gone, f"{self.name(taken)} alone is clearer than mixed with it")


@dataclass(frozen=True)
class _Levels:
    """Levels of some channels, averaged over time, and where their own speech counts."""

    levels: np.ndarray
    active: np.ndarray


def _levels(measured: Measured, members: list[int], thresholds: Thresholds) -> _Levels:
    levels = smoothed(measured.levels[members], thresholds.average)
    active = measured.speech[members].copy()
    for row, (level, speaks) in enumerate(zip(levels, active, strict=True)):
        silence = level[~speaks]
        noise = float(np.median(silence)) if len(silence) else SILENCE
        loud = float(np.percentile(level[speaks], 90)) if speaks.any() else 0.0
        least = max(min(noise + thresholds.above_noise, loud), loud - thresholds.softest)
        active[row] &= level >= least
    return _Levels(levels, active)


@dataclass(frozen=True)
class _Dominance:
    """How much louder each channel gets than each other one while there is speech in it."""

    levels: _Levels
    most: np.ndarray
    thresholds: Thresholds

    @property
    def gaps(self) -> np.ndarray:
        """(num_channels, num_channels): decibels by which the difference of two channels varies."""
        gaps: np.ndarray = self.most + self.most.T
        return gaps

    def needed(self, row: int) -> float:
        """Seconds of own speech that a channel needs: less if it has not much more than that."""
        spoken = self.levels.active[row].sum() / FRAMES_A_SECOND
        return min(self.thresholds.evidence, 0.3 * float(spoken))

    def own_seconds(self, row: int) -> float:
        """Seconds of speech of a channel that no other one explains: of that one, the other has
        more than at half way between its least and its most."""
        own = self.levels.active[row].copy()
        for other in range(len(self.most)):
            if other != row:
                difference = self.levels.levels[other] - self.levels.levels[row]
                half_way = (self.most[other, row] - self.most[row, other]) / 2
                own = np.logical_and(own, difference < half_way)
        return float(own.sum()) / FRAMES_A_SECOND


def _dominance(levels: _Levels, thresholds: Thresholds) -> _Dominance:
    """For each pair of channels the difference of level that is reached for some time."""
    count = len(levels.levels)
    most = np.zeros((count, count), np.float32)
    for row in range(count):
        active = levels.active[row]
        frames = int(active.sum())
        enough = max(1, min(round(thresholds.evidence * FRAMES_A_SECOND), round(0.3 * frames)))
        if not frames:
            most[row] = -np.inf
            continue
        own = levels.levels[row][active]
        for other in range(count):
            if other != row:
                difference = own - levels.levels[other][active]
                most[row, other] = np.partition(difference, frames - enough)[frames - enough]
    return _Dominance(levels, most, thresholds)
