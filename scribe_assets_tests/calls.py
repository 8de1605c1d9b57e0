"""Calls and rooms made of pyannote's sample recording: each speaker on a channel, with bleed."""

from collections.abc import Sequence

import numpy as np

from scribe_assets.local.demo import sample
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.timeline import Span, subtract
from scribe_assets.speech.tracks.channels import Channel


def decibels(value: float) -> np.float32:
    """The factor for a difference of level."""
    return np.float32(10 ** (value / 20))


def turns_alone() -> list[list[Span[float]]]:
    """Where each of the two speakers of the sample speaks alone, in seconds."""
    spoken: dict[str, list[Span[float]]] = {}
    for line in sample().with_suffix(".rttm").read_text().splitlines():
        fields = line.split()
        start, seconds, speaker = float(fields[3]), float(fields[4]), fields[7]
        spoken.setdefault(speaker, []).append(Span(start, start + seconds))
    one, other = spoken.values()
    return [subtract(one, other), subtract(other, one)]


def speakers() -> tuple[np.ndarray, np.ndarray]:
    """The voice of each speaker of the sample, silent elsewhere: float32 at 16 kHz, 30 s."""
    whole = decode(sample())
    voices = []
    for spans in turns_alone():
        voice = np.zeros_like(whole)
        for span in spans:
            where = slice(round(span.start * 16_000), round(span.end * 16_000))
            voice[where] = whole[where]
        voices.append(voice)
    return voices[0], voices[1]


def noise(length: int, level: float = -70, seed: int = 0) -> np.ndarray:
    """White noise at a level in decibels of full scale."""
    random = np.random.default_rng(seed).standard_normal(length)
    return (random * decibels(level)).astype(np.float32)


def through_air(voice: np.ndarray, level: float, milliseconds: float = 5.0) -> np.ndarray:
    """What another microphone hears of a voice: softer, later and with some echo."""
    heard = np.zeros_like(voice)
    for delay, gain in ((0, 1.0), (7, -0.5), (19, 0.4), (37, -0.25), (61, 0.15)):
        samples = round((milliseconds + delay) * 16)
        heard[samples:] += np.float32(gain) * voice[:-samples]
    return heard * decibels(level)


def channels(*of: int, titles: Sequence[str | None] = (), **fields: object) -> list[Channel]:
    """The channels of tracks with so many channels each."""
    return [
        Channel(
            track=track,
            channel=channel,
            of=count,
            title=titles[track - 1] if titles else None,
            **fields,  # type: ignore[arg-type]
        )
        for track, count in enumerate(of, 1)
        for channel in range(1, count + 1)
    ]
