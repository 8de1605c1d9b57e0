"""TODO"""

from collections import Counter
from typing import TYPE_CHECKING

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.media import SAMPLE_RATE

if TYPE_CHECKING:
    import faster_whisper.transcribe

NO_SPEECH = 0.6


UNSURE = -1.0


LOOPING = 2.4
"""Whisper's own thresholds (https://arxiv.org/abs/2212.04356): of its probability of silence, of
the mean log probability of its tokens, and of how much gzip shortens a text."""


OUTSIDE_SECONDS = 0.5
"""Whisper's times are rough: a word so near to speech, padded already, may belong to it."""


MOST_REPEATS = 3


SENTENCE_WORDS = 4
"""People say a word or a phrase again, but hardly a sentence, or anything more than three times."""


def without_inventions(
    block: SpeechBlock,
    heard: "list[faster_whisper.transcribe.Segment]",
    removed: Counter[str],
) -> "list[faster_whisper.transcribe.Segment]":
    """Remove what Whisper is known to invent.

    Args:
        block: where the segments were heard; their times count from its start.
        heard: in order of time; their words are changed in place.
        removed: words by reason, counted up: `silence` where the model itself doubts that anybody
            speaks, `outside_speech` where voice activity finds none, `repeated` in a loop.
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
        if same >= MOST_REPEATS and len(said) >= SENTENCE_WORDS:
            removed["repeated"] += len(said)
            continue
        segment.words = said
        kept.append(segment)
    return kept


def without_loops(
    words: "list[faster_whisper.transcribe.Word]",
) -> "list[faster_whisper.transcribe.Word]":
    """Keep one of phrases that follow themselves more than `MOST_REPEATS` times."""
    said = [word.word.strip().casefold() for word in words]
    kept: list[faster_whisper.transcribe.Word] = []
    position = 0
    while position < len(words):
        for length in range(1, (len(words) - position) // (MOST_REPEATS + 1) + 1):
            phrase = said[position : position + length]
            end = position + length
            while said[end : end + length] == phrase:
                end += length
            if (end - position) // length > MOST_REPEATS:
                kept += words[position : position + length]
                position = end
                break
        else:
            kept.append(words[position])
            position += 1
    return kept
