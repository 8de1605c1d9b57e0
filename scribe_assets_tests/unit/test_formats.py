"""The readable forms."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from scribe_assets.artifacts import formats
from scribe_assets.artifacts.documents import Diarization, Result, Speaker, Transcript
from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.plain import facts
from scribe_assets.speech.timeline import TranscriptSegment, Turn, Word
from scribe_assets_tests.unit.results import RESULT, PageText, segment

EMPTY = RESULT.model_copy(update={"segments": [], "speakers": []})


def render(name: str) -> str:
    return FORMATS[name].render(RESULT)


def test_srt() -> None:
    assert render("srt") == (
        "1\n00:00:01,500 --> 00:00:03,050\nAnne B.: Hello, *R&D* ‹people›!\n\n"
        "2\n01:00:00,000 --> 01:00:01,500\nSpeaker 2: Bonjour à tous.\n\n"
    )


def test_vtt() -> None:
    assert render("vtt") == (
        "WEBVTT\n\n"
        "00:00:01.500 --> 00:00:03.000\n<v Anne B.>Hello, *R&amp;D* &lt;people&gt;!\n\n"
        "01:00:00.000 --> 01:00:01.500\n<v Speaker 2>Bonjour à tous.\n\n"
    )


def test_rttm_names_the_person_without_spaces() -> None:
    assert render("rttm").splitlines() == [
        "SPEAKER meeting-mp4-abc 1 1.500 1.500 <NA> <NA> anne-b <NA> <NA>",
        "SPEAKER meeting-mp4-abc 1 3600.000 1.500 <NA> <NA> SPEAKER_01 <NA> <NA>",
    ]


def test_seglst() -> None:
    first = json.loads(render("seglst"))[0]
    assert first == {
        "session_id": "meeting-mp4-abc",
        "start_time": 1.5,
        "end_time": 3.0,
        "speaker": "anne-b",
        "words": "Hello, *R&D* <people>!",
    }


def test_plain_text() -> None:
    assert render("txt") == (
        "default/meeting_1.mp4\n1:01:40 · en · Anne B., Speaker 2\n\n"
        "Anne B. [0:01]\nHello, *R&D* <people>!\n\n"
        "Speaker 2 [1:00:00]\nBonjour à tous.\n"
    )


def test_csv_reads_as_a_table_in_which_nothing_is_computed() -> None:
    said = segment(0, "SPEAKER_00", '=HYPERLINK("x")', "and,", "so\non")
    table = FORMATS["csv"].render(RESULT.model_copy(update={"segments": [said]}))
    (row,) = csv.DictReader(table.splitlines())
    assert row == {
        "start": "0.000",
        "end": "1.500",
        "speaker": "SPEAKER_00",
        "person_id": "anne-b",
        "name": "Anne B.",
        "language": "en",
        "text": '\'=HYPERLINK("x") and, so on',
    }


def test_stm_and_ctm_are_read_by_another_library() -> None:
    import meeteval

    stm = meeteval.io.STM.parse(render("stm"))
    assert [(line.speaker_id, line.transcript) for line in stm] == [
        ("anne-b", "Hello, *R&D* ‹people›!"),
        ("SPEAKER_01", "Bonjour à tous."),
    ]
    ctm = meeteval.io.CTM.parse(render("ctm"))
    assert [line.word for line in ctm][:3] == ["Hello,", "*R&D*", "‹people›!"]
    assert [float(line.begin_time) for line in ctm] == [1.5, 2, 2.5, 3600, 3600.5, 3601]


def test_audacity_labels() -> None:
    assert render("audacity").splitlines()[0] == (
        "1.500000\t3.000000\tAnne B.: Hello, *R&D* <people>!"
    )


@pytest.mark.parametrize("form", ["md", "txt", "html"])
def test_french_punctuation_stays_with_its_word(form: str) -> None:
    said = segment(0, "SPEAKER_00", "Ça", "va ?", "« Très", "bien »", "dit-il.", language="fr")
    text = FORMATS[form].render(RESULT.model_copy(update={"segments": [said]}))
    if form == "html":
        text = PageText(text).shown
    assert "Ça va\u202f? «\xa0Très bien\xa0» dit-il." in text


def test_markdown_escapes_what_is_said() -> None:
    text = render("md")
    assert text.startswith("# default/meeting\\_1.mp4\n")
    assert "**Anne B.** · 0:01" in text
    assert "Hello, \\*R&D\\* \\<people\\>!" in text
    assert "**Speaker 2** · 1:00:00" in text


def test_facts_are_plain_text() -> None:
    """They are metadata in the UI, where nothing is unescaped."""
    german = RESULT.model_copy(update={"language": "de"})
    assert facts(german) == "1:01:40 · de · Anne B., SPEAKER_01"
    assert "1:01:40 · de · Anne B., SPEAKER\\_01" in FORMATS["md"].render(german)


def test_html_is_whole_and_escaped() -> None:
    opened: list[str] = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: list) -> None:
            if tag not in ("meta", "input"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    page = render("html")
    Balance().feed(page)
    assert opened == []
    assert "&lt;people&gt;" in page
    assert "Anne B." in page
    assert not re.search(r"https?://", page), "the page loads nothing from elsewhere"


def test_no_speech_renders_in_every_form() -> None:
    rendered = {name: form.render(EMPTY) for name, form in FORMATS.items()}
    assert rendered["srt"] == rendered["rttm"] == ""
    assert rendered["vtt"] == "WEBVTT\n\n"
    assert json.loads(rendered["seglst"]) == []
    assert "No speech" in rendered["md"]
    assert "No speech" in rendered["html"]


ENGLISH_WITH_JAPANESE = RESULT.model_copy(
    update={
        "segments": [
            segment(0, "SPEAKER_00", "Good", "day."),
            segment(9, "SPEAKER_00", "お", "はよう", text="おはよう", language="ja"),
        ]
    }
)
JAPANESE_WITH_ENGLISH = RESULT.model_copy(
    update={
        "language": "ja",
        "segments": [
            segment(0, "SPEAKER_00", "お", "はよう", text="おはよう"),
            segment(9, "SPEAKER_00", "Good", "day.", language="en"),
        ],
    }
)
ENGLISH_TAKEN_FOR_JAPANESE = RESULT.model_copy(
    update={
        "language": "ja",
        "segments": [
            segment(0, "SPEAKER_00", "Good", "day.", "お", "はよう", text="Good day.おはよう"),
        ],
    }
)


@pytest.mark.parametrize(
    "result", [ENGLISH_WITH_JAPANESE, JAPANESE_WITH_ENGLISH, ENGLISH_TAKEN_FOR_JAPANESE]
)
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("rttm", "ctm")])
def test_words_are_joined_by_the_language_of_their_segment(name: str, result: Result) -> None:
    """All forms but RTTM, which has no words, and CTM, which has each in a line."""
    rendered = FORMATS[name].render(result)
    if name == "html":
        rendered = PageText(rendered).shown
    assert "Good day." in rendered
    assert "おはよう" in rendered


def test_html_says_where_another_language_is_spoken() -> None:
    page = FORMATS["html"].render(ENGLISH_WITH_JAPANESE)
    assert '<html lang="en">' in page
    assert page.count('<p lang="ja"') == page.count("<p lang=") == 1


def test_the_forms_of_a_document_are_those_of_its_type() -> None:
    names = {form.file_name for form, _ in formats.forms_of(RESULT)}
    assert names == {
        "result.srt",
        "result.vtt",
        "result.rttm",
        "result.seglst.json",
        "result.md",
        "result.html",
    }
    diarization = Diarization(
        recording_id="r", model="m", duration=2, turns=[Turn(0, 2, "SPEAKER_00")], exclusive=[]
    )
    ((form, content),) = formats.forms_of(diarization)
    assert form.file_name == "diarization.rttm"
    assert content == "SPEAKER r 1 0.000 2.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
    transcript = Transcript(
        recording_id="r", model="m", language=None, language_probability=None, segments=[]
    )
    assert list(formats.forms_of(transcript)) == []


def test_no_two_forms_have_the_same_file() -> None:
    names = [form.file_name for form in formats.REGISTERED]
    assert sorted(set(names)) == sorted(names)


def test_a_format_is_added_by_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def count_words(transcript: Transcript) -> str:
        return f"{sum(len(segment.words) for segment in transcript.segments)} words"

    counted = Format("count", Transcript, ".count.txt", "text/plain", count_words)
    monkeypatch.setattr(formats, "REGISTERED", [*formats.REGISTERED, counted])
    transcript = Transcript(
        recording_id="r",
        model="m",
        language="en",
        language_probability=1,
        segments=[TranscriptSegment(0, 1, "Yes.", [Word(0, 1, "Yes.", 0.9)])],
    )
    assert list(formats.forms_of(transcript)) == [(counted, "1 words")]
    assert counted.file_name == "transcript.count.txt"
    assert counted not in formats.formats_of(Result).values()


def speaking(*people: tuple[str | None, str | None]) -> Result:
    """A result in which each of these people (id, name) has a segment."""
    labels = [f"SPEAKER_{number:02}" for number in range(len(people))]
    speakers = [
        Speaker(label=label, person_id=person, name=name, score=0.8, speech_seconds=1)
        for label, (person, name) in zip(labels, people, strict=True)
    ]
    segments = [segment(10.0 * i, label, "Yes.") for i, label in enumerate(labels)]
    return RESULT.model_copy(update={"speakers": speakers, "segments": segments})


@pytest.mark.parametrize("form", ["srt", "vtt", "md", "html"])
def test_two_people_with_one_name_are_told_apart_by_their_ids(form: str) -> None:
    same = FORMATS[form].render(
        speaking(("tom-a", "Tom"), ("tom-b", "Tom"), ("tom-a", "Tom"), ("anne", "Anne"))
    )
    shown = re.findall(r"Tom \([a-z-]*\)|Anne", same)
    assert shown[-4:] == ["Tom (tom-a)", "Tom (tom-b)", "Tom (tom-a)", "Anne"]
    assert "Anne (" not in same
    assert "Tom (" not in FORMATS[form].render(speaking(("tom-a", "Tom"), ("tom-a", "Tom")))


def test_names_that_look_alike_are_the_same_name() -> None:
    result = speaking(("a", "Zoé"), ("b", "ZOE\u0301"), (None, None), ("c", "SPEAKER 3"))
    assert list(result.display_names().values()) == [
        *("Zoé (a)", "ZOÉ (b)", "Speaker 3", "SPEAKER 3 (c)")
    ]
    assert [speaker.name for speaker in result.speakers[:2]] == ["Zoé", "ZOE\u0301"]


FOR_PROGRAMS = ["rttm", "seglst", "stm", "csv"]


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "ctm"])
@pytest.mark.parametrize(
    ("language", "name"), [("en", "Speaker 3"), ("fr", "Intervenant 3"), ("de", "SPEAKER_02")]
)
def test_unknown_speakers_have_a_number_for_people_and_their_label_for_programs(
    form: str, language: str, name: str
) -> None:
    alone = RESULT.model_copy(
        update={
            "language": language,
            "speakers": [RESULT.speakers[1].model_copy(update={"label": "SPEAKER_02"})],
            "segments": [segment(0, "SPEAKER_02", "Ja.")],
        }
    )
    text = FORMATS[form].render(alone).replace("SPEAKER\\_02", "SPEAKER_02")
    assert ("SPEAKER_02" if form in FOR_PROGRAMS else name) in text
    assert "Intervenant" not in text or form not in FOR_PROGRAMS


def test_somebody_called_as_unknown_speakers_are_is_told_from_them() -> None:
    names = speaking(("a", "Speaker 2"), (None, None)).display_names()
    assert names == {"SPEAKER_00": "Speaker 2 (a)", "SPEAKER_01": "Speaker 2"}


def test_ids_that_lose_their_spaces_stay_two_in_rttm() -> None:
    lines = FORMATS["rttm"].render(speaking(("tom b", None), ("tom_b", None), ("é ü", None)))
    assert [line.split()[7] for line in lines.splitlines()] == ["tom%20b", "tom_b", "é_ü"]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_a_name_makes_no_arrow_of_what_stands_after_it(form: str) -> None:
    text = FORMATS[form].render(speaking(("anne", "Anne --")))
    assert text.count("-->") == 1


INJECTION = "Tom\n\n9\n00:00:01,000 --> 00:00:09,000\r\nEve: all mine\u2028<b>\u202e\x00\x85# Eve"
SHOWN = "Tom 9 00:00:01,000 → 00:00:09,000 Eve: all mine ‹b› # Eve: Yes."


@pytest.mark.parametrize("form", [*FORMATS])
def test_a_name_in_an_old_result_adds_no_line(form: str) -> None:
    """Names are cleaned when they are read; in results that are older they may hold anything."""
    clean = FORMATS[form].render(speaking(("tom", "Tom")))
    dirty = FORMATS[form].render(speaking(("tom", INJECTION)))
    assert len(dirty.splitlines()) == len(clean.splitlines())
    assert not set(dirty) & set("\x00\x85\u202e\u2028\r")
    if form in ("srt", "vtt"):
        assert dirty.count("-->") == clean.count("-->")
    if form == "srt":
        assert SHOWN in dirty.splitlines()


@pytest.mark.parametrize("form", [*FORMATS])
def test_an_id_adds_no_line(form: str) -> None:
    clean = FORMATS[form].render(speaking(("tom", None)))
    dirty = FORMATS[form].render(speaking(("to\nm\r\u2028", None)))
    assert dirty.count("\n") == clean.count("\n")
    for line in dirty.splitlines() if form == "rttm" else []:
        assert len(line.split()) == 10


EVIL = "anne/a&amp;b\n# *x* [l](u) \x1b[31m\x9b\u202e<b>&\r\x00.wav"


def evil(name: str) -> str:
    source = RESULT.source.model_copy(update={"key": EVIL})
    return FORMATS[name].render(RESULT.model_copy(update={"source": source}))


@pytest.mark.parametrize("name", ["srt", "vtt", "rttm", "seglst"])
def test_forms_without_the_key_are_the_same_whatever_it_is(name: str) -> None:
    assert evil(name) == render(name)


def test_markdown_shows_a_key_in_its_heading_as_it_is() -> None:
    text = evil("md")
    assert text.split("\n")[0] == (r"# anne/a\&amp;b␊# \*x\* \[l\](u) ␛\[31m" "��" r"\<b\>&␍␀.wav")
    assert text.split("\n")[1:] == render("md").split("\n")[1:]


def test_html_shows_a_key_in_its_title_as_it_is() -> None:
    titles: list[str] = []

    class Titles(HTMLParser):
        def handle_data(self, data: str) -> None:
            if self.get_starttag_text() in ("<title>", "<h1>") and data.strip():
                titles.append(data)

    Titles().feed(evil("html"))
    assert titles == ["anne/a&amp;b␊# *x* [l](u) ␛[31m��<b>&␍␀.wav"] * 2
