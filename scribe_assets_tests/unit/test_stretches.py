"""Where one speaker speaks alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scribe_assets.speech.diarization.stretches import (
    Grid,
    active_spans,
    speaker_count,
    stretches,
    strongest,
    votes,
)
from scribe_assets.speech.timeline import Span

GRID = Grid(step=1.0, first=0.5, hop=5.0, num_frames=10)
"""Ten frames a window, a window every five."""


def windows(truth: list[str], shuffle: int = 0) -> np.ndarray:
    """What a faultless model says of a recording in which `truth[i]` speak in frame i; the local
    speakers of each window are in an order of its own."""
    order = np.random.default_rng(shuffle)
    count = (len(truth) - GRID.num_frames) // 5 + 1
    made = np.zeros((count, GRID.num_frames, 3), np.uint8)
    for window in range(count):
        part = truth[window * 5 : window * 5 + GRID.num_frames]
        names = sorted(set("".join(part)))
        places = order.permutation(3)
        for frame, speaking in enumerate(part):
            for name in speaking:
                made[window, frame, places[names.index(name)]] = 1
    return made


@pytest.mark.parametrize("shuffle", range(5))
def test_stretches_end_where_somebody_else_or_nobody_speaks(shuffle: int) -> None:
    truth = [*"aaaaaabbbbb", "", "", *"bbb", "ab", "ab", *"aa"]
    found = windows(truth, shuffle)
    count = speaker_count(GRID, found)
    assert count.tolist() == [len(speaking) for speaking in truth]
    spans = [(span.start, span.end) for span in stretches(GRID, found, count)]
    assert spans == [(0, 6), (6, 11), (13, 16), (18, 20)]


def test_most_windows_decide_whether_the_speaker_changes() -> None:
    found = np.zeros((3, 10, 2), np.uint8)
    grid = Grid(step=1.0, first=0.5, hop=1.0, num_frames=10)
    found[:, :, 0] = 1
    found[0, 5:, :] = [0, 1]  # one of three sees a change at frame 5
    count = speaker_count(grid, found)
    assert stretches(grid, found, count) == [Span(0, 12)]
    found[1, 4:, :] = [0, 1]  # now two do
    assert stretches(grid, found, count) == [Span(0, 5), Span(5, 12)]


def test_silence_has_no_stretches() -> None:
    found = windows([""] * 20)
    assert stretches(GRID, found, speaker_count(GRID, found)) == []


def test_votes_and_the_strongest() -> None:
    found = windows(list("aaaaabbbbb") + ["ab"] * 5)
    who = np.full((2, 3), -1)
    for window in range(2):
        for local in np.flatnonzero(found[window].any(axis=0)):
            first = found[window, :, local].argmax() + 5 * window
            who[window, local] = 0 if first == 0 or first == 10 else 1
    counted = votes(GRID, found, who, 3)
    assert counted[:5].tolist() == [[1, 0, 0]] * 5
    assert counted[12].tolist() == [1, 1, 0]
    chosen = strongest(counted, np.array([1] * 10 + [2] * 5))
    assert chosen[:, 0].tolist() == [True] * 5 + [False] * 5 + [True] * 5
    assert not chosen[:, 2].any()  # nobody votes for the third, however many speak
    assert not strongest(counted, np.zeros(15, int)).any()


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=50))
def test_runs_are_the_frames_that_are_active(active: list[bool]) -> None:
    covered = np.zeros(len(active), bool)
    for run in active_spans(np.array(active, bool)):
        assert run.duration > 0
        assert not covered[max(0, run.start - 1) : run.end].any()
        covered[run.slice] = True
    assert covered.tolist() == active
