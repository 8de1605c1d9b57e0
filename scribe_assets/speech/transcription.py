"""Speech to text with word times, by faster-whisper (https://github.com/SYSTRAN/faster-whisper)."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from scribe_assets.errors import PermanentError
from scribe_assets.speech.audio import (
    SAMPLE_RATE,
    Progress,
    SpeechBlock,
    Waveform,
    speech_blocks,
)

if TYPE_CHECKING:
    import faster_whisper.transcribe
    from faster_whisper import WhisperModel

UNSPACED_LANGUAGES = {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
"""Written without spaces between words."""


Item = TypeVar("Item")
Result = TypeVar("Result")

BEAM_SIZE = 5

BLOCK_SECONDS = 58.0
"""Two of Whisper's windows; more would leave the last core alone for longer."""

GPU_WORKERS = 4

MARGIN_SECONDS = 0.4

LANGUAGE_BLOCKS = 8
SURE_OF_LANGUAGE = 0.9

NO_SPEECH = 0.6
UNSURE = -1.0
LOOPING = 2.4
"""Whisper's own thresholds (https://arxiv.org/abs/2212.04356): of its probability of silence, of
the mean log probability of its tokens, and of how much gzip shortens a text."""

NO_REPEAT = 5
"""Words in a row that may not come again where the model has fallen into a loop."""

OUTSIDE_SECONDS = 0.5
"""Whisper's times are rough: a word so near to speech, padded already, may belong to it."""

MOST_REPEATS = 3
SENTENCE_WORDS = 4
"""People say a word or a phrase again, but hardly a sentence, or anything more than three times."""

Decoded = tuple[SpeechBlock, str, "list[faster_whisper.transcribe.Segment]"]
"""A block, its language, and what was heard in it, in seconds from the block's start."""

LanguageOf = Callable[[np.ndarray], str]
"""Of the speech of a block."""


@dataclass(frozen=True)
class Word:
    """One word; times in seconds from the start of the recording, probability in [0, 1]."""

    start: float
    end: float
    word: str
    probability: float


@dataclass(frozen=True)
class TranscriptSegment:
    """A stretch of words that Whisper decoded together."""

    start: float
    end: float
    text: str
    words: list[Word]
    language: str | None = None


@dataclass(frozen=True)
class Transcription:
    """What was said; no language and no segments where nobody speaks.

    `removed` are the words that Whisper invented, by reason (see `without_inventions`).
    """

    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]
    removed: dict[str, int] = field(default_factory=dict)


def find_whisper(name: str, hf_token: str | None) -> Path:
    """Folder of a Whisper model in CTranslate2 form.

    Args:
        name: a folder, or a name that faster-whisper knows or finds on the Hugging Face hub.
        hf_token: for gated models.

    Raises:
        PermanentError: there is no such model, or it cannot be had.
    """
    from faster_whisper import download_model

    try:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            folder = Path(download_model(name, use_auth_token=hf_token))
        if not (folder / "model.bin").is_file():
            raise ValueError(f"{folder} holds no model.bin")
    except (OSError, RuntimeError, ValueError) as error:
        raise _cannot_be_loaded(name, error) from error
    return folder


