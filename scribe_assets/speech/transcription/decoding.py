"""Blocks of speech through Whisper, several at a time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.activity import SpeechBlock
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.progress import Progress

if TYPE_CHECKING:
    import faster_whisper.transcribe
    from faster_whisper import WhisperModel

BEAM_SIZE = 5


BLOCK_SECONDS = 600.0
"""A block lasts no longer, so that little of a recording is in memory, and several blocks of a long
one can be decoded at a time. Where the first window of a block begins is the one place at which the
text may differ from that of the recording at once."""


MARGIN_SECONDS = 0.4
"""Silence that a block takes along on either side, where there is any."""


Decoded = tuple[SpeechBlock, str, "list[faster_whisper.transcribe.Segment]"]
"""A block, its language, and what was heard in it, in seconds from the block's start."""


Divide = Callable[[SpeechBlock, np.ndarray], list[tuple[SpeechBlock, str]]]
"""From a block and its samples to its parts in one language each, by ISO 639-1 code; mostly the
block itself."""


def with_margins(blocks: list[SpeechBlock], num_samples: int, longest: float) -> list[SpeechBlock]:
    """Blocks with some of the silence around them: Whisper misses words at the very edge.

    A recording no longer than a block is given whole, so that where its speech begins, which
    differs by milliseconds from codec to codec, does not move Whisper's window.

    Args:
        blocks: of a recording.
        num_samples: of the recording.
        longest: seconds of a block.
    """
    if len(blocks) == 1 and num_samples <= longest * SAMPLE_RATE:
        return [replace(blocks[0], start=0, end=num_samples)]
    margin = int(MARGIN_SECONDS * SAMPLE_RATE)
    ends = [0, *(block.end for block in blocks)][: len(blocks)]
    starts = [*(block.start for block in blocks), num_samples][1:]
    return [
        replace(block, start=max(end, block.start - margin), end=min(start, block.end + margin))
        for end, block, start in zip(ends, blocks, starts, strict=True)
    ]


def speech_in(samples: np.ndarray) -> tuple[np.ndarray, list[dict[str, int]]]:
    """The speech of a block without its longer pauses, in which Whisper would invent words.

    Args:
        samples: (num_samples,) float32 at 16 kHz.

    Returns:
        The speech, and the parts of the block that it is put together from, as faster-whisper
        writes them: `start` and `end` in samples of the block. Without any speech, the whole block.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    parts = get_speech_timestamps(samples, VadOptions()) or [{"start": 0, "end": len(samples)}]
    return np.concatenate([samples[part["start"] : part["end"]] for part in parts]), parts


def decoded(
    model: "WhisperModel",
    waveform: Waveform,
    blocks: list[SpeechBlock],
    divide: Divide,
    hotwords: str | None,
    progress: Progress | None = None,
) -> Iterator[Decoded]:
    """Decode blocks, several at a time, each by a worker of the model.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        blocks: of the recording.
        divide: decides in which language a block is transcribed, or parts of it.
        hotwords: words to expect, such as names.
        progress: called with the done fraction, by any of the threads.

    Returns:
        What was heard, in the order of the blocks.
    """
    from faster_whisper.transcribe import restore_speech_timestamps

    reached = {block.start: block.start for block in blocks}
    length = sum(block.duration for block in blocks)

    def report(block: SpeechBlock, sample: float) -> None:
        if progress:
            reached[block.start] = min(round(sample), block.end)
            done = sum(end - start for start, end in reached.items())
            progress(min(1.0, done / length))

    def decode_all(block: SpeechBlock, samples: np.ndarray) -> list[Decoded]:
        found = []
        for part, language in divide(block, samples):
            own = samples[part.start - block.start : part.end - block.start]
            heard = []
            for segment in decode(language, own):
                heard.append(segment)
                report(block, part.start + segment.end * SAMPLE_RATE)
            found.append((part, language, heard))
        report(block, block.end)
        return found

    def decode(language: str, samples: np.ndarray) -> "Iterator[faster_whisper.transcribe.Segment]":
        speech, parts = speech_in(samples)

        segments, _ = model.transcribe(
            speech,
            language=language,
            hotwords=hotwords,
            beam_size=BEAM_SIZE,
            temperature=0.0,  # see `fallback`
            word_timestamps=True,
        )
        yield from restore_speech_timestamps(segments, parts, SAMPLE_RATE)

    read = ((block, waveform[block.slice]) for block in blocks)
    for found in in_parallel(model.model.num_workers, lambda item: decode_all(*item), read):
        yield from found
