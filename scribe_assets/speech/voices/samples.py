"""Embeddings of people's voice samples, and of the speakers of recordings."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.media import SAMPLE_RATE, Waveform, cut
from scribe_assets.speech.timeline import Timeline, clean_spans, longest
from scribe_assets.speech.voices.embedding import embed_voices
from scribe_assets.speech.voices.voice import Voice, VoiceSample

if TYPE_CHECKING:
    from pyannote.audio import Model

TELEPHONE_HZ = (300, 3400)
"""The band of frequencies that a telephone lets through."""


def telephone_band(waveform: np.ndarray) -> np.ndarray:
    """A voice as a telephone lets it through: sampled at 8 kHz, 300 to 3400 Hz (Butterworth filter
    of order 4).

    Args:
        waveform: (num_samples,) float32 at 16 kHz.

    Returns:
        The same voice, (num_samples,) float32 at 16 kHz; a sample longer where that number is odd.
    """
    from scipy.signal import butter, resample_poly, sosfilt

    band = butter(4, TELEPHONE_HZ, "band", fs=SAMPLE_RATE // 2, output="sos")
    narrow = resample_poly(sosfilt(band, resample_poly(waveform, 1, 2)), 2, 1)
    return np.asarray(narrow, dtype=np.float32)


MIN_SPEECH_SECONDS = 1.0
"""Below this an embedding says little about a voice, and nobody is named."""


MAX_SPEECH_SECONDS = 60.0
"""More speech of a label does not change its embedding any more."""


TELEPHONE_WEIGHT = 0.7
"""Weight of the embedding of a sample's telephone band, beside that of the sample as it is."""


PIECE_SECONDS = 2.0
"""To see whether it is one voice, a sample is cut into pieces of this length."""


SEVERAL_VOICES = 0.48
"""A sample holds several voices if the two groups that its pieces make have a lower cosine
similarity (see `consistency`). Measured: one voice 0.55 and more, two voices 0.44 and less
(telephone)."""


def voice_sample(model: "Model", waveform: np.ndarray) -> VoiceSample:
    """Embed the speech in a sample of a person's voice, and check that it is one voice.

    The embedding is the weighted mean of two: of the speech as it is, and of its telephone band. So
    one sample is enough to recognise the person in a room and on a telephone
    (docs/decisions/0004-identification-threshold.md).

    Args:
        model: a speaker embedding model.
        waveform: (num_samples,) float32 at 16 kHz.
    """
    regions = [waveform[region.slice] for region in speech_regions(waveform)]
    seconds = sum(map(len, regions)) / SAMPLE_RATE
    if seconds < MIN_SPEECH_SECONDS:
        return VoiceSample(None, seconds, problem=f"too little speech: {seconds:.1f} s")
    similarity = consistency(model, np.concatenate(regions))
    if similarity is not None and similarity < SEVERAL_VOICES:
        return VoiceSample(None, seconds, similarity, f"several voices ({similarity:.2f} alike)")
    wide, narrow = embed_voices(model, [regions, [telephone_band(region) for region in regions]])
    if wide is None or narrow is None:
        return VoiceSample(None, seconds, similarity, "it has no voice that could be embedded")
    total = wide + TELEPHONE_WEIGHT * narrow
    return VoiceSample(total / np.linalg.norm(total), seconds, similarity)


def consistency(model: "Model", speech: np.ndarray) -> float | None:
    """How alike the pieces of a voice are.

    They are parted into the two groups that are least alike on average (agglomerative clustering,
    average linkage).

    Args:
        model: a speaker embedding model.
        speech: (num_samples,) float32 at 16 kHz, without silence.

    Returns:
        The mean cosine similarity of the two groups; None where there are less than two pieces.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    length = int(PIECE_SECONDS * SAMPLE_RATE)
    limited = speech[: int(MAX_SPEECH_SECONDS * SAMPLE_RATE)]
    cut_up = [
        [limited[start : start + length]] for start in range(0, len(limited) - length + 1, length)
    ]
    pieces = [piece for piece in embed_voices(model, cut_up) if piece is not None]
    if len(pieces) < 2:
        return None
    merges = linkage(pdist(np.stack(pieces), "cosine"), "average")
    return float(1 - merges[-1, 2])


def embed_speakers(model: "Model", waveform: Waveform, timeline: Timeline) -> list[Voice]:
    """Embed every speaker of a recording from the speech nobody else speaks over.

    Args:
        model: a speaker embedding model.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        timeline: of the same recording.
    """
    voices, speech = [], []
    for label in timeline.speakers:
        spans = clean_spans(timeline, label)
        alone = sum(span.duration for span in spans)
        spoken = sum(turn.duration for turn in timeline.turns if turn.speaker == label)
        voices.append(Voice(label, None, spoken, alone))
        enough = alone >= MIN_SPEECH_SECONDS
        speech.append(cut(waveform, longest(spans, MAX_SPEECH_SECONDS)) if enough else [])
    embedded = embed_voices(model, speech)
    return [replace(voice, embedding=own) for voice, own in zip(voices, embedded, strict=True)]
