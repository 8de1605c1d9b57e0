"""Results of several groups of channels as of one recording."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.artifacts.documents import Diarization, Transcript
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import (
    Timeline,
    Transcription,
    TranscriptSegment,
    Turn,
    Word,
)
from scribe_assets.speech.tracks.merging import merge_timelines, merge_transcriptions

A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"


def timeline(*turns: tuple[float, float, str]) -> Timeline:
    made = [Turn(*turn) for turn in turns]
    return Timeline(made, made)


def said(
    text: str, start: float = 0.0, probability: float = 0.9, language: str = "en", step: float = 0.4
) -> Transcription:
    """Words one after the other, in one segment."""
    words = [
        Word(round(start + i * step, 3), round(start + (i + 0.8) * step, 3), word, probability)
        for i, word in enumerate(text.split())
    ]
    segment = TranscriptSegment(words[0].start, words[-1].end, text, words, language)
    return Transcription(language, 0.8, [segment], {"silence": 1})


def test_speakers_of_groups_are_different_people_in_order_of_speech() -> None:
    merged = merge_timelines(
        [timeline((5, 9, A), (12, 15, B)), timeline((1, 4, A)), timeline((10, 11, A))]
    )
    assert [(t.start, t.speaker, t.track) for t in merged.turns] == [
        (1, A, 2),
        (5, B, 1),
        (10, C, 3),
        (12, "SPEAKER_03", 1),
    ]


def test_the_one_who_has_the_floor_holds_the_moment() -> None:
    merged = merge_timelines([timeline((0, 10, A)), timeline((4, 5, A), (9, 16, A))])
    assert [(t.start, t.end, t.speaker) for t in merged.turns] == [
        (0, 10, A),
        (4, 5, B),
        (9, 16, B),
    ]
    assert [(t.start, t.end, t.speaker, t.track) for t in merged.exclusive] == [
        (0, 10, A, 1),
        (10, 16, B, 2),
    ]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=8),
        min_size=2,
        max_size=4,
    )
)
def test_exclusive_covers_all_speech_once(groups: list[list[tuple[int, int]]]) -> None:
    merged = merge_timelines(
        [timeline(*((start, start + long, A) for start, long in group)) for group in groups]
    )
    assert all(left.end <= right.start for left, right in pairwise(merged.exclusive))
    spoken = {s for turn in merged.turns for s in range(int(turn.start), int(turn.end))}
    held = {s for turn in merged.exclusive for s in range(int(turn.start), int(turn.end))}
    assert spoken == held


def test_a_rest_of_bleed_is_no_speaker() -> None:
    one = timeline((0, 10, A), (30, 31, B))
    merged = merge_timelines([one, timeline((29, 40, A))])
    assert merged.speakers == [A, B]
    # Somebody else in the room, who speaks while the other group is silent, is one.
    guest = timeline((0, 10, A), (30, 34, B))
    assert len(merge_timelines([guest, timeline((50, 60, A))]).speakers) == 3


def test_one_group_is_left_as_it_is() -> None:
    assert merge_timelines([timeline((0, 1, A))]) == timeline((0, 1, A))
    assert merge_transcriptions([said("good day")]) == said("good day")


def test_transcriptions_are_put_together_in_order_of_time() -> None:
    merged = merge_transcriptions(
        [said("one two three four", 5), said("un deux", 1, language="fr")]
    )
    assert [(s.text, s.track, s.language) for s in merged.segments] == [
        ("un deux", 2, "fr"),
        ("one two three four", 1, "en"),
    ]
    assert (merged.language, merged.language_probability) == ("en", 0.8)
    assert merged.removed["silence"] == 2
    empty = merge_transcriptions([Transcription(None, None, []), Transcription("en", None, [])])
    assert (empty.language, empty.segments) == ("en", [])


def test_words_heard_in_two_groups_are_kept_once() -> None:
    echo = said("Hm, where did you put it?", 9.2, probability=0.5)
    merged = merge_transcriptions([said("where did you put it", 9.7), echo])
    assert [(s.text, s.track) for s in merged.segments] == [
        ("Hm,", 2),
        ("where did you put it", 1),
    ]
    assert merged.removed["said_twice"] == 5
    # The same words at another time, and two who say the same short thing at once, are no echo.
    later = merge_transcriptions([said("where did you put it"), said("where did you put it", 3)])
    assert [len(s.words) for s in later.segments] == [5, 5]
    at_once = merge_transcriptions([said("oh yes", 1), said("oh yes", 1.1, 0.5)])
    assert [len(s.words) for s in at_once.segments] == [2, 2]


def test_words_go_to_speakers_of_their_track() -> None:
    turns = merge_timelines([timeline((0, 10, A)), timeline((3, 5, A), (20, 22, B))])
    words = merge_transcriptions([said("one two three four five six seven", 1), said("mhm", 3.2)])
    segments = fuse(words, turns)
    assert [(s.speaker, s.text) for s in segments] == [
        (A, "one two three four five six seven"),
        (B, "mhm"),
    ]
    assert [word.overlap for word in segments[0].words] == [False] * 5 + [True] * 2
    assert segments[1].words[0].overlap


def test_words_of_a_track_without_turns_are_nobodys() -> None:
    turns = merge_timelines([timeline((0, 10, A)), timeline()])
    segments = fuse(merge_transcriptions([said("one"), said("two", 3)]), turns)
    assert [(s.speaker, s.text) for s in segments] == [(A, "one"), (None, "two")]


def test_json_names_the_track_only_where_there_are_several() -> None:
    for several in (True, False):
        groups = [timeline((0, 10, A)), timeline((3, 5, A))][: 2 if several else 1]
        merged = merge_timelines(groups)
        words = merge_transcriptions([said("one"), said("two")][: 2 if several else 1])
        diarization = Diarization(
            recording_id="r", model="m", duration=10, turns=merged.turns, exclusive=[]
        )
        transcript = Transcript(
            recording_id="r",
            model="m",
            language="en",
            language_probability=1,
            segments=words.segments,
        )
        for document in (diarization, transcript):
            assert ('"track"' in document.to_json()) == several
            assert type(document).from_json(document.to_json(), "it") == document


def test_a_second_voice_needs_some_seconds() -> None:
    """In a track of one person a laugh is not somebody else; a guest at the same microphone is."""
    host = [Turn(0, 10, "A"), Turn(11, 12.5, "B"), Turn(20, 26, "C")]
    other = [Turn(30, 40, "A")]
    merged = merge_timelines([Timeline(host, host), Timeline(other, other)])
    assert [turn.speaker for turn in merged.turns] == [
        "SPEAKER_00",
        "SPEAKER_00",
        "SPEAKER_01",
        "SPEAKER_02",
    ]
