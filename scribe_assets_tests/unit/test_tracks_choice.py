"""Which channels are taken, by what is in them."""

from dataclasses import replace

import numpy as np
import pytest

from scribe_assets.errors import UsageError
from scribe_assets.speech.tracks.channels import Channel, Choice, Wish, name
from scribe_assets.speech.tracks.choice import choose
from scribe_assets_tests.calls import channels, decibels, noise, speakers, through_air

ANNE, BEN = speakers()
SILENCE = np.zeros_like(ANNE)
LENGTH = len(ANNE)


def taken(choice: Choice) -> list[list[tuple[int, int]]]:
    """Track and channel of what is taken, group by group."""
    return [[(c.track, c.channel) for c in group.channels] for group in choice.groups]


def choice_of(
    *sounds: np.ndarray, of: tuple[int, ...] | None = None, wish: Wish = "auto"
) -> Choice:
    """The choice for the channels of one track, or of tracks with so many channels each."""
    return choose(dict(zip(channels(*(of or (len(sounds),))), sounds, strict=True)), wish)


@pytest.mark.parametrize("bleed", [None, -25, -12])
def test_a_call_with_a_speaker_on_each_channel(bleed: float | None) -> None:
    left, right = ANNE + noise(LENGTH, seed=1), BEN + noise(LENGTH, seed=2)
    if bleed is not None:
        left, right = left + through_air(BEN, bleed), right + through_air(ANNE, bleed)
    choice = choice_of(left, right)
    assert (choice.mode, taken(choice)) == ("each", [[(1, 1)], [(1, 2)]])
    assert choice.reason == "different speakers: channel 1, channel 2"


def test_a_soft_speaker_and_a_channel_with_less_gain_are_kept() -> None:
    assert len(choice_of(ANNE, BEN * decibels(-20)).groups) == 2
    left = ANNE + through_air(BEN, -15)
    right = (BEN + through_air(ANNE, -15)) * decibels(-15)
    assert len(choice_of(left, right).groups) == 2


def test_one_sound_on_two_channels_is_mixed() -> None:
    both = ANNE + BEN
    choice = choice_of(both, both)
    assert (choice.mode, taken(choice)) == ("mix", [[(1, 1), (1, 2)]])
    assert [part.gain for part in choice.groups[0].parts] == [0.5, 0.5]
    later = np.roll(both, 100) * decibels(-4)
    assert choice_of(both + noise(LENGTH), later + noise(LENGTH, seed=1)).mode in ("mix", "single")


def test_a_stereo_room_is_mixed() -> None:
    """Two cardioids in one place, Anne on the left and Ben on the right."""
    softer = decibels(-6)
    choice = choice_of(
        ANNE + BEN * softer + noise(LENGTH), ANNE * softer + BEN + noise(LENGTH, seed=1)
    )
    assert (choice.mode, taken(choice)) == ("mix", [[(1, 1), (1, 2)]])


def test_an_inverted_channel_is_turned_round() -> None:
    both = ANNE + BEN
    choice = choice_of(both, -both)
    assert [part.gain for part in choice.groups[0].parts] == [0.5, -0.5]
    assert choice.left_out == ("channel 2: inverted, turned round in the mix",)


def test_a_channel_inverted_in_a_band_is_not_mixed() -> None:
    spectrum = np.fft.rfft(ANNE + BEN)
    spectrum[round(600 * LENGTH / 16_000) : round(1800 * LENGTH / 16_000)] *= -1
    choice = choice_of(ANNE + BEN, np.fft.irfft(spectrum, LENGTH).astype(np.float32))
    assert choice.mode == "single"
    assert "alone is clearer" in choice.left_out[0]


def test_a_noisy_channel_is_not_mixed_with_a_clear_one() -> None:
    both = ANNE + BEN
    choice = choice_of(both + noise(LENGTH, -75), both + noise(LENGTH, -35, seed=1))
    assert taken(choice) == [[(1, 1)]]


def test_channels_without_speech_are_left_out_and_told() -> None:
    tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(LENGTH) / 16_000)).astype(np.float32)
    choice = choice_of(ANNE, SILENCE, tone, BEN, noise(LENGTH, -40), SILENCE)
    assert taken(choice) == [[(1, 1)], [(1, 4)]]
    assert choice.left_out == ("channels 2, 3, 5 and 6: no speech",)
    choice = choice_of(ANNE + BEN, tone, tone * decibels(-3), of=(1, 2))
    assert (choice.mode, taken(choice)) == ("single", [[(1, 1)]])
    assert choice.left_out == ("track 2: no speech",)


def test_of_a_mix_and_its_parts_the_parts_are_taken() -> None:
    anne, ben = ANNE + noise(LENGTH), BEN + noise(LENGTH, seed=1)
    mixed = anne + ben
    choice = choice_of(mixed, mixed, anne, anne, ben, ben, of=(2, 2, 2))
    assert taken(choice) == [[(2, 1), (2, 2)], [(3, 1), (3, 2)]]
    assert choice.left_out == ("track 1: nothing that is not in tracks 2 and 3 as well",)


