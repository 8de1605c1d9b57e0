"""Words with times that rise and have a length.

Whisper's alignment gives some words the same time, or none: twelve "no" in a row began and ended in
one moment. What follows needs an order: who says a word, which caption it is in.
"""

from collections.abc import Sequence
from dataclasses import replace

from scribe_assets.speech.timeline import Word

SHORTEST_SECONDS = 0.04
"""Of a word. The shortest that people say take twice as long."""


def with_lengths(words: Sequence[Word], start: float, end: float) -> list[Word]:
    """The same words in the same order, none of them shorter than `SHORTEST_SECONDS`, and none
    beginning before the one before it ends.

    Words that are too short take time from the silence around them; where there is none, they share
    the time of their neighbours evenly. Others keep their times.

    Args:
        words: of a block.
        start: of the block, in seconds.
        end: of the block.
    """
    if not words:
        return []
    shortest = min(SHORTEST_SECONDS, (end - start) / len(words))
    starts, ends = [word.start for word in words], [word.end for word in words]
    # Backwards, so that a word leaves room for all that follow; then forwards for all before it.
    room = end
    for index in reversed(range(len(words))):
        ends[index] = min(ends[index], room)
        starts[index] = min(starts[index], ends[index] - shortest)
        room = starts[index]
    room = start
    for index in range(len(words)):
        starts[index] = max(starts[index], room)
        ends[index] = max(ends[index], starts[index] + shortest)
        room = ends[index]
    return [
        replace(word, start=round(first, 3), end=round(last, 3))
        for word, first, last in zip(words, starts, ends, strict=True)
    ]
