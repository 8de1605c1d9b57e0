"""Where decoded sound belongs on the timeline of its file, by the time stamps of its frames."""

from bisect import bisect_left
from dataclasses import dataclass, field, replace

from scribe_assets.speech.timeline import Span, subtract

LATE = 0.1
"""Seconds by which a frame may be later than the end of the one before it. Time stamps of some
containers are rounded, and those of network recordings jitter; both stay below it, and so does what
is not told of a gap."""

EARLY = 0.04
"""Seconds by which a frame may be earlier. Where a recorder's clock is slower than its sound card,
the difference grows, and players drop as much."""

JUMP_BACK = 0.5
"""Seconds backwards from which on it is no overlap but a new beginning: one file behind another."""

LONGEST_GAP = 600.0
"""Seconds forwards up to which a jump is a gap, in a container whose time stamps may begin anew
anywhere (MPEG-TS, Ogg). Streams that were joined jump by hours; a tunnel takes minutes."""


@dataclass
class Beginnings:
    """Where the time stamps of a file begin anew, for all its tracks.

    The first track that comes to such a place decides where it lies, so that the tracks stay side
    by side.

    Attributes:
        continuous: the container promises one timeline, so that every jump forwards is a gap.
        shifts: by beginning, how many samples are added to a time stamp to give a position; empty:
            the first sound is at the beginning of the file.
    """

    continuous: bool
    shifts: list[int]


@dataclass(frozen=True)
class Placement:
    """What comes before some samples: silence, or the first of them are dropped."""

    silence: int = 0
    dropped: int = 0


@dataclass
class Clock:
    """The position of one track; all numbers are samples after the file's beginning. Its sound lies
    between `start` and `end`.

    >>> clock = Clock(Beginnings(continuous=True, shifts=[0]), sample_rate=1000)
    >>> clock.place(5000, 100), clock.place(5100, 100), clock.place(8000, 100)
    (Placement(silence=5000, dropped=0), Placement(silence=0, dropped=0), \
Placement(silence=2800, dropped=0))
    >>> clock.gaps, clock.place(0, 100), clock.position, clock.parts
    ([Span(start=5200, end=8000)], Placement(silence=0, dropped=0), 8200, [8100])
    """

    beginnings: Beginnings
    sample_rate: int
    position: int = 0
    heard: int = 0
    start: int | None = None
    end: int = 0
    gaps: list[Span[int]] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    _part: int = 0

    def place(self, stamp: int, count: int) -> Placement:
        """Place the next samples.

        Args:
            stamp: time stamp of the first sample.
            count: how many samples there are.
        """
        if not self.beginnings.shifts:
            self.beginnings.shifts.append(self.position - stamp)
        late = stamp + self.beginnings.shifts[self._part] - self.position
        if self._begins_anew(late):
            late = self._next_part(stamp)
        silence = dropped = 0
        if late > LATE * self.sample_rate or (self.start is None and late > 0):
            silence = late
            if self.start is not None:
                self.gaps.append(Span(self.position, self.position + late))
        elif late < -EARLY * self.sample_rate:
            dropped = min(-late, count)
        if self.start is None:
            self.start = silence
        self.heard += count - dropped
        self.position += silence + count - dropped
        self.end = self.position
        return Placement(silence, dropped)

    def continued(self, beginnings: Beginnings) -> "Clock":
        """The clock of the same track in a file that comes behind this one."""
        parts = [*self.parts, self.position]
        return replace(self, beginnings=beginnings, parts=parts, _part=0)

    def _begins_anew(self, late: int) -> bool:
        if self.start is None:
            return False
        if self.beginnings.continuous:
            return late < -JUMP_BACK * self.sample_rate
        return late < -JUMP_BACK * self.sample_rate or late > LONGEST_GAP * self.sample_rate

    def _next_part(self, stamp: int) -> int:
        """Begin the next part, and say how late the samples are by its own time stamps."""
        self._part += 1
        if self._part == len(self.beginnings.shifts):
            self.beginnings.shifts.append(self.position - stamp)
        self.parts.append(self.position)
        return stamp + self.beginnings.shifts[self._part] - self.position


def shared_gaps(clocks: list[Clock]) -> list[Span[int]]:
    """Where no track has sound, between the first and the last sound of all.

    Args:
        clocks: of the tracks that have sound.
    """
    whole = Span(min(clock.start or 0 for clock in clocks), max(clock.end for clock in clocks))
    sound = [span for clock in clocks for span in _between(clock.start or 0, clock.gaps, clock.end)]
    gaps = subtract([whole], sound)
    return [gap for gap in gaps if gap.duration > LATE * clocks[0].sample_rate]


def own_gaps(clock: Clock, shared: list[Span[int]]) -> list[Span[int]]:
    """The gaps of a track during which another one has sound."""
    ends = [gap.end for gap in shared]

    def is_shared(gap: Span[int]) -> bool:
        first = bisect_left(ends, gap.start + 1)
        return first < len(shared) and shared[first].start < gap.end

    return [gap for gap in clock.gaps if not is_shared(gap)]


def _between(start: int, gaps: list[Span[int]], end: int) -> list[Span[int]]:
    """What lies between gaps that are in order."""
    starts = [start, *(gap.end for gap in gaps)]
    ends = [*(gap.start for gap in gaps), end]
    return [Span(one, other) for one, other in zip(starts, ends, strict=True)]
