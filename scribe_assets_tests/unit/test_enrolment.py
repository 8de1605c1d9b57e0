"""The voices of a bank beside each other."""

import numpy as np
import pytest

from scribe_assets.speech.voices.enrolment import (
    Judgement,
    judge,
    likenesses,
    one_person_each,
    own_voice,
)
from scribe_assets.speech.voices.identification import identify
from scribe_assets.speech.voices.voice import Voice, Voiceprint, VoiceSample, voiceprint


def at(similarity: float, axis: int = 1, seconds: float = 10.0) -> VoiceSample:
    """A sample so similar to the first axis, and beside that in a direction of its own."""
    point = np.zeros(8)
    point[0], point[axis] = similarity, np.sqrt(1 - similarity**2)
    return VoiceSample(point, seconds)


ANNE = [at(1.0), at(0.9), at(0.9, axis=2)]
STRANGER = at(0.1, axis=3)
NO_VOICE = VoiceSample(None, 9.0, problem="several voices")


@pytest.mark.parametrize(
    ("samples", "used", "doubtful"),
    [
        ([], [], False),
        ([NO_VOICE], [], False),
        ([STRANGER], [0], False),
        (ANNE, [0, 1, 2], False),
        ([NO_VOICE, *ANNE], [1, 2, 3], False),
        ([STRANGER, *ANNE], [1, 2, 3], False),
        ([at(1.0), STRANGER, at(0.9)], [0, 2], False),
        ([at(1.0), at(0.55, axis=3), at(0.9)], [0, 2], False),
        ([at(1.0), STRANGER], [], False),
        ([at(1.0), at(0.9), STRANGER, at(0.0, axis=4)], [], False),
        ([at(1.0), at(0.55)], [0, 1], True),
        ([at(1.0), at(0.45)], [], False),
        ([at(1.0), at(0.1, seconds=1.5)], [0], False),
        ([at(1.0, seconds=1.5), at(0.1, seconds=1.5)], [], False),
    ],
)
def test_a_person_is_who_speaks_in_most_samples(
    samples: list[VoiceSample], used: list[int], doubtful: bool
) -> None:
    assert own_voice(samples) == (used, doubtful)


def test_somebody_elses_sample_is_found_by_that_persons_voice() -> None:
    ben = at(0.6, axis=3)
    found = judge({"anne": [*ANNE, ben], "ben": [ben], "zoe": [at(0.0, axis=5)]})
    assert found["anne"].used == [0, 1, 2]
    assert found["anne"].foreign == {3: ("ben", pytest.approx(1.0))}
    assert found["ben"] == Judgement([0])
    assert found["zoe"] == Judgement([0])


def test_of_two_samples_one_of_which_is_somebody_elses_neither_is_used() -> None:
    """It may as well be that both ids are Anne's, and the other sample is a stranger's."""
    ben = at(0.6, axis=3)
    found = judge({"anne": [at(1.0), ben], "ben": [ben]})
    assert found["anne"].used == []
    assert found["anne"].foreign == {1: ("ben", pytest.approx(1.0))}
    assert found["ben"].used == [0]


def test_a_person_enrolled_twice_has_no_strangers_samples() -> None:
    found = judge({"anne": ANNE, "anna": ANNE})
    assert [judgement.used for judgement in found.values()] == [[0, 1, 2]] * 2
    assert not any(judgement.foreign for judgement in found.values())


def person(person_id: str, *samples: VoiceSample) -> Voiceprint:
    made = voiceprint(person_id, person_id.title(), samples)
    assert made is not None
    return made


def test_alike_is_told_and_the_same_is_one_person() -> None:
    bank = [
        person("a", at(1.0)),
        person("b", at(0.9)),
        person("c", at(0.75, 2)),
        person("d", at(0.6, 3)),
    ]
    found = [
        (one.person_id, one.other_id, round(one.score, 2), one.same) for one in likenesses(bank)
    ]
    assert found == [("a", "b", 0.9, True), ("a", "c", 0.75, False)]
    assert one_person_each(bank) == [[0, 1], [2], [3]]
    assert likenesses([]) == likenesses(bank[:1]) == []
    assert one_person_each([]) == []


def test_the_id_with_most_speech_comes_first_and_then_the_order_of_ids() -> None:
    bank = [person("b", at(1.0)), person("c", at(1.0, seconds=20)), person("a", at(1.0))]
    assert one_person_each(bank) == [[1, 2, 0]]


def test_who_is_like_two_people_does_not_make_them_one() -> None:
    bank = [person("a", at(1.0)), person("b", at(0.9, 1, 30)), person("c", at(0.62, 1))]
    similar = {(one.person_id, one.other_id): one.same for one in likenesses(bank)}
    assert similar == {("a", "b"): True, ("b", "c"): True}
    assert one_person_each(bank) == [[1, 0], [2]]


def test_a_voiceprint_with_a_strangers_sample_in_it_is_not_the_strangers() -> None:
    """The mean of two voices is like both."""
    spoilt = person("anne", at(1.0), at(0.55, seconds=30))
    stranger = person("ben", at(0.55))
    (pair,) = likenesses([spoilt, stranger])
    assert pair.score > 0.95
    assert not pair.same


def test_a_person_with_two_ids_is_named_as_the_first_and_the_reason_says_so() -> None:
    bank = [
        person("anne", at(1.0)),
        person("anne-2", at(0.95, seconds=20)),
        person("ben", at(0.0, 3)),
    ]
    speaker = at(0.98, 4).embedding
    (found,) = identify([Voice("S0", speaker, 10, 10)], bank)
    assert (found.person_id, found.name) == ("anne-2", "Anne-2")
    assert found.score == 0.98, "as near as the nearest of the two"
    assert found.reason == "above threshold: 0.98 >= 0.58; the same voice as anne"
    assert found.runner_up == "ben"


def test_similar_voices_are_still_not_guessed_between() -> None:
    bank = [person("anne", at(1.0)), person("twin", at(0.8))]
    between = at(0.95).embedding
    (found,) = identify([Voice("S0", between, 10, 10)], bank)
    assert found.person_id is None
    assert found.reason.startswith("too close to ")
