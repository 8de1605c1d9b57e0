"""Which language a recording is in, and which parts of it are in another one."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scribe_assets.speech.activity import SpeechBlock, speech_regions
from scribe_assets.speech.compute import in_parallel
from scribe_assets.speech.media import SAMPLE_RATE, Waveform
from scribe_assets.speech.timeline import LIKELY_LANGUAGE, Span, equal_parts
from scribe_assets.speech.transcription.decoding import speech_in

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

LANGUAGE_WINDOWS = 8
"""So many windows of a recording are asked for its language."""

FEW_WINDOWS = 3
FEW_SECONDS = 10.0
"""That much of so many windows is asked first: where they surely agree, that is enough."""


SURE_OF_LANGUAGE = 0.9
"""Probability from which speech counts as in another language than the one that was given, or than
those that are expected."""


PAUSE_SECONDS = 0.6
"""Longer than a breath within a sentence: who speaks afterwards may do so in another language."""


PIECE_SECONDS = 4.0
"""Of speech, from which on the language is told surely enough. Chosen with
`LEAST_LIKELY` and `CHANGE_PRICE` on recordings in one and in two languages, see decision 0009."""


LONGEST_PIECE_SECONDS = 15.0
"""Of speech without a breath that are asked for one language."""


LEAST_LIKELY = 0.005
"""So likely a language of a piece always is: no piece alone is sure beyond that."""


CHANGE_PRICE = 2.0
"""Natural logarithm of how much likelier the pieces must be in another language, for each change
into one."""


@contextmanager
def windows_encoded_once(model: "WhisperModel") -> Iterator[None]:
    """Let the encoder remember the windows that it has just seen.

    The window of a short recording, which is asked for its language, would be encoded again for its
    text otherwise.
    """
    encode = model.encode

    @lru_cache(maxsize=2 * LANGUAGE_WINDOWS)
    def encoded(features: bytes, shape: tuple[int, ...]) -> Any:
        return encode(np.frombuffer(features, np.float32).reshape(shape).copy())

    model.encode = lambda features: encoded(features.tobytes(), features.shape)
    try:
        yield
    finally:
        model.encode = encode


def likely_languages(model: "WhisperModel", speech: np.ndarray) -> dict[str, float]:
    """The probability of each language, by ISO 639-1 code, from the first 30 s of speech.

    Args:
        model: see `load_whisper`.
        speech: (num_samples,) float32 at 16 kHz.
    """
    if not model.model.is_multilingual:
        return {"en": 1.0}
    # Without the last frame, as faster-whisper cuts it: the window is encoded once for both.
    return dict(model.detect_language(features=model.feature_extractor(speech)[:, :-1])[2])


@dataclass(frozen=True)
class ExpectedLanguages:
    """ISO 639-1 codes of the languages that are spoken in an installation, in any order; empty: any
    of those that the model knows."""

    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SpokenLanguages:
    """What is known of the languages of one recording.

    Attributes:
        main: the one that is spoken most, or the given one.
        given: by a person; then all of the recording is in it. None: each part has its own.
        expected: in the installation.
    """

    main: str
    given: str | None
    expected: ExpectedLanguages


def main_language(
    model: "WhisperModel",
    waveform: Waveform,
    windows: list[SpeechBlock],
    expected: ExpectedLanguages = ExpectedLanguages(),
) -> tuple[str, float]:
    """The language of a recording, and its probability.

    It is the one that is most probable on average over windows from all parts of the recording.
    Where it is less likely than all others together, the most probable of those that are expected
    is taken.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        windows: of the recording, of up to 30 s, at least one.
        expected: see above.
    """
    if len(windows) > 1:
        heard = int(FEW_SECONDS * SAMPLE_RATE)
        some = _spread(waveform, windows, FEW_WINDOWS)
        few = [likely_in_piece(model, speech_in(samples)[0][:heard]) for samples in some]
        best = {max(own, key=lambda code: own[code]) for own in few}
        if len(best) == 1 and min(max(own.values()) for own in few) >= SURE_OF_LANGUAGE:
            (main,) = best
            return main, sum(own[main] for own in few) / len(few)
    total: Counter[str] = Counter()
    for likely in in_parallel(
        model.model.num_workers,
        lambda samples: likely_languages(model, speech_in(samples)[0]),
        _spread(waveform, windows, LANGUAGE_WINDOWS),
    ):
        total.update(likely)
    some_of_them = min(len(windows), LANGUAGE_WINDOWS)
    main, summed = total.most_common(1)[0]
    known = [code for code in expected.codes if code in total]  # a small model lacks Cantonese
    if known and summed / some_of_them < LIKELY_LANGUAGE:
        main = max(known, key=lambda code: total[code])
    return main, total[main] / some_of_them


def _spread(
    waveform: Waveform, windows: Sequence[SpeechBlock], number: int
) -> Iterator[np.ndarray]:
    """The samples of so many windows from all parts of a recording, or of all of them."""
    chosen = np.linspace(0, len(windows) - 1, min(len(windows), number)).round().astype(int)
    return (waveform[windows[place].slice] for place in chosen)


def likely_in_piece(model: "WhisperModel", piece: np.ndarray) -> dict[str, float]:
    """The probability of each language from some seconds of speech.

    Whisper's encoder is shown no more than the piece, which for 4 s takes a twentieth of the time
    of the whole window of 30 s, and tells the languages of such pieces as well.

    Args:
        model: see `load_whisper`.
        piece: (num_samples,) float32 at 16 kHz; at most 30 s of it are heard.
    """
    if not model.model.is_multilingual:
        return {"en": 1.0}
    extract = model.feature_extractor
    missing = max(0, int(PIECE_SECONDS * SAMPLE_RATE) - len(piece))
    features = extract(np.pad(piece[: extract.n_samples], (0, missing)), padding=0)
    # Past `windows_encoded_once`: a piece is not seen again, and would push out a window that is.
    found = model.model.detect_language(type(model).encode(model, features))[0]
    return {token.strip("<|>"): probability for token, probability in found}


def by_language(
    model: "WhisperModel",
    block: SpeechBlock,
    samples: np.ndarray,
    spoken: SpokenLanguages,
) -> list[tuple[SpeechBlock, str]]:
    """A block, or the parts of it that are in one language each.

    The block is cut at breaths into pieces of some seconds, and theirs is the most likely sequence
    of languages, in which a change has its price (Viterbi): small models often take an accent or
    noise for another language.

    Args:
        model: see `load_whisper`.
        block: of the recording.
        samples: (num_samples,) float32 at 16 kHz, of the block.
        spoken: the languages of the recording.
    """
    if spoken.given:
        return [(block, spoken.given)]
    # Who goes on in another language takes a breath, which is no pause between regions of a block.
    breaths = tuple(
        Span(block.start + part.start, block.start + part.end)
        for region in speech_regions(samples)
        for part in equal_parts(
            region, math.ceil(region.duration / (LONGEST_PIECE_SECONDS * SAMPLE_RATE))
        )
    )
    breathing = replace(block, regions=breaths or block.regions)
    pieces = _pieces(breathing)
    likely = [
        likely_in_piece(model, samples[piece.start - block.start : piece.end - block.start])
        for piece in pieces
    ]
    seconds = [piece.duration / SAMPLE_RATE for piece in pieces]
    languages = languages_in_order(likely, seconds, spoken.main, spoken.expected)
    if len({*languages}) > 1:
        return _runs(breathing, pieces, languages)
    if languages[0] == spoken.main:
        return [(block, spoken.main)]
    # All of it in another language than the recording: that, the longest window has to confirm.
    window = likely_languages(model, speech_in(samples)[0])
    return [(block, max(languages[0], spoken.main, key=lambda code: window[code]))]


def languages_in_order(
    likely: Sequence[Mapping[str, float]],
    seconds: Sequence[float],
    main: str,
    expected: ExpectedLanguages = ExpectedLanguages(),
) -> list[str]:
    """The most likely sequence of languages.

    Args:
        likely: probability of each language in each piece of speech, in order of time.
        seconds: of each piece; shorter ones than `PIECE_SECONDS` weigh less.
        main: the language before the first piece.
        expected: where there are any, a piece is in another one than these and the main one only
            with the probability `SURE_OF_LANGUAGE`.
    """
    if expected.codes:
        usual = {main, *expected.codes}
        likely = [
            {code: p for code, p in own.items() if code in usual or p >= SURE_OF_LANGUAGE}
            for own in likely
        ]
    codes = {main}.union(*likely)
    score = {code: 0.0 if code == main else -CHANGE_PRICE for code in codes}
    came_from: list[dict[str, str]] = []
    for own, duration in zip(likely, seconds, strict=True):
        best = max(score, key=lambda code: score[code])
        stays = {code: score[code] >= score[best] - CHANGE_PRICE for code in codes}
        weight = min(1.0, duration / PIECE_SECONDS)
        came_from.append({code: code if stays[code] else best for code in codes})
        score = {
            code: (score[code] if stays[code] else score[best] - CHANGE_PRICE)
            + weight * math.log(max(own.get(code, 0.0), LEAST_LIKELY))
            for code in codes
        }
    path = [max(score, key=lambda code: score[code])]
    for before in reversed(came_from[1:]):
        path.append(before[path[-1]])
    return path[::-1]


def _pieces(block: SpeechBlock) -> list[Span[int]]:
    """Regions of speech, short ones put together until they are long enough to tell a language, but
    not across a pause."""
    pieces: list[Span[int]] = []
    start: int | None = None
    end = 0
    for region in block.regions:
        is_long = region.duration >= PIECE_SECONDS * SAMPLE_RATE
        if start is not None and (is_long or region.start - end > PAUSE_SECONDS * SAMPLE_RATE):
            pieces.append(Span(start, end))
            start = None
        start, end = region.start if start is None else start, region.end
        if end - start >= PIECE_SECONDS * SAMPLE_RATE:
            pieces.append(Span(start, end))
            start = None
    if start is not None:
        pieces.append(Span(start, end))
    return pieces


def _runs(
    block: SpeechBlock, pieces: list[Span[int]], languages: list[str]
) -> list[tuple[SpeechBlock, str]]:
    """Parts of a block by the languages of its pieces."""
    starts, own = [block.start], [languages[0]]
    for (last, piece), language in zip(pairwise(pieces), languages[1:], strict=True):
        if language != own[-1]:  # cut in the middle of the breath
            starts.append((last.end + piece.start) // 2)
            own.append(language)
    ends = [*starts[1:], block.end]
    parts = []
    for start, end, language in zip(starts, ends, own, strict=True):
        inside = tuple(region for region in block.regions if start <= region.start < end)
        parts.append((SpeechBlock(start, end, inside or (Span(start, end),)), language))
    return parts
