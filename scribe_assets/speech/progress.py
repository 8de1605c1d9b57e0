"""Progress of long work, as one figure."""

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with the done fraction, 0 to 1, now and then."""


def part_of(progress: Progress | None, start: float, end: float) -> Progress:
    """The progress of a part of the work, from its start to its end in the progress of the whole.

    >>> seen = []
    >>> part_of(seen.append, 0.5, 1.0)(0.5)
    >>> seen
    [0.75]
    """

    def report(done: float) -> None:
        if progress:
            progress(start + (end - start) * done)

    return report
