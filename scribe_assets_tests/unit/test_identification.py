"""The open-set decision."""

import numpy as np

from scribe_assets.speech.diarization import Timeline, Turn
from scribe_assets.speech.identification import Voice, Voiceprint, clean_spans, identify


def unit(*values: float) -> np.ndarray:
    return np.array(values) / np.linalg.norm(values)


ANNE = Voiceprint("anne", "Anne", unit(1, 0, 0))
BEN = Voiceprint("ben", "Ben", unit(0, 1, 0))


def voice(label: str, embedding: np.ndarray | None, seconds: float = 10) -> Voice:
    return Voice(label, embedding, seconds, seconds)


def test_the_nearest_person_is_taken_above_the_threshold() -> None:
    (found,) = identify([voice("S0", unit(1, 0.2, 0))], [ANNE, BEN])
    assert (found.person_id, found.name, found.runner_up) == ("anne", "Anne", "ben")
    assert found.decision == "identified"


def test_unknown_stays_unknown_and_says_why() -> None:
    (found,) = identify([voice("S0", unit(0.2, 0.1, 1))], [ANNE, BEN])
    assert found.person_id is None
    assert found.name is None
    assert found.score is not None
    assert found.reason.startswith("below threshold: anne 0.2")


def test_a_person_is_given_to_one_speaker_only() -> None:
    voices = [voice("S0", unit(1, 0.4, 0)), voice("S1", unit(1, 0.1, 0))]
    first, second = identify(voices, [ANNE, BEN])
    assert (first.person_id, second.person_id) == (None, "anne")
    assert first.reason == "anne is nearer to S1"


def test_too_little_speech_names_nobody() -> None:
    (found,) = identify([voice("S0", None, 0.8)], [ANNE])
    assert (found.person_id, found.score) == (None, None)
    assert found.reason == "too little speech: 0.8 s"


def test_an_empty_bank_names_nobody() -> None:
    (found,) = identify([voice("S0", unit(1, 0, 0))], [])
    assert (found.person_id, found.reason) == (None, "nobody is enrolled")


def test_clean_speech_excludes_overlap() -> None:
    timeline = Timeline([Turn(0, 5, "S0"), Turn(4, 8, "S1"), Turn(10, 12, "S0")], [])
    assert clean_spans(timeline, "S0") == [(0, 4), (10, 12)]
    assert clean_spans(timeline, "S1") == [(5, 8)]