def load_whisper(folder: Path, device: str) -> "WhisperModel":
    """Load a Whisper model in CTranslate2 form.

    Args:
        folder: see `find_whisper`.
        device: `cpu`, `cuda` or `cuda:N`.

    Raises:
        PermanentError: it cannot be loaded.
    """
    import torch
    from faster_whisper import WhisperModel

    kind, _, index = device.partition(":")
    try:
        return WhisperModel(
            str(folder),
            device=kind,
            device_index=int(index or 0),
            # As exact as the weights, at the least memory: 8 bit integers on a CPU, half
            # precision floats with 8 bit weights on a GPU.
            compute_type="int8" if kind == "cpu" else "int8_float16",
            # A core decodes a block of its own: its steps are too small to be shared.
            cpu_threads=1 if kind == "cpu" else 0,
            num_workers=torch.get_num_threads() if kind == "cpu" else GPU_WORKERS,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _cannot_be_loaded(str(folder), error) from error


@contextmanager
def windows_encoded_once(model: "WhisperModel") -> Iterator[None]:
    """The encoder remembers the windows it has just seen: each one that begins a block is asked for
    twice, for its language and for its text."""
    encode = model.encode

    @lru_cache(maxsize=2 * LANGUAGE_BLOCKS)
    def encoded(features: bytes, shape: tuple[int, ...]) -> Any:
        return encode(np.frombuffer(features, np.float32).reshape(shape).copy())

    model.encode = lambda features: encoded(features.tobytes(), features.shape)
    try:
        yield
    finally:
        model.encode = encode


def _cannot_be_loaded(name: str, error: Exception) -> PermanentError:
    return PermanentError(
        f"the Whisper model {name!r} cannot be loaded ({error}); set SCRIBE_WHISPER_MODEL to "
        "'base', another faster-whisper model name or a CTranslate2 folder"
    )


def transcribe(
    model: "WhisperModel",
    waveform: Waveform,
    language: str | None = None,
    hotwords: str | None = None,
    progress: Progress | None = None,
) -> Transcription:
    """Transcribe a recording. Only speech, found by voice activity, is shown to the model.

    Blocks of speech are decoded several at a time, on a CPU one on each core.
    What Whisper is known to invent is removed and counted: words where nobody speaks, sentences and
    words that it repeats in a loop.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        language: ISO 639-1 code, or None to detect it on speech from all parts of the recording;
            then a block in which another one is clearly spoken is transcribed in that.
        hotwords: words to expect, such as names.
        progress: called with the done fraction.

    Raises:
        PermanentError: the model does not know the language.
    """
    if language and language not in model.supported_languages:
        raise PermanentError(
            f"the model does not know the language {language!r}; it knows "
            f"{', '.join(sorted(model.supported_languages))}"
        )
    blocks = list(speech_blocks(waveform, BLOCK_SECONDS))
    blocks = with_margins(blocks, len(waveform), BLOCK_SECONDS)
    if not blocks:
        return Transcription(language, None, [])
    removed: Counter[str] = Counter()
    segments: list[TranscriptSegment] = []
    with windows_encoded_once(model):
        main, probability = (language, 1.0) if language else main_language(model, waveform, blocks)

        def language_of(speech: np.ndarray) -> str:
            return language or own_language(model, main, speech)

        for block, own, heard in decoded(model, waveform, blocks, language_of, hotwords):
            for segment in without_inventions(block, heard, removed):
                words = _words(segment.words or [], block, spaced=own not in UNSPACED_LANGUAGES)
                if words:
                    text = "".join(word.word for word in segment.words or []).strip()
                    segments.append(
                        TranscriptSegment(words[0].start, words[-1].end, text, words, language=own)
                    )
            if progress:
                progress(min(1.0, block.end / len(waveform)))
    return Transcription(main, round(probability, 3), segments, dict(removed))


def with_margins(blocks: list[SpeechBlock], num_samples: int, longest: float) -> list[SpeechBlock]:
    """Blocks with some of the silence around them, by which Whisper hears words at their edges.

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
    """The speech of a block without its longer pauses, as Whisper hears it best, and the `start`
    and `end` samples in the block of the parts that it is put together from.

    Args:
        samples: (num_samples,) float32 at 16 kHz.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    parts = get_speech_timestamps(samples, VadOptions()) or [{"start": 0, "end": len(samples)}]
    return np.concatenate([samples[part["start"] : part["end"]] for part in parts]), parts


def likely_languages(model: "WhisperModel", speech: np.ndarray) -> dict[str, float]:
    """ISO 639-1 code to probability, by the first 30 s.

    Args:
        model: see `load_whisper`.
        speech: (num_samples,) float32 at 16 kHz.
    """
    if not model.model.is_multilingual:
        return {"en": 1.0}
    # Without the last frame, as faster-whisper cuts it: the window is encoded once for both.
    return dict(model.detect_language(features=model.feature_extractor(speech)[:, :-1])[2])


def main_language(
    model: "WhisperModel", waveform: Waveform, blocks: list[SpeechBlock]
) -> tuple[str, float]:
    """The language that is the most probable one on average over blocks from all parts of a
    recording, and its mean probability.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        blocks: of the recording, at least one.
    """
    some = min(len(blocks), LANGUAGE_BLOCKS)
    chosen = [
        blocks[number] for number in np.linspace(0, len(blocks) - 1, some).round().astype(int)
    ]
    read = (waveform[block.start : block.end] for block in chosen)
    total: Counter[str] = Counter()
    for likely in in_parallel(
        model.model.num_workers,
        lambda samples: likely_languages(model, speech_in(samples)[0]),
        read,
    ):
        total.update(likely)
    main, summed = total.most_common(1)[0]
    return main, summed / some


def own_language(model: "WhisperModel", main: str, speech: np.ndarray) -> str:
    """The language of a block: another one than the recording's only where the model is sure, for
    small models often take an accent or noise for one.

    Args:
        model: see `load_whisper`.
        main: language of the recording.
        speech: (num_samples,) float32 at 16 kHz, of the block.
    """
    likely = likely_languages(model, speech)
    own = max(likely, key=lambda code: likely[code])
    return own if likely[own] >= SURE_OF_LANGUAGE else main


def decoded(
    model: "WhisperModel",
    waveform: Waveform,
    blocks: list[SpeechBlock],
    language_of: LanguageOf,
    hotwords: str | None,
) -> Iterator[Decoded]:
    """Decode blocks, several at a time, each by a worker of the model."""
    from faster_whisper.transcribe import restore_speech_timestamps

    def decode(block: SpeechBlock, samples: np.ndarray) -> Decoded:
        speech, parts = speech_in(samples)
        language = language_of(speech)

        def hear(**options: Any) -> "list[faster_whisper.transcribe.Segment]":
            found, _ = model.transcribe(
                speech,
                language=language,
                hotwords=hotwords,
                beam_size=BEAM_SIZE,
                # No sampling where the model is unsure: the same sound gives the same text.
                temperature=0.0,
                word_timestamps=True,
                # Text carried from window to window is how Whisper falls into loops.
                condition_on_previous_text=False,
                **options,
            )
            return list(restore_speech_timestamps(found, parts, SAMPLE_RATE))

        heard = hear()
        if any(segment.compression_ratio > LOOPING for segment in heard):
            heard = hear(no_repeat_ngram_size=NO_REPEAT)
        return block, language, heard

    read = ((block, waveform[block.start : block.end]) for block in blocks)
    return in_parallel(model.model.num_workers, lambda item: decode(*item), read)


def in_parallel(
    workers: int, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """`map` by several threads, which takes an item only when it will soon be needed."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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
            if block.distance(block.start + (word.start + word.end) / 2 * SAMPLE_RATE)
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


def _words(
    raw: "list[faster_whisper.transcribe.Word]", block: SpeechBlock, spaced: bool
) -> list[Word]:
    """Whisper's words with times in the recording, ended within their block.

    Whisper splits at some apostrophes and hyphens ("l" + "'homme"); a piece that does not begin
    with a space belongs to the word before it, so that words joined by spaces give the text.
    """
    words: list[Word] = []
    for piece in raw:
        text = piece.word.strip()
        if not text:
            continue
        offset, limit = block.start / SAMPLE_RATE, block.end / SAMPLE_RATE
        start = round(min(offset + piece.start, limit), 3)
        end = round(min(offset + max(piece.start, piece.end), limit), 3)
        probability = round(piece.probability, 3)
        if spaced and words and not piece.word.startswith(" "):
            before = words.pop()
            start, text = before.start, before.word + text
            probability = min(before.probability, probability)
        words.append(Word(start, end, text, probability))
    return words
