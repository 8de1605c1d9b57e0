"""Words to speakers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import (
    SpokenSegment,
    Timeline,
    Transcription,
    TranscriptSegment,
    Turn,
    Word,
)


def said(*words: tuple[float, float, str], language: str = "en") -> Transcription:
    heard = [Word(start, end, text, 0.9) for start, end, text in words]
    segments = [TranscriptSegment(heard[0].start, heard[-1].end, "", heard)] if heard else []
    return Transcription(language, 0.9, segments)


A, B = "SPEAKER_00", "SPEAKER_01"
TALK = Timeline(turns=[Turn(0, 4, A), Turn(3, 6, B)], exclusive=[Turn(0, 3.5, A), Turn(3.5, 6, B)])


def test_a_word_goes_to_the_speaker_it_shares_most_time_with() -> None:
    segments = fuse(said((0, 1, "one"), (3.2, 3.9, "two")), TALK)
    assert [(s.speaker, s.text) for s in segments] == [(A, "one"), (B, "two")]


def test_overlap_is_marked() -> None:
    words = [
        w for s in fuse(said((0, 1, "a"), (3.1, 3.4, "b"), (5, 6, "c")), TALK) for w in s.words
    ]
    assert [word.overlap for word in words] == [False, True, False]


def test_a_word_in_overlap_goes_with_its_sentence() -> None:
    """The exclusive timeline gives A all of the overlap."""
    timeline = Timeline([Turn(0, 3, A), Turn(2, 5, B)], [Turn(0, 3, A), Turn(3, 5, B)])
    heard = said(
        (0.5, 1, "This"), (1, 1.8, "is"), (2.1, 2.3, "Anne."), (2.4, 2.8, "And"), (3.1, 4, "Ben.")
    )
    segments = fuse(heard, timeline)
    assert [(s.speaker, s.text) for s in segments] == [(A, "This is Anne."), (B, "And Ben.")]
    # Of a sentence said all in overlap the exclusive timeline decides.
    alone = fuse(said((2.1, 2.3, "Yes."), (2.4, 2.8, "No.")), timeline)
    assert [s.speaker for s in alone] == [A]


def test_a_word_between_turns_goes_to_the_nearest() -> None:
    timeline = Timeline([Turn(0, 1, A), Turn(5, 6, B)], [Turn(0, 1, A), Turn(5, 6, B)])
    segments = fuse(said((1.5, 2, "near a"), (4, 4.5, "near b"), (9, 10, "after b")), timeline)
    assert [s.speaker for s in segments] == [A, B, B]


def test_a_long_pause_ends_a_segment() -> None:
    timeline = Timeline([Turn(0, 60, A)], [Turn(0, 60, A)])
    segments = fuse(said((0, 1, "one"), (1.5, 2, "two"), (30, 31, "three")), timeline)
    assert [s.text for s in segments] == ["one two", "three"]


def test_without_any_turn_nobody_is_named() -> None:
    (segment,) = fuse(said((0, 1, "hm")), Timeline([], []))
    assert segment.speaker is None


def test_languages_without_spaces_get_none() -> None:
    (segment,) = fuse(
        said((0, 1, "你"), (1, 2, "好"), language="zh"), Timeline([Turn(0, 2, A)], [])
    )
    assert segment.text == "你好"


def in_languages(main: str, *parts: tuple[str | None, str]) -> list[SpokenSegment]:
    """What becomes of parts in several languages, said by one speaker without any pause; words of
    a part are divided by spaces here."""
    segments, start = [], 0.0
    for language, text in parts:
        words = [Word(start + i, start + i + 1, word, 0.9) for i, word in enumerate(text.split())]
        segments.append(TranscriptSegment(start, words[-1].end, text, words, language))
        start = words[-1].end
    whole = [Turn(0, start, A)]
    return fuse(Transcription(main, 0.9, segments), Timeline(whole, whole))


@pytest.mark.parametrize(
    ("main", "parts", "expected"),
    [
        (
            "ja",
            [("ja", "お はよう"), ("en", "Good day."), ("ja", "は い")],
            [(None, "おはよう"), ("en", "Good day."), (None, "はい")],
        ),
        (
            "en",
            [("en", "Good day."), ("zh", "你 好")],
            [(None, "Good day."), ("zh", "你好")],
        ),
        # Both with spaces: joined alike, and still told apart.
        (
            "en",
            [("en", "So what?"), ("fr", "Rien du tout.")],
            [(None, "So what?"), ("fr", "Rien du tout.")],
        ),
        # English that the model took for Japanese, and a name in Latin letters.
        ("ja", [("ja", "From fairest creatures, we")], [(None, "From fairest creatures, we")]),
        ("ja", [("ja", "明日 Dagster Cloud を")], [(None, "明日Dagster Cloudを")]),
        # Transcripts that were written before segments had a language.
        ("zh", [(None, "你 好"), (None, "再 见")], [(None, "你好再见")]),
    ],
)
def test_words_are_joined_by_their_own_language(
    main: str, parts: list[tuple[str | None, str]], expected: list[tuple[str | None, str]]
) -> None:
    assert [(s.language, s.text) for s in in_languages(main, *parts)] == expected


def test_silence_gives_no_segments() -> None:
    assert fuse(Transcription(None, None, []), Timeline([], [])) == []


times = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3))
spans = st.tuples(times, times).map(lambda pair: (min(pair), max(pair) + 0.001))


@given(
    st.lists(spans, max_size=30),
    st.lists(st.tuples(spans, st.sampled_from([A, B])), max_size=20),
)
def test_every_word_is_in_exactly_one_segment(
    words: list[tuple[float, float]], turns: list[tuple[tuple[float, float], str]]
) -> None:
    transcription = said(*[(start, end, f"w{i}") for i, (start, end) in enumerate(words)])
    timeline = Timeline([Turn(start, end, label) for (start, end), label in turns], [])
    segments = fuse(transcription, timeline)
    spoken = [word for segment in segments for word in segment.words]
    assert sorted(word.word for word in spoken) == sorted(f"w{i}" for i in range(len(words)))
    assert [word.start for word in spoken] == sorted(word.start for word in spoken)
    for segment in segments:
        assert {word.speaker for word in segment.words} == {segment.speaker}
        assert segment.start == min(word.start for word in segment.words)
        assert segment.end == max(word.end for word in segment.words)
        if turns:
            assert segment.speaker is not None


@pytest.mark.parametrize("count", [1, 5000])
def test_the_nearest_turn_is_found_among_many(count: int) -> None:
    turns = [Turn(i * 10, i * 10 + 1, f"S{i}") for i in range(count)]
    words = [(turn.start + 2, turn.start + 2.5, "w") for turn in turns]
    segments = fuse(said(*words), Timeline(turns, turns))
    assert [s.speaker for s in segments] == [turn.speaker for turn in turns]
