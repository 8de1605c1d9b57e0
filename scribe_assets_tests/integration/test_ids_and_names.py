"""Folders of an identity bank as people name them, and the names in their profiles."""

from pathlib import Path
from typing import Any

import pytest

from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import UsageError
from scribe_assets.keys import person_id_problem
from scribe_assets.library.bank_problems import bank_problems
from scribe_assets.library.people import (
    enrol,
    forget,
    last_heard,
    list_people,
)
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.storage import bank
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import MODEL, enrol_voices, processed, unit

USER = "user"
ANNE = unit(1, 0, 0)
BEN = unit(0, 1, 0)


def bank_keys(storage: S3Storage) -> list[str]:
    return [item.key for item in storage.objects(storage.identity_bucket)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "can be seen"),
        ("\u200b", "can be seen"),
        ("a\x00b", "control character"),
        ("x" * 201, "at most 200 characters"),
    ],
)
def test_what_cannot_be_a_name_is_refused(
    embedded_storage: S3Storage, sample_recording: Path, name: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        enrol(embedded_storage, USER, "anne", [sample_recording], name)
    assert bank_keys(embedded_storage) == []


def test_a_name_is_kept_as_one_line(embedded_storage: S3Storage, sample_recording: Path) -> None:
    enrol(embedded_storage, USER, "anne", [sample_recording], " Zoe\u0301\n\tB.\u202e ")
    assert [person.name for person in list_people(embedded_storage, USER)] == ["Zoé B."]


IDS = ["Élodie Müller", "👩‍👧 ~a..b", ".anne", "a+b %2F&=?#", "李雷", "x" * 200]


@pytest.mark.parametrize("person", IDS)
def test_any_folder_that_s3_allows_is_a_person(
    storage: S3Storage, sample_recording: Path, person: str
) -> None:
    (uri,) = enrol(storage, USER, person, [sample_recording])
    assert uri.endswith(f"/{USER}/{person}/voice/sample.wav")
    enrolled = enrol_voices(storage, USER, {person: ANNE, "ben": BEN})
    ref = processed(storage, f"{USER}/a.wav", {"S0": ANNE, "S1": BEN}, enrolled)
    listed = {one.person_id: one for one in list_people(storage, USER)}
    assert listed.keys() == {person, "ben"}
    assert (listed[person].name, listed[person].problems) == (person, [])
    assert [s.person_id for s in read_document(storage, ref, Result).speakers] == [person, "ben"]
    key = processed_key(ref, "result.rttm")
    assert "S0" not in storage.read(storage.processed_bucket, key).decode()
    assert last_heard(storage, USER, [person]).dates.keys() == {person}
    assert forget(storage, USER, person) == 2
    assert [one.person_id for one in list_people(storage, USER)] == ["ben"]


COMPOSED, DECOMPOSED = "Élodie", "E\u0301lodie"


@pytest.mark.parametrize(
    ("folder", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (COMPOSED, COMPOSED)]
)
def test_an_id_is_found_however_its_accents_are_written(
    storage: S3Storage, sample_recording: Path, folder: str, typed: str
) -> None:
    enrol_voices(storage, USER, {folder: ANNE})
    enrol(storage, USER, typed, [sample_recording])
    (person,) = list_people(storage, USER)
    assert (person.person_id, person.name, person.samples) == (folder, COMPOSED, 1)
    assert forget(storage, USER, typed) == 2
    assert bank_keys(storage) == []


def test_a_new_id_is_written_composed(embedded_storage: S3Storage, sample_recording: Path) -> None:
    enrol(embedded_storage, USER, DECOMPOSED, [sample_recording])
    assert [person.person_id for person in list_people(embedded_storage, USER)] == [COMPOSED]


def test_two_folders_that_look_the_same_stay_two_and_are_told(moto_storage: S3Storage) -> None:
    """For the embedded server they are one folder."""
    storage = moto_storage
    enrol_voices(storage, USER, {COMPOSED: ANNE, DECOMPOSED: BEN})
    decomposed, composed = list_people(storage, USER)
    assert r"'E\u0301lodie' looks like '\xc9lodie' and is another one" in decomposed.problems[0]
    assert r"'\xc9lodie' looks like 'E\u0301lodie' and is another one" in composed.problems[0]
    with pytest.raises(UsageError, match="2 people with ids that look like"):
        forget(storage, USER, f"{COMPOSED} ")
    assert forget(storage, USER, DECOMPOSED) == 1
    assert bank_keys(storage) == [f"{USER}/{COMPOSED}/voice/sample.wav"]


def test_forgetting_stays_in_one_folder(embedded_storage: S3Storage) -> None:
    enrol_voices(embedded_storage, USER, {"anne": ANNE, "anne-2": ANNE})
    for person in ("", ".", "anne/voice", "ann"):
        with pytest.raises(UsageError, match="nobody called"):
            forget(embedded_storage, USER, person)
    assert forget(embedded_storage, USER, "anne") == 1
    assert bank_keys(embedded_storage) == [f"{USER}/anne-2/voice/sample.wav"]


def test_a_folder_that_cannot_be_a_person_is_told_and_names_nobody(
    moto_storage: S3Storage,
) -> None:
    """The embedded server has no such keys."""
    storage = moto_storage
    ids = ["an\tne", "SPEAKER_01"]
    for person_id in ids:
        key = f"{USER}/{person_id}/voice/a.wav"
        storage.write(storage.identity_bucket, key, b"x", "audio/wav")
    document, embedded = refresh_voiceprints(storage, USER, "a model", pytest.fail)
    assert (embedded, document.voiceprints()) == (0, [])
    listed = list_people(storage, USER)
    assert {person.person_id for person in listed} == {*ids}
    for person in listed:
        why = person_id_problem(person.person_id)
        assert person.problems == [f"the folder {person.person_id!r} is nobody's: {why}; rename it"]
        assert forget(storage, USER, person.person_id) == 1


def test_people_are_compared_with_each_other(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    people = {"anne": ANNE, "anna": unit(1, 0.1, 0), "ben": BEN, "bert": unit(0, 1, 0.8)}
    enrol_voices(storage, USER, people)
    for person in ("anne", "ben"):
        key = f"{USER}/{person}/profile.json"
        storage.write(storage.identity_bucket, key, '{"name": "Sam"}', "application/json")
    anna, anne, ben, bert = list_people(storage, USER)
    assert (anne.same_voice_as, anna.same_voice_as) == (["anna"], ["anne"])
    assert anne.problems == [
        "has the voice of anna (1.00 alike) and is taken for the same person; keep one id with "
        "all samples",
        "is called Sam like ben; results show the ids, too",
    ]
    assert (ben.same_voice_as, bert.same_voice_as) == ([], [])
    assert ben.problems[0].startswith("has a voice like bert (0.78 alike)")
    assert bert.problems == [ben.problems[0].replace("bert", "ben")]


@pytest.mark.parametrize(
    ("profile", "name", "problem"),
    [
        ('{"name": "Zoé"}'.encode("utf-16"), "Zoé", ""),
        ('\ufeff{"name": " Zoé \\n B. "}'.encode(), "Zoé B.", ""),
        ('{"name": "Zoé"}'.encode("latin-1"), "anne", "looks like Latin-1"),
        (b'{"name": "\\u0000"}', "anne", "control character"),
        (b'{"name": "\\u200b"}', "anne", "that can be seen"),
        (b'{"name": 7}', "anne", "should be a valid string"),
        (b'{"nom": "Anne"}', "anne", "Field required"),
        (b"", "anne", "Invalid JSON"),
        (b'{"name": "' + b"x" * (1 << 20) + b'"}', "anne", "at most 1048576 are read"),
    ],
)
def test_what_is_wrong_with_a_profile_is_told(
    embedded_storage: S3Storage, profile: bytes, name: str, problem: str
) -> None:
    storage = embedded_storage
    enrol_voices(storage, USER, {"anne": ANNE})
    key = f"{USER}/anne/profile.json"
    storage.write(storage.identity_bucket, key, profile, "application/json")
    document, _ = refresh_voiceprints(storage, USER, MODEL, pytest.fail)
    assert document.people[0].name == name
    (anne,) = list_people(storage, USER)
    assert anne.name == name
    told = bank_problems(document).samples.get("anne", [])
    assert anne.problems == told
    assert len(told) == bool(problem)
    if problem:
        assert problem in told[0]
        assert told[0].endswith("; the name is anne")
    assert len(document.voiceprints()) == 1


def test_a_profile_that_s3_does_not_hand_out_is_told_and_read_when_it_does(
    moto_storage: S3Storage,
) -> None:
    storage = moto_storage
    enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    profile: dict[str, Any] = {
        "Bucket": storage.identity_bucket,
        "Key": f"{USER}/anne/profile.json",
        "Body": b'{"name": "Anne"}',
    }
    storage.get_client().put_object(**profile, StorageClass="GLACIER")
    document, _ = refresh_voiceprints(storage, USER, MODEL, pytest.fail)
    assert [person.name for person in document.people] == ["anne", "ben"]
    assert "is archived and cannot be read" in bank_problems(document).samples["anne"][0]
    storage.get_client().put_object(**profile)
    document, _ = refresh_voiceprints(storage, USER, MODEL, pytest.fail)
    assert [person.name for person in document.people] == ["Anne", "ben"]
    assert bank_problems(document).samples == {}


def test_a_name_that_an_older_version_kept_is_read_anew(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE})
    key = f"{USER}/anne/profile.json"
    storage.write(storage.identity_bucket, key, '{"name": "An\\nne"}', "application/json")
    etag = storage.head(storage.identity_bucket, key).etag
    older = enrolled.people[0].model_copy(update={"name": "An\nne", "profile": etag})
    bank.write_voiceprints(storage, enrolled.model_copy(update={"people": [older]}))
    document, _ = refresh_voiceprints(storage, USER, MODEL, pytest.fail)
    assert document.people[0].name == "An ne"
