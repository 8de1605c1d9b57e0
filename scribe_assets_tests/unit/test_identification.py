"""The open-set decision."""

import numpy as np

from scribe_assets.speech.timeline import Span, Timeline, Turn, clean_spans
from scribe_assets.speech.voices.identification import identify
from scribe_assets.speech.voices.voice import Identity, Voice, Voiceprint, VoiceSample, voiceprint


def unit(*values: float) -> np.ndarray:
    return np.array(values) / np.linalg.norm(values)


ANNE = Voiceprint("anne", "Anne", unit(1, 0, 0, 0))
BEN = Voiceprint("ben", "Ben", unit(0, 1, 0, 0))


def voice(label: str, embedding: np.ndarray | None, seconds: float = 10) -> Voice:
    return Voice(label, embedding, seconds, seconds)


def names(identities: list[Identity]) -> list[str | None]:
    return [identity.person_id for identity in identities]


def test_the_nearest_person_is_taken_above_the_threshold() -> None:
    (found,) = identify([voice("S0", unit(1, 0.2, 0, 0))], [ANNE, BEN])
    assert (found.person_id, found.name, found.runner_up) == ("anne", "Anne", "ben")
    assert found.decision == "identified"


def test_unknown_stays_unknown_and_says_why() -> None:
    (found,) = identify([voice("S0", unit(0.2, 0.1, 1, 0))], [ANNE, BEN])
    assert found.person_id is None
    assert found.name is None
    assert found.score is not None
    assert found.reason.startswith("below threshold: anne 0.2")


def test_between_two_people_nobody_is_named() -> None:
    (found,) = identify([voice("S0", unit(1, 0.98, 0, 0))], [ANNE, BEN])
    assert found.person_id is None
    assert found.reason == "too close to ben: anne 0.71, ben 0.70"
    assert (found.score, found.runner_up, found.runner_up_score) == (0.714, "ben", 0.7)


def test_somebody_who_speaks_elsewhere_in_the_recording_is_no_rival() -> None:
    voices = [voice("S0", unit(1, 0.98, 0, 0)), voice("S1", unit(0, 1, 0, 0))]
    assert names(identify(voices, [ANNE, BEN])) == ["anne", "ben"]


def test_a_person_is_given_to_one_speaker_only() -> None:
    voices = [voice("S0", unit(1, 0, 1.2, 0)), voice("S1", unit(1, 0, 0, 0.5))]
    first, second = identify(voices, [ANNE, BEN])
    assert names([first, second]) == [None, "anne"]
    assert first.reason == "anne is nearer to S1"


def test_what_is_left_over_does_not_get_the_second_best_name() -> None:
    close = Voiceprint("ann", "Ann", unit(1, 0, 1, 0))
    voices = [voice("S0", unit(1, -0.5, 0.1, 0)), voice("S1", unit(1, 0.5, 0.2, 0.6))]
    first, second = identify(voices, [ANNE, close])
    assert names([first, second]) == ["anne", None]
    assert second.reason == "anne is nearer to S0"


def test_two_labels_with_one_voice_are_one_person_and_say_so() -> None:
    voices = [voice("S0", unit(1, 0, 0.1, 0)), voice("S1", unit(1, 0, 0.2, 0))]
    first, second = identify(voices, [ANNE, BEN])
    assert names([first, second]) == ["anne", "anne"]
    assert (first.same_as, second.same_as) == (None, "S0")
    assert second.reason == "same person as S0: 0.98 to anne"


def test_too_little_speech_names_nobody() -> None:
    (found,) = identify([voice("S0", None, 0.8)], [ANNE])
    assert (found.person_id, found.score) == (None, None)
    assert found.reason == "too little speech: 0.8 s"


def test_an_empty_bank_names_nobody() -> None:
    (found,) = identify([voice("S0", unit(1, 0, 0, 0))], [])
    assert (found.person_id, found.reason) == (None, "nobody is enrolled")


def test_a_recording_without_speakers_has_no_identities() -> None:
    assert identify([], [ANNE]) == []


def test_samples_count_by_their_speech() -> None:
    samples = [
        VoiceSample(unit(1, 0), 3.0),
        VoiceSample(unit(0, 1), 1.0),
        VoiceSample(None, 9.0, problem="several voices"),
    ]
    found = voiceprint("anne", "Anne", samples)
    assert found is not None
    assert np.allclose(found.embedding, unit(3, 1))
    assert voiceprint("anne", "Anne", samples[2:]) is None


def test_clean_speech_excludes_overlap() -> None:
    timeline = Timeline([Turn(0, 5, "S0"), Turn(4, 8, "S1"), Turn(10, 12, "S0")], [])
    assert clean_spans(timeline, "S0") == [Span(0, 4), Span(10, 12)]
    assert clean_spans(timeline, "S1") == [Span(5, 8)]
