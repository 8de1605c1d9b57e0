"""Who speaks when, decided by what the networks have heard."""

import numpy as np

from scribe_assets.speech.diarization.embedding import EmbeddedStretch
from scribe_assets.speech.diarization.stretches import Grid
from scribe_assets.speech.diarization.turns import Heard, TurnParameters, decide
from scribe_assets.speech.timeline import Span

FRAMES = 600
GRID = Grid(step=0.1, first=0.0, hop=60.0, num_frames=FRAMES)


def heard(*spoken: tuple[int, int, int], voices: int = 1) -> Heard:
    """One window of a minute: (local speaker, first frame, last frame). In stretches of 5 s, each
    of the first local speakers has a voice of its own."""
    segmentation = np.zeros((1, FRAMES, 3), np.uint8)
    for local, start, end in spoken:
        segmentation[0, start:end, local] = 1
    embedded = [
        EmbeddedStretch(Span(first, min(first + 50, end)), np.eye(8)[local])
        for local, start, end in spoken
        for first in range(start, end, 50)
        if local < voices
    ]
    return Heard(GRID, segmentation, embedded, 60.0)


def speakers(found: Heard, fewest: int = 1, most: float = np.inf) -> dict[str, float]:
    """How many seconds each speaks."""
    spoken: dict[str, float] = {}
    for turn in decide(found, TurnParameters(), fewest, most).turns:
        spoken[turn.speaker] = round(spoken.get(turn.speaker, 0.0) + turn.duration, 3)
    return spoken


def test_everybody_with_a_voice_speaks() -> None:
    found = heard((0, 0, 200), (1, 200, 400), voices=2)
    assert sorted(speakers(found).values()) == [20, 20]


def test_an_echo_is_nobody() -> None:
    """Segmentation hears a second speaker for a moment, but only while the first one speaks."""
    found = heard((0, 0, 500), (1, 100, 120))
    assert speakers(found) == {"SPEAKER_00": 50}


def test_who_never_speaks_alone_is_somebody_when_it_is_for_long() -> None:
    found = heard((0, 0, 500), (1, 100, 140))
    assert speakers(found) == {"SPEAKER_00": 50, "SPEAKER_01": 4}


def test_a_known_number_of_speakers_is_kept() -> None:
    found = heard((0, 0, 500), (1, 100, 120))
    assert speakers(found, fewest=2) == {"SPEAKER_00": 50, "SPEAKER_01": 2}
    assert speakers(heard((0, 0, 500), (1, 100, 140)), most=1) == {"SPEAKER_00": 50}


def test_a_number_that_nobody_doubts_is_told_as_one() -> None:
    assert decide(heard((0, 0, 200), (1, 200, 400), voices=2), TurnParameters()).number == (2, 2)


def test_whether_somebody_who_hardly_speaks_is_somebody_is_not_sure() -> None:
    found = decide(heard((0, 0, 250), (1, 250, 500), (2, 500, 540), voices=3), TurnParameters())
    assert len(found.speakers) == 3
    assert found.number == (2, 3)


def test_a_number_that_is_given_is_sure() -> None:
    spoken = heard((0, 0, 250), (1, 250, 500), (2, 500, 540), voices=3)
    assert decide(spoken, TurnParameters(), fewest=3, most=3).number == (3, 3)
    assert max(decide(spoken, TurnParameters(), most=2).number or ()) <= 2
