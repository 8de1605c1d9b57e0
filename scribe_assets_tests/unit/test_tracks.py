"""Tiers for Praat and ELAN: nothing overlaps in one, and times stay as they are."""

from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.artifacts.formats.tracks import Interval, tracks
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord
from scribe_assets_tests.unit.results import RESULT, segment


def test_a_speaker_has_a_tier_for_segments_and_one_for_words() -> None:
    anne, other = tracks(RESULT)
    assert (anne.name, anne.words_name, anne.speaker) == ("Anne B.", "Anne B. - words", "anne-b")
    assert (other.name, other.speaker) == ("Speaker 2", "SPEAKER_01")
    (said,) = anne.utterances
    assert (said.start, said.end, said.text) == (1500, 3000, "Hello, *R&D* <people>!")
    assert said.words[1] == Interval(2000, 2500, "*R&D*")


def test_segments_of_a_speaker_that_overlap_are_in_two_tiers() -> None:
    said = [
        segment(0, "SPEAKER_00", "one", "two", "three"),
        segment(1, "SPEAKER_00", "four"),
        segment(1.5, "SPEAKER_00", "five"),
    ]
    first, second = tracks(RESULT.model_copy(update={"segments": said}))
    assert (first.name, second.name) == ("Anne B.", "Anne B. [2]")
    assert second.words_name == "Anne B. - words [2]"
    assert [each.start for each in first.utterances] == [0, 1500]
    assert [each.start for each in second.utterances] == [1000]


def test_words_without_length_or_order_get_a_place_of_their_own() -> None:
    times = [(1.0, 1.0), (1.0, 3.0), (2.0, 2.5), (1.5, 1.6)]
    words = [SpokenWord(start, end, "so", 0.9, "SPEAKER_00", False) for start, end in times]
    said = SpokenSegment(1.0, 2.0, "SPEAKER_00", "so so so so", words)
    ((utterance,),) = [t.utterances for t in tracks(RESULT.model_copy(update={"segments": [said]}))]
    assert [(word.start, word.end) for word in utterance.words] == [
        *((1000, 1001), (1001, 2000), (2000, 2001), (2001, 2002))
    ]
    assert (utterance.start, utterance.end) == (1000, 2002)


def test_elan_finds_the_recording_beside_the_file() -> None:
    source = RESULT.source.model_copy(update={"key": "anne/calls/Réunion 1.m4a"})
    text = FORMATS["eaf"].render(RESULT.model_copy(update={"source": source}))
    assert 'RELATIVE_MEDIA_URL="./R%C3%A9union%201.m4a"' in text


def test_no_speech_is_a_tier_without_text() -> None:
    text = FORMATS["textgrid"].render(RESULT.model_copy(update={"segments": []}))
    assert text.count('class = "IntervalTier"') == 1
    assert 'name = "No speech"' in text