def test_a_microphone_that_nobody_sits_at_is_left_out() -> None:
    idle = through_air(ANNE, -18) + through_air(BEN, -20, 8)
    left, right = ANNE + through_air(BEN, -18), BEN + through_air(ANNE, -18)
    choice = choice_of(
        left + noise(LENGTH), idle + noise(LENGTH, seed=1), right + noise(LENGTH, seed=2)
    )
    assert taken(choice) == [[(1, 1)], [(1, 3)]]
    assert choice.left_out == ("channel 2: nothing that is not in channels 1 and 3 as well",)


def test_a_film_in_two_languages_is_taken_in_one() -> None:
    # Both speak at the same times, as a dubbed voice does.

    dubbed = np.roll(ANNE, 400) * decibels(-2)
    french, english = channels(1, 1)
    french, english = replace(french, language="fre"), replace(english, language="eng")
    choice = choose({french: ANNE, english: dubbed})
    assert taken(choice) == [[(1, 1)]]
    assert "the same in another language (eng)" in choice.left_out[0]
    choice = choose({french: ANNE, replace(english, default=True): dubbed})
    assert taken(choice) == [[(2, 1)]]
    # Two who take turns are two participants, whatever their tracks are labelled.
    assert len(choose({french: ANNE, english: BEN}).groups) == 2


def test_without_speech_the_default_track_is_taken() -> None:
    first, second = channels(1, 1)
    assert taken(choose({first: SILENCE, second: SILENCE})) == [[(1, 1)]]
    choice = choose({first: SILENCE, replace(second, default=True): SILENCE})
    assert taken(choice) == [[(2, 1)]]
    assert choice.left_out == ("track 1: no speech",)


def test_what_is_asked_for_is_taken() -> None:
    sounds = (ANNE, SILENCE, BEN)
    mixed = choice_of(*sounds, wish="mix")
    assert (mixed.mode, taken(mixed)) == ("mix", [[(1, 1), (1, 3)]])
    # Different speakers as one: none of them becomes softer.
    assert [part.gain for part in mixed.groups[0].parts] == [1.0, 1.0]
    assert taken(choice_of(*sounds, wish="each")) == [[(1, 1)], [(1, 3)]]
    assert taken(choice_of(*sounds, wish=[3, 2])) == [[(1, 3)], [(1, 2)]]
    assert taken(choice_of(*sounds, of=(1, 1, 1), wish=[1])) == [[(1, 1)]]
    assert taken(choice_of(ANNE, ANNE, BEN, of=(2, 1), wish="each")) == [
        [(1, 1), (1, 2)],
        [(2, 1)],
    ]


@pytest.mark.parametrize(
    ("of", "wish", "said"),
    [
        ((2,), [3], "there is no channel 3, the recording has 2 channels"),
        ((1, 1), [0], "there is no audio track 0, the recording has 2 audio tracks"),
        ((1,), [2], "there is no channel 2, the recording has one channel"),
    ],
)
def test_a_number_that_is_not_there_is_refused(
    of: tuple[int, ...], wish: list[int], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        choice_of(*[SILENCE] * sum(of), of=of, wish=wish)


def test_one_channel_needs_no_choice() -> None:
    choice = choice_of(ANNE)
    assert (choice.mode, taken(choice), choice.left_out) == ("single", [[(1, 1)]], ())


def test_channels_of_different_length_end_in_silence() -> None:
    assert len(choice_of(ANNE, BEN[: LENGTH - 5000]).groups) == 2


def test_names() -> None:
    everything = channels(2, 1, titles=["Room", None])
    assert name(everything[:2], everything) == 'track 1 "Room"'
    assert name(everything[1:2], everything) == 'channel 2 of track 1 "Room"'
    assert name(everything, everything) == "tracks 1 and 2"
    assert name([Channel(1, 2, 2)], [Channel(1, 1, 2), Channel(1, 2, 2)]) == "channel 2"


@pytest.mark.parametrize("count", range(1, 17))
@pytest.mark.parametrize("as_tracks", [False, True])
def test_a_speaker_in_any_of_many(count: int, as_tracks: bool) -> None:
    """As channels of one track, and as tracks; the others are silent."""
    voice = ANNE[: 12 * 16_000]
    for place in {0, count // 2, count - 1}:
        sounds = [np.zeros_like(voice) for _ in range(count)]
        sounds[place] = voice
        choice = choice_of(*sounds, of=(1,) * count if as_tracks else (count,))
        assert choice.mode == "single"
        assert taken(choice) == [[(place + 1, 1) if as_tracks else (1, place + 1)]]
