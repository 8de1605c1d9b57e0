"""Corrections: they hold whatever the models say the next time, or they are told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scribe_assets.speech.anchors import find_words, speaker_like
from scribe_assets.speech.correcting import Corrected, correct
from scribe_assets.speech.corrections import (
    AnyCorrection,
    LanguageCorrection,
    MergeCorrection,
    NameCorrection,
    SampleWord,
    SpeakerAnchor,
    SpeakerCorrection,
    TextCorrection,
    Version,
    WordsAnchor,
)
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import (
    Span,
    SpokenWord,
    Timeline,
    TimeSpan,
    Transcription,
    TranscriptSegment,
    Turn,
    Word,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = Version("one", 60.0)
A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"
SAID = [
    (A, "Good morning everybody and welcome."),
    (B, "Thank you Emanuel for having us."),
    (A, "Shall we begin with the numbers?"),
    (C, "Yes the quarter was better than expected."),
    (B, "That is very very good to hear."),
    (C, "Indeed it is."),
]


def conversation(said: list[tuple[str, str]]) -> tuple[Transcription, Timeline]:
    """Each word takes 0.3 s, and between two speakers there is a pause of 0.5 s."""
    segments, turns, at = [], [], 1.0
    for speaker, text in said:
        words = []
        for word in text.split():
            words.append(Word(round(at, 3), round(at + 0.3, 3), word, 0.9))
            at += 0.3
        segments.append(TranscriptSegment(words[0].start, words[-1].end, text, words, "en"))
        turns.append(Turn(words[0].start, words[-1].end, speaker))
        at += 0.5
    return Transcription("en", 0.9, segments), Timeline(turns, turns)


HEARD, TURNS = conversation(SAID)


def speaker(label: str, timeline: Timeline = TURNS) -> SpeakerAnchor:
    words = [word for part in HEARD.segments for word in part.words]
    speech = [TimeSpan(t.start, t.end) for t in timeline.turns if t.speaker == label]
    samples = [
        SampleWord(word.start, word.word)
        for word in words
        if any(span.shared(word) > 0 for span in speech)
    ]
    return SpeakerAnchor(label, speech, samples)


def words(text: str) -> WordsAnchor:
    """The place of a text that was said in one piece."""
    every = [word for part in HEARD.segments for word in part.words]
    wanted = text.split()
    for at in range(len(every)):
        if [word.word for word in every[at : at + len(wanted)]] == wanted:
            around = (every[max(at - 3, 0) : at], every[at + len(wanted) :][:3])
            before, after = (" ".join(word.word for word in side) for side in around)
            return WordsAnchor(
                every[at].start, every[at + len(wanted) - 1].end, text, before, after
            )
    raise AssertionError(text)


NAME = NameCorrection("n", NOW, FIRST, speaker(B), "Beth")
MERGE = MergeCorrection("m", NOW, FIRST, speaker(C), speaker(A))
GIVEN = SpeakerCorrection("s", NOW, FIRST, words("Thank you"), speaker(A))
TEXT = TextCorrection("t", NOW, FIRST, words("Emanuel"), "Emmanuel,")
LANGUAGE = LanguageCorrection("l", NOW, FIRST, "fr")
EACH: list[AnyCorrection] = [NAME, MERGE, GIVEN, TEXT, LANGUAGE]
LONGER = TextCorrection("longer", NOW, FIRST, words("very"), "very very")
SHORTER = TextCorrection("shorter", NOW, FIRST, words("better than expected."), "expected.")


def spoken(done: Corrected) -> list[SpokenWord]:
    return [word for segment in done.segments for word in segment.words]


def lines(done: Corrected) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in done.segments]


def done(
    *corrections: AnyCorrection,
    heard: Transcription = HEARD,
    turns: Timeline = TURNS,
    version: Version = FIRST,
) -> Corrected:
    return correct(heard, turns, corrections, version)


def test_without_corrections_it_is_what_was_found() -> None:
    assert done().segments == fuse(HEARD, TURNS)


def test_a_name() -> None:
    assert done(NAME).names == {B: "Beth"}
    assert done(NAME, replace(NAME, id="2", name="Bea")).names == {B: "Bea"}


def test_a_merge() -> None:
    merged = done(MERGE)
    assert merged.label(C) == A
    assert lines(merged)[2:] == [
        (A, "Shall we begin with the numbers? Yes the quarter was better than expected."),
        (B, "That is very very good to hear."),
        (A, "Indeed it is."),
    ]


def test_a_stretch_of_another_speaker() -> None:
    assert lines(done(GIVEN))[:2] == [
        (A, "Good morning everybody and welcome. Thank you"),
        (B, "Emanuel for having us."),
    ]


def test_a_speaker_whom_the_diarization_has_not_found() -> None:
    new = SpeakerAnchor("Zoé", [], [])
    corrections = [replace(GIVEN, id=id_, words=words(text), speaker=new) for id_, text in NEW]
    added = done(*corrections)
    assert added.added == {"SPEAKER_03": "Zoé"} == added.names
    assert [text for who, text in lines(added) if who == "SPEAKER_03"] == ["Thank you", "Indeed it"]
    relabelled = done(*corrections, turns=renamed(**{A: "SPEAKER_03", B: B, C: C}))
    assert relabelled.added == {A: "Zoé"}
    assert relabelled.unfitting == {}


NEW = [("1", "Thank you"), ("2", "Indeed it")]


def test_a_text() -> None:
    assert lines(done(TEXT))[1] == (B, "Thank you Emmanuel, for having us.")
    (word,) = [word for word in spoken(done(TEXT)) if word.by_hand]
    assert (word.start, word.end, word.probability) == (TEXT.words.start, TEXT.words.end, 1.0)


def test_more_and_fewer_words() -> None:
    more = replace(TEXT, words=words("Emanuel"), text="Emmanuel and Anne")
    fewer = replace(TEXT, id="2", words=words("very very"), text="very")
    corrected = done(more, fewer)
    assert [text for _, text in lines(corrected)][1::3] == [
        "Thank you Emmanuel and Anne for having us.",
        "That is very good to hear.",
    ]
    (very,) = [word for word in spoken(corrected) if word.word == "very"]
    assert (very.start, very.end) == (fewer.words.start, fewer.words.end)


def test_a_language() -> None:
    corrected = done(LANGUAGE)
    assert corrected.language == "fr"
    assert {segment.language for segment in corrected.segments} == {None}


def test_a_correction_of_a_correction() -> None:
    again = replace(TEXT, id="2", words=replace(TEXT.words, text="Emmanuel,"), text="Manu")
    assert lines(done(TEXT, again))[1][1] == "Thank you Manu for having us."
    # Where another model hears nothing like the first one, the last one counts.
    told = done(TEXT, again, heard=with_words(Emanuel="Manu,"))
    assert lines(told)[1][1] == "Thank you Manu for having us."
    assert told.unfitting == {}


def with_words(**changes: str) -> Transcription:
    """What another model hears instead."""
    return replace(
        HEARD,
        segments=[
            replace(
                part,
                words=[
                    replace(word, word=changes.get(word.word.strip("?.,"), word.word))
                    for word in part.words
                ],
            )
            for part in HEARD.segments
        ],
    )


def shifted(seconds: float) -> Transcription:
    return replace(
        HEARD,
        segments=[
            replace(
                part,
                words=[
                    replace(word, start=word.start + seconds, end=word.end + seconds)
                    for word in part.words
                ],
            )
            for part in HEARD.segments
        ],
    )


def renamed(**labels: str) -> Timeline:
    turns = [replace(turn, speaker=labels[turn.speaker]) for turn in TURNS.turns]
    return Timeline(turns, turns)


OTHER_MODELS: dict[str, tuple[Transcription, Timeline]] = {
    "other labels": (HEARD, renamed(**{A: B, B: C, C: A})),
    "later": (shifted(0.2), TURNS),
    "earlier": (shifted(-0.2), TURNS),
    "other words near": (with_words(you="your", morning="mourning", having="halving"), TURNS),
    "other words": (with_words(Emanuel="Emmanuelle", Thank="Tank"), TURNS),
}


@pytest.mark.parametrize("models", OTHER_MODELS)
@pytest.mark.parametrize("version", [FIRST, Version("same sound, other codec", 60.03)])
def test_every_correction_survives_other_models(models: str, version: Version) -> None:
    heard, turns = OTHER_MODELS[models]
    corrected = done(*EACH, heard=heard, turns=turns, version=version)
    assert corrected.unfitting == {}
    everybody = {turn.start: turn.speaker for turn in turns.turns}
    a, b, c = (everybody[TURNS.turns[at].start] for at in (0, 1, 3))
    assert corrected.names == {b: "Beth"}
    assert corrected.merged == {c: a}
    assert corrected.language == "fr"
    said = spoken(corrected)
    (name,) = [word for word in said if word.word == "Emmanuel,"]
    assert name.speaker == b
    assert [word.speaker for word in said if word.start < name.start] == [a] * 7
    assert not any(word.word.startswith("Emanuel") for word in said)


def test_nothing_fits_another_recording_under_the_old_name() -> None:
    other, turns = conversation([(A, "One two three four five six seven eight nine ten.")] * 4)
    for version in (Version("other", 60.0), Version("other", 93.0)):
        told = done(*EACH, heard=other, turns=turns, version=version)
        assert told.segments[0].text == fuse(other, turns)[0].text
        assert told.names == {} == told.merged
        assert {"n", "m", "s", "t"} <= told.unfitting.keys()
    assert told.language == "en"
    assert len(told.unfitting) == len(EACH)


def test_two_who_are_one_now_get_no_name_of_either() -> None:
    turns = [Turn(0, 10, A), Turn(10, 20, B)]
    one = [Turn(0, 20, A)]
    named = [
        NameCorrection(x, NOW, FIRST, SpeakerAnchor(t.speaker, [TimeSpan(*t)], []), x)
        for x, t in zip("ab", turns, strict=True)
    ]
    told = done(*named, turns=Timeline(one, one))
    assert told.names == {}
    assert told.unfitting.keys() == {"a", "b"}
    merge = MergeCorrection("m", NOW, FIRST, named[1].speaker, named[0].speaker)
    merged = done(*named, merge, turns=Timeline(one, one))
    assert merged.unfitting == {}, "another model has found out by itself"
    assert merged.names == {A: "b"}


def test_a_merged_speaker_lends_the_name_where_the_other_has_none() -> None:
    ada = NameCorrection("c", NOW, FIRST, speaker(C), "Ada")
    assert done(ada, MERGE).names == {A: "Ada"}
    anne = NameCorrection("a", NOW, FIRST, speaker(A), "Anne")
    assert done(anne, ada, MERGE).names == {A: "Anne"}


def test_the_right_one_of_two_equal_words() -> None:
    every = [word for part in HEARD.segments for word in part.words]
    first = next(at for at, word in enumerate(every) if word.word == "very")
    for at in (first, first + 1):
        word = every[at]
        found = find_words(every, WordsAnchor(word.start, word.end, "very"))
        assert found is not None
        assert (found.start, found.end) == (at, at + 1)


def test_no_two_speakers_are_like_one_speech() -> None:
    speech = [Span(0.0, 10.0)]
    assert speaker_like(speech, {A: [Span(0.0, 4.0)], B: [Span(4.0, 10.0)]}) == B
    assert speaker_like(speech, {A: [Span(0.0, 5.0)], B: [Span(5.0, 10.0)]}) is None
    assert speaker_like(speech, {A: [Span(0.0, 20.0)]}) is None


TEXTS = st.lists(
    st.sampled_from(["ah", "oh", "no", "yes", "Anne,", "Ben."]), min_size=1, max_size=4
)


@st.composite
def results(draw: st.DrawFn) -> tuple[Transcription, Timeline]:
    """Random words and turns that need not agree, on one or two tracks."""
    tracks: list[int | None] = [None] if draw(st.booleans()) else [1, 2]
    segments, turns = [], []
    for track in tracks:
        at = draw(st.floats(0, 2))
        for _ in range(draw(st.integers(0, 5))):
            spoken = []
            for text in draw(TEXTS):
                length = draw(st.integers(20, 600)) / 1000
                spoken.append(Word(round(at, 3), round(at + length, 3), text, 0.5))
                at += length
            segments.append(
                TranscriptSegment(spoken[0].start, spoken[-1].end, "", spoken, "en", track)
            )
            at += draw(st.sampled_from([0.0, 0.3, 2.0]))
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, 100)) / 10
            length = draw(st.integers(1, 30)) / 10
            turns.append(Turn(start, start + length, draw(st.sampled_from([A, B, C])), track))
    return Transcription("en", 0.9, segments), Timeline(turns, turns)


def anchored(transcription: Transcription, draw: st.DrawFn) -> WordsAnchor:
    every = [word for part in transcription.segments for word in part.words]
    if not every or draw(st.booleans()):
        start = draw(st.integers(0, 100)) / 10
        return WordsAnchor(start, start + draw(st.integers(1, 20)) / 10, " ".join(draw(TEXTS)))
    at = draw(st.integers(0, len(every) - 1))
    some = every[at : at + draw(st.integers(1, 4))]
    end = max(word.end for word in some)
    return WordsAnchor(some[0].start, end, " ".join(word.word for word in some))


@st.composite
def corrected_results(
    draw: st.DrawFn,
) -> tuple[Transcription, Timeline, list[AnyCorrection], Version]:
    heard, turns = draw(results())

    def who() -> SpeakerAnchor:
        label = draw(st.sampled_from([A, B, C]))
        return replace(speaker(label, turns), words=[])

    kinds: dict[str, Callable[[str, Version], AnyCorrection]] = {
        "name": lambda id_, v: NameCorrection(id_, NOW, v, who(), draw(st.sampled_from("XYZ"))),
        "merge": lambda id_, v: MergeCorrection(id_, NOW, v, who(), who()),
        "speaker": lambda id_, v: SpeakerCorrection(id_, NOW, v, anchored(heard, draw), who()),
        "text": lambda id_, v: TextCorrection(
            id_, NOW, v, anchored(heard, draw), " ".join(draw(TEXTS))
        ),
        "language": lambda id_, v: LanguageCorrection(id_, NOW, v, draw(st.sampled_from("ab"))),
    }
    versions = st.sampled_from([FIRST, Version("two", 60.1), Version("three", 90.0)])
    corrections = [
        kinds[draw(st.sampled_from([*kinds]))](str(number), draw(versions))
        for number in range(draw(st.integers(0, 5)))
    ]
    return heard, turns, corrections, FIRST


@given(corrected_results())
def test_nothing_is_lost_and_every_word_is_in_one_segment(
    given_: tuple[Transcription, Timeline, list[AnyCorrection], Version],
) -> None:
    heard, turns, corrections, version = given_
    corrected = correct(heard, turns, corrections, version)
    said = spoken(corrected)
    before = [(w.start, w.word) for part in heard.segments for w in part.words]
    by_hand = [word for word in said if word.by_hand]
    kept = [(w.start, w.word) for w in said if not w.by_hand]
    lost = list(before)
    for word in kept:
        lost.remove(word)  # each is one of those that were heard
    assert all(any(w.start <= start < w.end for w in by_hand) for start, _ in lost)
    assert all(word.end > word.start for word in by_hand)
    if not any(isinstance(one, TextCorrection) for one in corrections):
        assert lost == [] == by_hand
    # Every correction is either in it, or told, or overtaken by a later one.
    told = [*corrected.applied, *corrected.unfitting]
    assert len(told) == len(set(told))
    overtaken = {one.id for one in corrections} - set(told)
    assert all(
        isinstance(one, TextCorrection | SpeakerCorrection)
        for one in corrections
        if one.id in overtaken
    )
    labels = {turn.speaker for turn in turns.turns} | corrected.added.keys()
    assert {word.speaker for word in said} - {None} <= labels - corrected.merged.keys()
    assert corrected.names.keys() <= labels - corrected.merged.keys()


@given(corrected_results())
def test_the_same_corrections_give_the_same_again(
    given_: tuple[Transcription, Timeline, list[AnyCorrection], Version],
) -> None:
    heard, turns, corrections, version = given_
    assert correct(heard, turns, corrections, version) == correct(
        heard, turns, corrections, version
    )


@given(
    st.sampled_from([*EACH, LONGER, SHORTER]),
    st.lists(st.sampled_from([*EACH, LONGER, SHORTER]), max_size=6),
)
def test_a_correction_that_is_made_twice_is_in_it_once(
    one: AnyCorrection, others: list[AnyCorrection]
) -> None:
    once = list({other.id: other for other in [*others, one]}.values())
    twice = [*once, replace(one, id="again")]
    assert done(*twice).segments == done(*once).segments
    assert done(*twice).names == done(*once).names
    assert done(*twice).merged == done(*once).merged


@given(
    st.permutations([A, B, C]),
    st.floats(-0.2, 0.2),
    st.sets(st.sampled_from(["morning", "for", "begin", "quarter", "hear"])),
    st.permutations(EACH),
)
def test_corrections_survive_any_of_it_together(
    labels: list[str], seconds: float, misheard: set[str], corrections: list[AnyCorrection]
) -> None:
    turns = renamed(**dict(zip([A, B, C], labels, strict=True)))
    heard = replace(shifted(seconds), segments=shifted(seconds).segments)
    heard = replace(
        heard,
        segments=[
            replace(
                part,
                words=[
                    replace(word, word="hmm" if word.word.strip(".?") in misheard else word.word)
                    for word in part.words
                ],
            )
            for part in heard.segments
        ],
    )
    told = done(*corrections, heard=heard, turns=turns)
    a, b, c = labels
    assert told.unfitting == {}
    assert (told.names, told.merged, told.language) == ({b: "Beth"}, {c: a}, "fr")
    said = [(word.speaker, word.word) for word in spoken(told)]
    assert said[5:8] == [(a, "Thank"), (a, "you"), (b, "Emmanuel,")]
