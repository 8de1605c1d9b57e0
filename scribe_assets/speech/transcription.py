"""Speech to text with word times, by faster-whisper (https://github.com/SYSTRAN/faster-whisper)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.errors import PermanentError
from scribe_assets.speech.audio import SAMPLE_RATE, Progress, speech_regions

if TYPE_CHECKING:
    import faster_whisper.transcribe
    from faster_whisper import WhisperModel

UNSPACED_LANGUAGES = {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
"""Written without spaces between words."""


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


@dataclass(frozen=True)
class Transcription:
    """What was said; no language and no segments where nobody speaks."""

    language: str | None
    language_probability: float | None
    segments: list[TranscriptSegment]


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
            cpu_threads=torch.get_num_threads(),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise _cannot_be_loaded(str(folder), error) from error


def _cannot_be_loaded(name: str, error: Exception) -> PermanentError:
    return PermanentError(
        f"the Whisper model {name!r} cannot be loaded ({error}); set SCRIBE_WHISPER_MODEL to "
        "'base', another faster-whisper model name or a CTranslate2 folder"
    )


def transcribe(
    model: "WhisperModel",
    waveform: np.ndarray,
    language: str | None = None,
    hotwords: str | None = None,
    progress: Progress | None = None,
) -> Transcription:
    """Transcribe a recording. Only speech, found by voice activity, is shown to the model.

    Args:
        model: see `load_whisper`.
        waveform: (num_samples,) float32 at 16 kHz.
        language: ISO 639-1 code, or None to detect it on the first 30 s of speech.
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
    if not speech_regions(waveform):
        return Transcription(language, None, [])
    import ctranslate2

    # Where the decoder is unsure it samples: with one seed the same recording gives the same text.
    ctranslate2.set_random_seed(0)
    duration = len(waveform) / SAMPLE_RATE
    found, info = model.transcribe(
        waveform,
        language=language,
        hotwords=hotwords,
        beam_size=5,
        vad_filter=True,
        word_timestamps=True,
        # Text carried from window to window is how Whisper falls into loops.
        condition_on_previous_text=False,
    )
    segments = []
    for segment in found:
        words = _words(
            segment.words or [], duration, spaced=info.language not in UNSPACED_LANGUAGES
        )
        if words:
            text = "".join(word.word for word in segment.words or []).strip()
            segments.append(TranscriptSegment(words[0].start, words[-1].end, text, words))
        if progress:
            progress(min(1.0, segment.end / duration))
    return Transcription(info.language, round(info.language_probability, 3), segments)


def _words(
    raw: "list[faster_whisper.transcribe.Word]", duration: float, spaced: bool
) -> list[Word]:
    """Whisper's words, ended within the recording.

    Whisper splits at some apostrophes and hyphens ("l" + "'homme"); a piece that does not begin
    with a space belongs to the word before it, so that words joined by spaces give the text.
    """
    words: list[Word] = []
    for piece in raw:
        text = piece.word.strip()
        if not text:
            continue
        start = round(min(piece.start, duration), 3)
        end = round(min(max(piece.start, piece.end), duration), 3)
        probability = round(piece.probability, 3)
        if spaced and words and not piece.word.startswith(" "):
            before = words.pop()
            start, text = before.start, before.word + text
            probability = min(before.probability, probability)
        words.append(Word(start, end, text, probability))
    return words
