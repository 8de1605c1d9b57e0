"""Channels and tracks in real files, from the file to the audio that is transcribed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.local.demo import sample
from scribe_assets.speech.conversion import Conversion, convert
from scribe_assets.speech.media import SAMPLE_RATE, load
from scribe_assets_tests.media import ffmpeg_run

SECONDS = 12


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """(num_samples,) of a call, both speakers of which are in one channel."""
    samples, rate = soundfile.read(sample(), start=6 * SAMPLE_RATE, frames=SECONDS * SAMPLE_RATE)
    assert rate == SAMPLE_RATE
    return np.asarray(samples, np.float32)


def quiet(channels: int) -> np.ndarray:
    """(num_samples, channels) of a noise that nobody hears beside speech."""
    dice = np.random.default_rng(channels)
    noise = dice.standard_normal((SECONDS * SAMPLE_RATE, channels)) * 10 ** (-70 / 20)
    return np.asarray(noise, np.float32)


def inverted(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    """With the phase turned round from `low` to `high`, in Hz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(low <= hertz) & (hertz < high)] *= -1
    return np.asarray(np.fft.irfft(spectrum, len(samples)), np.float32)


def converted(folder: Path, channels: np.ndarray, name: str = "upload.wav") -> Conversion:
    """A file with these channels, (num_samples, num_channels), converted."""
    soundfile.write(folder / name, channels, SAMPLE_RATE)
    return convert(folder / name, folder / "audio.flac")


def loss(folder: Path, speech: np.ndarray, low: float, high: float) -> float:
    """Decibels by which the converted audio is softer than speech between `low` and `high` Hz."""
    audio = load(folder / "audio.flac")[: len(speech)]
    hertz = np.fft.rfftfreq(len(speech), 1 / SAMPLE_RATE)
    band = (low <= hertz) & (hertz < high)
    powers = [np.sum(np.abs(np.fft.rfft(sound)[band]) ** 2) for sound in (speech, audio)]
    return float(10 * np.log10(powers[0] / powers[1]))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 8000), (0, 400), (400, 1100), (600, 1800), (1700, 2500), (2000, 4000)]
)
def test_nothing_is_lost_where_a_channel_is_inverted(
    tmp_path: Path, speech: np.ndarray, low: float, high: float
) -> None:
    converted(tmp_path, np.stack([speech, inverted(speech, low, high)], axis=1))
    assert abs(loss(tmp_path, speech, low, high)) < 1
    assert abs(loss(tmp_path, speech, 200, 4000)) < 1


@pytest.mark.parametrize("channel", [0, 2, 3])
def test_one_of_four_is_inverted(tmp_path: Path, speech: np.ndarray, channel: int) -> None:
    channels = np.stack([speech] * 4, axis=1)
    channels[:, channel] *= -1
    converted(tmp_path, channels, "upload.flac")
    # The mean of three and one against them would be 6 dB softer.
    assert abs(loss(tmp_path, speech, 200, 4000)) < 1


@pytest.mark.parametrize(
    ("count", "channel"),
    [(3, 0), (3, 1), (3, 2), *((6, channel) for channel in range(6)), (10, 9), (16, 15)],
)
def test_a_speaker_in_any_channel(
    tmp_path: Path, speech: np.ndarray, count: int, channel: int
) -> None:
    channels = quiet(count)
    channels[:, channel] += speech
    done = converted(tmp_path, channels)
    assert abs(loss(tmp_path, speech, 200, 4000)) < 1
    taken = [part.channel for group in done.choice.groups for part in group.parts]
    assert [(part.track, part.channel) for part in taken] == [(1, channel + 1)]


@pytest.mark.parametrize("channel", [2, 3, 5])
def test_recorders_call_six_microphones_a_film(
    tmp_path: Path, speech: np.ndarray, channel: int
) -> None:
    # Of a film in 5.1 ffmpeg's own mix leaves out the fourth channel, which is for deep effects.
    channels = quiet(6)
    channels[:, channel] += speech
    soundfile.write(tmp_path / "six.wav", channels, SAMPLE_RATE)
    target = tmp_path / "six.m4a"
    layout = ("-af", "channelmap=0|1|2|3|4|5:5.1", "-c:a", "alac")
    ffmpeg_run("-i", tmp_path / "six.wav", *layout, target)
    convert(target, tmp_path / "audio.flac")
    assert abs(loss(tmp_path, speech, 200, 4000)) < 1


TRACKS = [("pcm_s16le", 48_000, 1), ("flac", 44_100, 2), ("libopus", 48_000, 1)]


@pytest.mark.parametrize("spoken", [0, 1, 2])
def test_a_speaker_in_any_track(tmp_path: Path, speech: np.ndarray, spoken: int) -> None:
    arguments: list[object] = []
    options: list[object] = []
    for number, (codec, rate, channels) in enumerate(TRACKS):
        sound = quiet(channels) + (speech[:, None] if number == spoken else 0)
        soundfile.write(tmp_path / f"{number}.wav", sound, SAMPLE_RATE)
        arguments += ["-i", tmp_path / f"{number}.wav"]
        options += ["-map", number, f"-c:a:{number}", codec, f"-ar:a:{number}", rate]
    target = tmp_path / "upload.mkv"
    ffmpeg_run(*arguments, *options, target)
    done = convert(target, tmp_path / "audio.flac")
    assert abs(loss(tmp_path, speech, 200, 4000)) < 1
    taken = {part.channel.track for group in done.choice.groups for part in group.parts}
    assert taken == {spoken + 1}
    codec, rate, channels = TRACKS[spoken]
    assert done.media.audio_codec == codec.removeprefix("lib")
    assert (done.media.sample_rate, done.media.channels) == (rate, channels)
