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


def who_says(transcription: Transcription, *turns: Turn) -> list[tuple[str | None, str]]:
    """Segments of turns of which none overlap."""
    return [(s.speaker, s.text) for s in fuse(transcription, Timeline([*turns], [*turns]))]


def test_a_sentence_is_not_cut_short_where_the_speaker_changes() -> None:
    heard = said(
        (0.0, 0.2, "I"),
        (0.2, 0.5, "didn't"),
        (0.5, 0.8, "know"),
        (0.8, 1.0, "you"),
        (1.0, 1.2, "were"),
        (1.3, 1.6, "there."),
        (1.7, 2.0, "Where"),
        (2.0, 2.2, "was"),
        (2.2, 2.4, "I?"),
    )
    expected = [(A, "I didn't know you were there."), (B, "Where was I?")]
    # The change is heard a word too early, and a word too late.
    for change in (1.2, 2.0):
        assert who_says(heard, Turn(0, change, A), Turn(change, 3, B)) == expected


@pytest.mark.parametrize("comes", [1.1, 1.4, 4.0])
def test_punctuation_stays_with_its_word(comes: float) -> None:
    """Whatever time it has."""
    heard = said(
        (0.0, 0.1, "«"),
        (0.1, 0.4, "Venez"),
        (0.4, 0.8, "donc"),
        (0.8, 0.9, "!"),
        (comes, comes + 0.1, "»"),
        (comes + 0.2, comes + 0.3, "«"),
        (comes + 0.3, comes + 1.0, "Volontiers"),
        (comes + 1.0, comes + 1.1, "."),
        language="fr",
    )
    turns = Turn(0, 1, A), Turn(1.05, 9, B)
    assert who_says(heard, *turns) == [(A, "« Venez donc ! »"), (B, "« Volontiers .")]


def test_punctuation_alone_is_a_segment_only_where_there_are_no_words() -> None:
    turn = Turn(0, 1, A)
    assert who_says(said((0, 0.1, "…"), (5, 6, "!")), turn) == [(A, "… !")]
    assert who_says(said((0, 0.1, "…"), (0.5, 1, "Oh")), turn) == [(A, "… Oh")]
    assert who_says(said((0, 0.1, "Oh"), (0.5, 1, "«")), turn) == [(A, "Oh «")]


def test_punctuation_has_the_language_of_its_word() -> None:
    segments = in_languages("fr", ("fr", "Oui ."), ("en", "» Yes."))
    assert [(s.language, s.text) for s in segments] == [(None, "Oui . »"), ("en", "Yes.")]


def test_a_fragment_inside_a_clause_goes_with_it() -> None:
    heard = said(
        (0.0, 0.4, "We"),
        (0.4, 0.8, "want"),
        (0.8, 1.2, "to"),
        (1.2, 1.6, "see"),
        (1.6, 2.0, "the"),
        (2.0, 2.4, "result."),
    )
    turns = Turn(0, 0.8, A), Turn(0.8, 1.6, B), Turn(1.6, 3, A)
    assert who_says(heard, *turns) == [(A, "We want to see the result.")]


def test_a_short_answer_between_sentences_is_the_other_ones() -> None:
    heard = said(
        (0.0, 0.4, "Can"), (0.4, 0.8, "you?"), (1.0, 1.3, "Yes."), (1.5, 2.0, "Good."),
    )  # fmt: skip
    turns = Turn(0, 0.9, A), Turn(0.95, 1.4, B), Turn(1.45, 3, A)
    assert who_says(heard, *turns) == [(A, "Can you?"), (B, "Yes."), (A, "Good.")]


def test_a_long_interruption_without_full_stops_is_the_other_ones() -> None:
    heard = said(*[(i * 0.4, i * 0.4 + 0.4, f"w{i}") for i in range(20)])
    turns = Turn(0, 2.4, A), Turn(2.4, 5.6, B), Turn(5.6, 8, A)
    assert [speaker for speaker, _ in who_says(heard, *turns)] == [A, B, A]


times = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3))
spans = st.tuples(times, times).map(lambda pair: (min(pair), max(pair) + 0.001))


texts = st.sampled_from(["word", "end.", "so,", "»", "«", "?", "…"])
labelled = st.lists(st.tuples(spans, st.sampled_from([A, B])), max_size=20)


@given(st.lists(st.tuples(spans, texts), max_size=30), labelled, labelled)
def test_no_segment_is_punctuation_alone(
    words: list[tuple[tuple[float, float], str]],
    turns: list[tuple[tuple[float, float], str]],
    exclusive: list[tuple[tuple[float, float], str]],
) -> None:
    transcription = said(*[(start, end, text) for (start, end), text in words])
    timeline = Timeline(
        [Turn(start, end, label) for (start, end), label in turns],
        [Turn(start, end, label) for (start, end), label in exclusive],
    )
    segments = fuse(transcription, timeline)
    spoken = [(word.start, word.word) for segment in segments for word in segment.words]
    assert sorted(spoken) == sorted((start, text) for (start, _), text in words)
    if any(text.isalpha() or len(text) > 1 for _, text in words):
        assert all(any(map(str.isalnum, segment.text)) for segment in segments)


@given(
    st.lists(spans, max_size=30),
    labelled,
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
