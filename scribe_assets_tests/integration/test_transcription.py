"""Transcription with the real model."""

from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Transcription
from scribe_assets.speech.transcription.languages import ExpectedLanguages
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets_tests.media import shared_data

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator["WhisperModel"]:
    registry = ModelRegistry(cache=tmp_path_factory.mktemp("models"))
    with registry.transcriber() as model:
        yield model


def test_a_window_is_encoded_once_for_its_language_and_its_text(
    whisper: "WhisperModel", sample_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = whisper.encode
    seen: list[bytes] = []

    def watched(features: np.ndarray) -> Any:
        seen.append(features.tobytes())
        return encode(features)

    monkeypatch.setattr(whisper, "encode", watched)
    said = transcribe(whisper, decode(sample_recording))
    assert said.language == "en"
    assert len(seen) == len(set(seen)) > 0
    assert whisper.encode is watched, "nothing is left behind in the model"


def test_the_words_are_those_of_faster_whisper_at_once(
    whisper: "WhisperModel", sample_recording: Path
) -> None:
    """Several windows of it, with text that goes from one to the next."""
    speech = np.tile(decode(sample_recording), 3)
    plain, _ = whisper.transcribe(
        speech, language="en", beam_size=5, vad_filter=True, word_timestamps=True
    )
    expected = " ".join("".join(segment.text for segment in plain).split())
    said = transcribe(whisper, speech, language="en")
    assert len(expected.split()) > 200
    assert " ".join(segment.text for segment in said.segments) == expected


def test_many_blocks_give_the_words_of_each(
    whisper: "WhisperModel", sample_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times count from the start of the recording, whichever block a word stands in."""
    seconds = 58.0
    monkeypatch.setattr("scribe_assets.speech.transcription.transcribe.BLOCK_SECONDS", seconds)
    speech = decode(sample_recording)
    pause = np.zeros(int(seconds) * SAMPLE_RATE, np.float32)
    once = transcribe(whisper, speech, language="en")
    twice = transcribe(whisper, np.concatenate([speech, pause, speech]), language="en")
    later = (len(speech) + len(pause)) / SAMPLE_RATE
    expected = [word for segment in once.segments for word in segment.words]
    words = [word for segment in twice.segments for word in segment.words]
    first = [word for word in words if word.start < later]
    second = [replace(word, start=word.start - later) for word in words if word.start >= later]
    for part in (first, second):
        # Blocks begin elsewhere than the recording, by which a word or two may differ.
        texts = [word.word for word in expected], [word.word for word in part]
        same = SequenceMatcher(None, texts[0], texts[1], autojunk=False)
        assert same.ratio() > 0.75
        away = [
            abs(expected[one.a + number].start - part[one.b + number].start)
            for one in same.get_matching_blocks()
            for number in range(one.size)
        ]
        assert np.median(away) < 0.3


def test_each_part_is_transcribed_in_its_language(whisper: "WhisperModel") -> None:
    data = shared_data()
    english = decode(data / "conversations" / "interview-2spk.flac")[: 60 * SAMPLE_RATE]
    french = decode(next(iter(sorted((data / "french").glob("*.mp3")))))
    said = transcribe(whisper, np.concatenate([english, np.zeros(SAMPLE_RATE, "f4"), french]))
    border = len(english) / SAMPLE_RATE
    before = {segment.language for segment in said.segments if segment.end < border}
    after = {segment.language for segment in said.segments if segment.start > border}
    assert (before, after) == ({"en"}, {"fr"})


def test_a_language_may_change_inside_of_a_block(whisper: "WhisperModel") -> None:
    """A few seconds of each, without a pause that would part them."""
    data = shared_data()
    english = decode(data / "conversations" / "interview-2spk.flac")[: 14 * SAMPLE_RATE]
    french = decode(data / "conversations" / "entretien-3spk.flac")[: 14 * SAMPLE_RATE]
    for parts, languages in (((english, french), ["en", "fr"]), ((french, english), ["fr", "en"])):
        said = transcribe(whisper, np.concatenate(parts))
        heard = [segment.language for segment in said.segments]
        assert list(dict.fromkeys(heard)) == languages
        assert said.segments[-1].end > 20


def test_a_sentence_is_not_drowned_by_a_longer_one_in_another_language(
    whisper: "WhisperModel",
) -> None:
    """Together they fill no more than one of Whisper's windows."""
    data = shared_data()
    spanish = min((decode(file) for file in data.rglob("fleurs-es-*.ogg")), key=len)
    french = decode(max(data.rglob("fleurs-fr-*.ogg"), key=lambda file: file.stat().st_size))
    said = transcribe(whisper, np.concatenate([spanish, french[: 20 * SAMPLE_RATE]]))
    border = len(spanish) / SAMPLE_RATE
    assert {segment.language for segment in said.segments if segment.end <= border} == {"es"}
    assert {segment.language for segment in said.segments if segment.start >= border} == {"fr"}


def spoken(said: Transcription) -> int:
    return sum(len(segment.words) for segment in said.segments)


def test_a_much_softer_turn_has_its_words(whisper: "WhisperModel", sample_recording: Path) -> None:
    speech = decode(sample_recording)[7 * SAMPLE_RATE :]
    loud, soft = speech[: 11 * SAMPLE_RATE], speech[11 * SAMPLE_RATE :]
    apart = spoken(transcribe(whisper, loud)), spoken(transcribe(whisper, soft))
    said = transcribe(whisper, np.concatenate([loud, soft * np.float32(10 ** (-15 / 20))]))
    later = sum(word.start > 11 for segment in said.segments for word in segment.words)
    assert later >= 0.7 * apart[1]
    assert spoken(said) >= 0.7 * sum(apart)
    assert not said.unheard


def test_hotwords_cost_no_words(whisper: "WhisperModel", sample_recording: Path) -> None:
    speech = decode(sample_recording)
    many = ", ".join(f"Kowalczyk{number}" for number in range(300))
    without = spoken(transcribe(whisper, speech, language="en"))
    assert spoken(transcribe(whisper, speech, language="en", hotwords=many)) >= 0.8 * without


def test_too_little_speech_is_in_an_expected_language_or_gives_none(
    whisper: "WhisperModel", sample_recording: Path
) -> None:
    blip = decode(sample_recording)[int(7.2 * SAMPLE_RATE) : int(7.6 * SAMPLE_RATE)]
    for expected in ((), ("en", "fr")):
        said = transcribe(whisper, blip, expected=ExpectedLanguages(expected))
        assert said.language in (None, "en", *expected)
        if said.language is None:
            assert not said.segments


def test_a_language_that_is_not_the_spoken_one_is_told(
    whisper: "WhisperModel", sample_recording: Path
) -> None:
    speech = decode(sample_recording)
    assert transcribe(whisper, speech, language="fr").language_heard == "en"
    assert transcribe(whisper, speech, language="en").language_heard is None


def test_noise_gives_no_words(whisper: "WhisperModel") -> None:
    noise = np.random.default_rng(0).standard_normal(30 * SAMPLE_RATE).astype(np.float32) * 0.05
    said = transcribe(whisper, noise)
    assert not said.segments
