"""Words are found in results, in the bucket, from a terminal."""

import json

import pytest
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import Result
from scribe_assets.cli import app
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.search import hits, search
from scribe_assets.speech.timeline import SpokenSegment
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.unit.results import RESULT, segment


def saying(key: str, *segments: SpokenSegment) -> Result:
    ref = RecordingRef.from_upload_key(key)
    return RESULT.model_copy(
        update={
            "recording_id": ref.recording_id,
            "user_id": ref.user_id,
            "source": RESULT.source.model_copy(update={"key": key}),
            "segments": list(segments),
        }
    )


FRENCH = segment(
    10, "SPEAKER_00", "C'est", "l'Été", "du", "bœuf,", "Zoé", "R", "&", "D", language="fr"
)
JAPANESE = segment(0, "SPEAKER_01", "今日", "は", "お", "はよう", language="ja")


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("été", 10.5),
        ("ETE du BOEUF", 10.5),
        ("c’est l'ete", 10),
        ("zoe", 12),
        ("R&D", 12.5),
        ("R & D", 12.5),
        ("œuf", None),  # no word begins so
        ("été bœuf", None),
        ("おはよう", None),
    ],
)
def test_accents_case_and_punctuation_do_not_count(words: str, start: float | None) -> None:
    found = list(hits(saying("anne/a.wav", FRENCH), RecordingRef("anne", "a"), words))
    assert [hit.start for hit in found] == ([] if start is None else [start])


def test_words_begin_anywhere_where_there_are_no_spaces() -> None:
    (hit,) = hits(saying("anne/a.wav", JAPANESE), RecordingRef("anne", "a"), "はおは")
    assert hit.start == 0.5


def test_nothing_to_search_for_is_said() -> None:
    with pytest.raises(UsageError, match="nothing to search for in ' ! '"):
        list(hits(RESULT, RecordingRef("anne", "a"), " ! "))


def test_all_results_of_a_user_are_searched(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    for key in ("anne/a.wav", "anne/b.wav", "ben/a.wav"):
        result = saying(key, FRENCH, JAPANESE)
        write_document(storage, RecordingRef.from_upload_key(key), result)
    broken = processed_key(RecordingRef.from_upload_key("anne/c.wav"), "result.json")
    storage.write(storage.processed_bucket, broken, "{", "application/json")
    problems: list[str] = []
    found = search(storage, "bœuf", "anne", problems.append)
    assert [hit.key for hit in found] == ["anne/a.wav", "anne/b.wav"]
    assert len(problems) == 1
    assert broken in problems[0]
    assert len(list(search(storage, "bœuf"))) == 3

    answer = CliRunner().invoke(app, ["search", "du", "boeuf", "--user", "ben"])
    assert answer.stdout == "ben/a.wav 0:11 Anne B.: C'est l'Été du bœuf, Zoé R & D\n"
    rows = json.loads(CliRunner().invoke(app, ["search", "zoe", "-u", "ben", "--json"]).stdout)
    assert [(row["key"], row["start"], row["user_id"]) for row in rows] == [
        ("ben/a.wav", 12, "ben")
    ]
    nobody = CliRunner().invoke(app, ["search", "homard", "--user", "ben"])
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "nobody said 'homard'" in nobody.stderr
