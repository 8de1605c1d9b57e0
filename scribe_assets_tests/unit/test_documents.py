"""The documents, their schemas, and what is wrong with a wrong one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scribe_assets.artifacts.documents import Options, Profile
from scribe_assets.artifacts.schemas import schemas
from scribe_assets.errors import DocumentError
from scribe_assets_tests.unit.results import RESULT, segment

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def test_published_schemas_are_those_of_the_code() -> None:
    published = {file.name: file.read_text() for file in SCHEMAS.glob("*.json")}
    assert published == schemas(), "run 'make schemas'"


def test_documents_and_formats_load_no_library_of_models_or_media() -> None:
    heavy = ["torch", "scipy", "av", "faster_whisper", "soundfile", "ffmpeg", "pyannote"]
    code = (
        "import sys, scribe_assets.artifacts.documents, scribe_assets.artifacts.formats\n"
        f"print(*(name for name in {heavy} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_document_survives_its_json() -> None:
    assert type(RESULT).from_json(RESULT.to_json(), "result.json") == RESULT


def test_a_segment_has_a_language_where_it_is_not_the_recordings() -> None:
    """So that the result of a recording in one language does not change."""
    english, japanese = RESULT.segments[0], segment(9, "SPEAKER_00", "お", text="お", language="ja")
    result = RESULT.model_copy(update={"segments": [english, japanese]})
    written = json.loads(result.to_json())["segments"]
    assert "language" not in written[0]
    assert written[1]["language"] == "ja"
    assert type(result).from_json(result.to_json(), "result.json") == result


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Invalid JSON"),
        ('{"num_speakers": 0}', "num_speakers"),
        ('{"speakers": 2}', "speakers"),
        ('{"min_speakers": 3, "max_speakers": 2}', "min_speakers 3 is more than max_speakers 2"),
        ('{"model": "/etc/weights"}', "give the name of a Whisper model such as small"),
        ('{"model": "somebody/weights"}', "a folder or another repository is set for all"),
        ('{"num_speakers": 5, "max_speakers": 2}', "num_speakers 5 is more than max_speakers 2"),
        ('{"num_speakers": 1, "min_speakers": 2}', "num_speakers 1 is less than min_speakers 2"),
        ('{"num_speakers": true}', "num_speakers: true is not a number of speakers"),
        ('{"speaker_count": 2}', "speaker_count: there is no such field; did you mean"),
        ('{"speakers": 2}', "did you mean num_speakers?"),
        ('{"zzz": 2}', "there are job_id, language, languages, num_speakers"),
        ('{"language": "klingon"}', "'klingon' is a language that Whisper does not know"),
        ('{"language": "gibberish"}', "'gibberish' is no language; give a code such as fr"),
    ],
)
def test_wrong_options_are_one_sentence(text: str, says: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Options.from_json(text, "a.wav.scribe.json")
    assert str(caught.value).startswith("a.wav.scribe.json is not as expected: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_generous() -> None:
    options = Options.from_json(
        '{"language": "fr-FR", "hotwords": ["Anne", "Zoé"], "job_id": 7}', ""
    )
    assert (options.language, options.hotwords, options.job_id) == ("fr", "Anne, Zoé", "7")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("fr", "fr"), ("FR", "fr"), ("fr_CA", "fr"), ("fra", "fr"), ("fre", "fr")),
        *(("French", "fr"), ("français", "fr"), (" Francais ", "fr"), ("Französisch", "fr")),
        *(("eng", "en"), ("cmn", "zh"), ("Cantonese", "yue"), ("Norwegian", "no"), ("nb", "no")),
        *(("nn", "nn"), ("iw", "he"), ("jv", "jw"), ("auto", None), ("", None)),
    ],
)
def test_a_language_is_understood_as_people_write_it(written: str, code: str | None) -> None:
    assert Options.from_json(json.dumps({"language": written}), "").language == code


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_any_unicode_is_read(encoding: str) -> None:
    data = '{"name": "Zoé"}'.encode(encoding)
    assert Profile.from_json(data, "profile.json").name == "Zoé"


def test_another_encoding_is_named_and_not_guessed_at() -> None:
    with pytest.raises(DocumentError, match=r"profile\.json .* looks like Latin-1 .* as UTF-8"):
        Profile.from_json('{"name": "Zoé"}'.encode("latin-1"), "profile.json")
    with pytest.raises(DocumentError, match="damaged UTF-16"):
        Profile.from_json('{"name": "Zoé"}'.encode("utf-16")[:-1], "profile.json")


def test_a_profile_may_say_more() -> None:
    assert Profile.from_json('{"name": "Anne", "team": "son"}', "").name == "Anne"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Anne \t\n B.\u2028", "Anne B."),
        ("E\u0301lodie Mu\u0308ller", "Élodie Müller"),
        ("\ufeff\u202dTom\u202c\u200b", "Tom"),
        ("👩‍👧 نیلوفر‌ها", "👩‍👧 نیلوفر‌ها"),
        ("x" * 200, "x" * 200),
        (" " * 300 + "Anne", "Anne"),
    ],
)
def test_a_name_is_one_line_in_which_all_is_seen(written: str, kept: str) -> None:
    assert Profile.from_json(json.dumps({"name": written}), "").name == kept


@pytest.mark.parametrize(
    ("written", "says"),
    [
        *(("", "that can be seen"), (" \n", "that can be seen"), ("\u200b\u200d", "can be seen")),
        *(("\u3164\u2800", "can be seen"), ("\u0301", "can be seen")),
        *(("a\x00b", r"control character '\x00'"), ("a\x1b[31m", r"control character '\x1b'")),
        ("x" * 201, "at most 200 characters, not 201"),
        (None, "should be a valid string"),
    ],
)
def test_what_is_no_name_is_told_in_one_sentence(written: str | None, says: str) -> None:
    with pytest.raises(DocumentError, match=r"^profile\.json is not as expected: name: ") as caught:
        Profile.from_json(json.dumps({"name": written}), "profile.json")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
