"""Which channels of a recording are taken, together or each for itself, by what is in them.

The evidence for channels that hold different speakers is exclusive dominance: for some time one is
much louder than the other, and for some time it is the other way round, each time against what
they are to each other otherwise. A constant difference is a matter of gain, a small one that of
two microphones in one room. How much is much was measured: docs/decisions/0013.
"""

from collections.abc import Mapping

import numpy as np

from scribe_assets.errors import UsageError
from scribe_assets.speech.media import Waveform
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
from scribe_assets.speech.tracks.dominance import Dominance, Thresholds
from scribe_assets.speech.tracks.levels import Measured, measure
from scribe_assets.speech.tracks.weights import weights


def choose(
    sounds: Mapping[Channel, Waveform],
    tracks: Wish = "auto",
    progress: Progress | None = None,
    thresholds: Thresholds | None = None,
) -> Choice:
    """Choose the channels of a recording that are transcribed, and which of them together.

    Args:
        sounds: (num_samples,) float32 at 16 kHz of every channel, in the order of the file, on one
            timeline; read once, half a minute at a time.
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
        self.dominance = Dominance(measured, thresholds)
        self.left_out: list[str] = []
        self.left = [index for index in range(len(channels)) if measured.speech[index].any()]

    def choice(self, groups: list[list[int]], reason: str) -> Choice:
        """The choice of these groups."""
        parts = []
        for members in groups:
            spoken = [index for index in members if self.measured.speech[index].any()]
            factors: dict[int, float] = {}
            # A person may ask for different speakers as one: none of them is softer for that.
            for same in self._groups(spoken) if spoken else [members]:
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
        groups = self._one_track_of_the_same(self._groups(self.left))
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
        own = self._speech_of(main.track)
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
        """(num_frames,) bool: where somebody speaks in a track."""
        rows = [i for i, channel in enumerate(self.channels) if channel.track == track]
        return np.logical_or.reduce(self.measured.speech[rows])

    def _leave_out_explained(self) -> None:
        """Channels that hold only what others hold better: bleed, and a mix of other tracks."""
        clusters = self._same(self.left, self.thresholds.same)
        for members in sorted(clusters, key=lambda c: self.dominance.loudness(c[0])):
            self._leave_out_if_explained(members, others=[i for i in self.left if i not in members])
        # Beside channels of different speakers, a microphone that nobody sits at hears all of them
        # about as well as they hear each other.
        groups = self._groups(self.left)
        crowded = [index for members in groups if len(members) > 1 for index in members]
        if len(groups) > 1:
            for index in sorted(crowded, key=self.dominance.loudness):
                twins = next(cluster for cluster in clusters if index in cluster)
                others = [other for other in self.left if other not in twins]
                self._leave_out_if_explained([index], others, self.thresholds.apart / 2)

    def _leave_out_if_explained(
        self, members: list[int], others: list[int], margin: float = 0.0
    ) -> None:
        if others and self.dominance.explained(members[0], others, margin):
            self.left = [index for index in self.left if index not in members]
            self._tell(members, f"nothing that is not in {self.name(others)} as well")

    def _groups(self, members: list[int]) -> list[list[int]]:
        """Clusters of channels that are not of different speakers."""
        return self._same(members, self.dominance.apart)

    def _same(self, members: list[int], limit: np.ndarray | float) -> list[list[int]]:
        """Clusters within which any two channels differ by a level that varies by less."""
        gaps = self.dominance.gaps - limit
        clusters: list[list[int]] = []
        for index in members:
            fits = [c for c in clusters if gaps[index, c].max() < 0]
            if fits:
                min(fits, key=lambda c: float(gaps[index, c].max())).append(index)
            else:
                clusters.append([index])
        return clusters

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
