"""Asset checks on documents of our choice: when they warn, and what they say."""

from typing import Any, cast

import numpy as np
import pytest
from dagster import AssetCheckResult, AssetCheckSeverity

from scribe_assets.artifacts.documents import (
    Diarization,
    Options,
    Recording,
    Result,
    Sound,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.checks.recording.converted_audio import sound_is_well_recorded
from scribe_assets.checks.recording.diarization import somebody_speaks, speakers_are_within_bounds
from scribe_assets.checks.recording.fused_result import no_word_seems_invented
from scribe_assets.checks.recording.speaker_identities import identities_are_clear
from scribe_assets.checks.recording.transcript import words_are_likely
from scribe_assets.speech.media import sound_levels
from scribe_assets.speech.media_info import MediaInfo
from scribe_assets.speech.timeline import SpokenSegment, TranscriptSegment, Turn, Word
from scribe_assets.speech.voices.voice import Identity
from scribe_assets.storage.recordings import ConvertedAudio
from scribe_assets_tests.unit.results import RESULT, segment


def said(check: AssetCheckResult) -> tuple[bool, dict[str, Any]]:
    """Whether it passed, and what it tells; a check that does not pass is a warning."""
    assert check.severity == AssetCheckSeverity.WARN
    return check.passed, {name: value.value for name, value in check.metadata.items()}


def audio(sound: Sound | None) -> ConvertedAudio:
    recording = Recording(
        recording_id="a",
        user_id="default",
        source=RESULT.source,
        media=MediaInfo("wav", 1, "pcm_s16le", 16_000, 1, None),
        duration=60,
        options=Options(),
        warnings="",
        sound=sound,
    )
    return ConvertedAudio(recording)


@pytest.mark.parametrize(
    ("sound", "passed", "why"),
    [
        (Sound(peaks=[0.1, 0.6], clipped=0), True, "neither"),
        (Sound(peaks=[0.1, 1.0], clipped=0.0001), True, "neither"),
        (Sound(peaks=[1.0, 1.0], clipped=0.02), False, "clipped"),
        (Sound(peaks=[0.001, 0.004], clipped=0), False, "very quiet"),
        (None, True, "has not measured"),
    ],
)
def test_clipped_and_quiet_sound_is_told(sound: Sound | None, passed: bool, why: str) -> None:
    found, told = said(sound_is_well_recorded(audio(sound)))
    assert found == passed
    assert why in told["why"]


def test_clipping_is_measured_at_the_samples_themselves() -> None:
    wave = np.full(16_000, 0.5, np.float32)
    wave[8_000:8_160] = -1.0
    levels = sound_levels(wave, 4)
    assert levels.peaks == [0.5, 0.5, 1.0, 0.5]
    assert levels.clipped == pytest.approx(0.01)
    assert sound_levels(wave[:2], 4).peaks == [0.5, 0.5]
    assert sound_levels(wave[:0], 4).peaks == []


def diarization(*turns: Turn) -> Diarization:
    return Diarization(
        recording_id="a", model="m", duration=60, turns=list(turns), exclusive=list(turns)
    )


def test_a_recording_in_which_nobody_speaks_is_told() -> None:
    assert said(somebody_speaks(diarization())) == (False, {"seconds": 0.0})
    assert said(somebody_speaks(diarization(Turn(1, 3, "SPEAKER_00")))) == (True, {"seconds": 2.0})


@pytest.mark.parametrize(
    ("options", "found", "why"),
    [
        ({}, 3, ""),
        ({"num_speakers": 3}, 3, ""),
        ({"num_speakers": 3}, 2, "there are 3"),
        ({"max_speakers": 4}, 3, ""),
        ({"max_speakers": 3}, 3, "at most 3"),
        ({"min_speakers": 2, "max_speakers": 5}, 2, "at least 2"),
        ({"min_speakers": 1, "max_speakers": 5}, 1, ""),
        ({"min_speakers": 3, "max_speakers": 3}, 3, ""),
    ],
)
def test_a_number_of_speakers_at_a_bound_is_told(
    options: dict[str, int], found: int, why: str
) -> None:
    turns = [Turn(n, n + 1.0, f"SPEAKER_{n:02d}") for n in range(found)]
    passed, told = said(
        speakers_are_within_bounds(diarization(*turns), Options.model_validate(options))
    )
    assert passed == (not why)
    assert why in told["why"]


@pytest.mark.parametrize(
    ("score", "second", "same_as", "clear"),
    [
        (0.80, 0.30, None, True),
        (0.60, 0.30, None, False),  # nearly not known
        (0.56, 0.30, None, False),  # nearly known
        (0.80, 0.78, None, False),  # nearly somebody else
        (0.30, 0.29, None, True),  # a stranger, like nobody
        (0.60, 0.30, "SPEAKER_01", True),  # decided by another label
        (None, None, None, True),
    ],
)
def test_whose_name_should_be_confirmed_is_told(
    score: float | None, second: float | None, same_as: str | None, clear: bool
) -> None:
    identity = Identity(
        label="SPEAKER_00",
        person_id=None,
        name=None,
        score=score,
        runner_up="ben",
        runner_up_score=second,
        speech_seconds=3,
        decision="unknown",
        reason="as it is",
        same_as=same_as,
    )
    identities = SpeakerIdentities(
        recording_id="a", model="m", threshold=0.58, enrolled=[], identities=[identity]
    )
    passed, told = said(cast("AssetCheckResult", identities_are_clear(identities)))
    assert passed == clear
    assert told["who"] == ("nobody" if clear else "- SPEAKER\\_00: as it is")


@pytest.mark.parametrize(("unlikely", "passed"), [(0, True), (2, True), (3, False)])
def test_many_unlikely_words_are_told(unlikely: int, passed: bool) -> None:
    words = [Word(n, n + 1, "word", 0.3 if n < unlikely else 0.9) for n in range(10)]
    transcript = Transcript(
        recording_id="a",
        model="m",
        language="en",
        language_probability=1,
        segments=[TranscriptSegment(0, 10, "words", words)],
    )
    found, told = said(words_are_likely(transcript))
    assert found == passed
    assert (told["words"], told["unlikely"]) == (10, unlikely)
    assert said(words_are_likely(transcript.model_copy(update={"segments": []})))[0]


def result(*segments: SpokenSegment) -> Result:
    return RESULT.model_copy(update={"segments": list(segments)})


def test_words_that_nobody_says_are_told() -> None:
    heard = diarization(Turn(0, 20, "SPEAKER_00"), Turn(1, 2, "SPEAKER_01"))
    passed, _ = said(
        no_word_seems_invented(result(segment(19.5, "SPEAKER_00", "nearly", "there")), heard)
    )
    assert passed
    passed, told = said(
        no_word_seems_invented(
            result(segment(5, "SPEAKER_00", "Hello"), segment(40, "SPEAKER_00", "Thanks", "all")),
            heard,
        )
    )
    assert not passed
    assert told["words"] == 2
    assert "0:40 nobody speaks: Thanks" in told["where"]


def test_what_is_said_again_and_again_is_told() -> None:
    heard = diarization(Turn(0, 20, "SPEAKER_00"))
    loop = [segment(n, "SPEAKER_00", "See", "you", "there.", step=0.2) for n in range(4)]
    passed, told = said(no_word_seems_invented(result(*loop), heard))
    assert not passed
    assert told["repeated"] == 1
    assert said(no_word_seems_invented(result(*loop[:2]), heard))[0]
    answers = [segment(n, "SPEAKER_00", "Yes.") for n in range(5)]
    assert said(no_word_seems_invented(result(*answers), heard))[0]
