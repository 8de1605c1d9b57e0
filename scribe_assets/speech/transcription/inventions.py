"""What Whisper makes up: found by its own doubts, by voice activity and by repetition."""

from collections import Counter
from typing import TYPE_CHECKING

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.media import SAMPLE_RATE

if TYPE_CHECKING:
    import faster_whisper.transcribe

NO_SPEECH = 0.6
"""Whisper's threshold for its probability that nobody speaks (https://arxiv.org/abs/2212.04356)."""


UNSURE = -1.0
"""Whisper's threshold for the mean log probability of its tokens."""


LOOPING = 2.4
"""Whisper's threshold for how many times shorter gzip makes a text; more means a loop."""


OUTSIDE_SECONDS = 0.5
"""Whisper's times are rough: a word that is no further from a region of speech belongs to it."""


MAX_REPEATS = 3
"""People say the same thing up to so many times in a row; more is a loop."""


SENTENCE_WORDS = 4
"""From so many words on, a segment that comes again and again is a loop; "yes" is not."""


def without_inventions(
    block: SpeechBlock,
    heard: "list[faster_whisper.transcribe.Segment]",
    removed: Counter[str],
) -> "list[faster_whisper.transcribe.Segment]":
    """Remove the words that Whisper has made up.

    Args:
        block: where the segments were heard; their times count from its start.
        heard: in order of time; their words are changed in place.
        removed: the words removed are added to it, by reason: `silence` where the model itself
            doubts that anybody speaks, `outside_speech` where voice activity finds no speech,
            `repeated` in a loop.

    Returns:
        The segments that are left, with the words that are left in them.
    """
    kept: list[faster_whisper.transcribe.Segment] = []
    same = 0
    for segment in heard:
        words = segment.words or []
        if segment.no_speech_prob > NO_SPEECH and segment.avg_logprob < UNSURE:
            removed["silence"] += len(words)
            continue
        inside = [
            word
            for word in words
            if block.distance_to_speech(block.start + (word.start + word.end) / 2 * SAMPLE_RATE)
            <= OUTSIDE_SECONDS * SAMPLE_RATE
        ]
        removed["outside_speech"] += len(words) - len(inside)
        said = inside
        if segment.compression_ratio > LOOPING:
            said = without_loops(inside)
            removed["repeated"] += len(inside) - len(said)
        text = "".join(word.word for word in said).strip().casefold()
        before = "".join(word.word for word in kept[-1].words or []) if kept else ""
        same = same + 1 if text == before.strip().casefold() else 0
        if same >= MAX_REPEATS and len(said) >= SENTENCE_WORDS:
            removed["repeated"] += len(said)
            continue
        segment.words = said
        kept.append(segment)
    return kept


def without_loops(
    words: "list[faster_whisper.transcribe.Word]",
) -> "list[faster_whisper.transcribe.Word]":
    """Keep a phrase once where it is said more than `MAX_REPEATS` times in a row."""
    said = [word.word.strip().casefold() for word in words]
    kept: list[faster_whisper.transcribe.Word] = []
    position = 0
    while position < len(words):
        for length in range(1, (len(words) - position) // (MAX_REPEATS + 1) + 1):
            phrase = said[position : position + length]
            end = position + length
            while said[end : end + length] == phrase:
                end += length
            if (end - position) // length > MAX_REPEATS:
                kept += words[position : position + length]
                position = end
                break
        else:
            kept.append(words[position])
            position += 1
    return kept
