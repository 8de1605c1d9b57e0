"""The identity bank as people use it. Names in recordings: test_naming.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from scribe_assets.artifacts.documents import Diarization, Result
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef, person_id_problem
from scribe_assets.library.bank_problems import bank_problems
from scribe_assets.library.people import (
    LastHeard,
    enrol,
    enrol_from_recording,
    forget,
    last_heard,
    list_people,
)
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.speech import media
from scribe_assets.speech.timeline import Turn
from scribe_assets.storage import bank
from scribe_assets.storage.layout import AUDIO, processed_key, voiceprints_key
from scribe_assets.storage.recordings import read_document, write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.media import silence
from scribe_assets_tests.people import MODEL, enrol_voices, processed, unit
from scribe_assets_tests.requests import counted

USER = "user"
ANNE = unit(1, 0, 0)
BEN = unit(0, 1, 0)


def bank_keys(storage: S3Storage) -> list[str]:
    return [item.key for item in storage.objects(storage.identity_bucket)]


def test_samples_and_profile_are_put_into_the_bank(
    embedded_storage: S3Storage, sample_recording: Path
) -> None:
    storage = embedded_storage
    uris = enrol(storage, USER, "anne", [sample_recording], "Anne B.")
    assert uris == [f"s3://{storage.identity_bucket}/{USER}/anne/voice/sample.wav"]
    assert bank_keys(storage) == [f"{USER}/anne/profile.json", f"{USER}/anne/voice/sample.wav"]
    (folder,) = bank.folders(storage, USER)
    assert bank.read_profile(storage, folder) == ("Anne B.", None)
    # Another sample keeps the name; another name replaces it.
    enrol(storage, USER, "anne", [sample_recording])
    assert bank.read_profile(storage, folder) == ("Anne B.", None)
    enrol(storage, USER, "anne", [sample_recording], "A.")
    assert bank.read_profile(storage, folder) == ("A.", None)


def test_one_bad_sample_and_nothing_is_written(
    embedded_storage: S3Storage, sample_recording: Path, tmp_path: Path
) -> None:
    quiet = silence(tmp_path / "quiet.wav", seconds=5)
    noise = tmp_path / "text.wav"
    noise.write_text("not audio")
    for file, problem in ((quiet, "0.0 s of speech is too little"), (noise, "not audio or video")):
        with pytest.raises(UsageError, match=problem):
            enrol(embedded_storage, USER, "anne", [sample_recording, file])
    assert bank_keys(embedded_storage) == []


@pytest.mark.parametrize(
    ("user", "person", "names", "problem"),
    [
        *[
            (USER, person, ["a.wav"], f"is no person id: {why}")
            for person, why in [
                ("", "it is no name of a folder"),
                ("..", "it is no name of a folder"),
                ("a/b", "it is no name of a folder"),
                ("a\nb", "it has control characters"),
                ("a\udcff", "it has control characters"),
                (" a", "it has spaces at an end"),
                ("a  b", "it has spaces at an end or in a row"),
                (
                    "a\u202eb",
                    "it has spaces at an end or in a row, or characters that cannot be seen",
                ),
                ("SPEAKER_01", "speakers whom nobody knows are called so"),
                ("é" * 128, "it has more than 255 bytes"),
            ]
        ],
        ("a/b", "anne", ["a.wav"], "is no user"),
        (USER, "anne", ["a.wav", "sub/a.wav"], "a name of its own"),
        (USER, "anne", [".a.wav"], "does not begin with a dot"),
    ],
)
def test_what_cannot_be_a_key_is_refused(
    embedded_storage: S3Storage, user: str, person: str, names: list[str], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        enrol(embedded_storage, user, person, [Path(name) for name in names])


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


@pytest.fixture
def call(embedded_storage: S3Storage, sample_recording: Path) -> RecordingRef:
    """A recording with sound, in which S1 never speaks alone."""
    ref = processed(embedded_storage, f"{USER}/call.wav", {"S0": ANNE})
    turns = [Turn(0.0, 20.0, "S0"), Turn(5.0, 8.0, "S1")]
    diarization = read_document(embedded_storage, ref, Diarization)
    write_document(embedded_storage, ref, diarization.model_copy(update={"turns": turns}))
    key = processed_key(ref, AUDIO)
    embedded_storage.upload(sample_recording, embedded_storage.processed_bucket, key, "")
    return ref


def test_a_speaker_is_enrolled_by_what_nobody_speaks_over(
    embedded_storage: S3Storage, call: RecordingRef, sample_recording: Path, tmp_path: Path
) -> None:
    storage = embedded_storage
    (uri,) = enrol_from_recording(storage, call, "S0", "anne")
    key = uri.removeprefix(f"s3://{storage.identity_bucket}/")
    assert key == f"{USER}/anne/voice/{call.recording_id}-S0.flac"
    storage.download(storage.identity_bucket, key, tmp_path / "sample.flac")
    waveform = media.decode(sample_recording)
    rate = media.SAMPLE_RATE
    expected = np.concatenate([waveform[: 5 * rate], waveform[8 * rate : 20 * rate]])
    cut, _ = soundfile.read(tmp_path / "sample.flac")
    assert np.allclose(cut, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("speaker", "problem"),
    [("S1", "S1 never speaks alone"), ("S7", "has no speaker 'S7', but S0, S1")],
)
def test_who_cannot_be_cut_out_is_named(
    embedded_storage: S3Storage, call: RecordingRef, speaker: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        enrol_from_recording(embedded_storage, call, speaker, "anne")
    assert bank_keys(embedded_storage) == []


def test_people_are_listed_with_what_is_wrong(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrol_voices(storage, USER, {"anne": ANNE})
    bucket = storage.identity_bucket
    storage.write(bucket, f"{USER}/anne/profile.json", '{"name": "Anne"}', "application/json")
    storage.write(bucket, f"{USER}/ben/profile.json", "{broken", "application/json")
    storage.write(bucket, f"{USER}/zoe/voice/a.wav", "x", "audio/wav")
    storage.write(bucket, "other/yan/voice/a.wav", "x", "audio/wav")
    anne, ben, zoe = list_people(storage, USER)
    assert (anne.name, anne.samples, anne.speech_seconds, anne.problems) == ("Anne", 1, 10.0, [])
    assert ben.name == "ben"
    assert "profile.json is not as expected" in ben.problems[0]
    assert ben.problems[1:] == ["no voice sample"]
    assert zoe.problems == ["not yet computed; is 'scribe up' running?"]


def test_who_is_forgotten_is_gone_from_bank_and_voiceprints(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    assert forget(storage, USER, "anne") == 1
    assert bank_keys(storage) == [f"{USER}/ben/voice/sample.wav"]
    document = bank.read_voiceprints(storage, USER)
    assert document is not None
    assert [person.person_id for person in document.people] == ["ben"]
    with pytest.raises(UsageError, match="nobody called 'anne' is enrolled for user"):
        forget(storage, USER, "anne")
    forget(storage, USER, "ben")
    assert not storage.exists(storage.processed_bucket, voiceprints_key(USER))


def processed_at(storage: S3Storage, ref: RecordingRef, minute: int) -> None:
    """Give a recording's audio a time; the embedded server takes it from the metadata."""
    storage.get_client().put_object(
        Bucket=storage.processed_bucket,
        Key=processed_key(ref, AUDIO),
        Body=b"",
        Metadata={"mtime": str(1_700_000_000 + 60 * minute)},
    )


def test_only_as_many_results_are_read_as_it_takes_to_find_everybody(
    embedded_storage: S3Storage,
) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    for number in range(40):
        voices = {"S0": ANNE, "S1": BEN} if number == 39 else {"S0": ANNE}
        ref = processed(storage, f"{USER}/{number}.wav", voices, enrolled)
        processed_at(storage, ref, number)
    newest = storage.head(storage.uploads_bucket, f"{USER}/39.wav").last_modified
    with counted(storage, "GetObject") as read, counted(storage, "ListObjectsV2") as listed:
        heard = last_heard(storage, USER, ["anne", "ben"])
    assert len(read) == 16, "one batch"
    assert len(listed) == 1
    assert heard.dates.keys() == {"anne", "ben"}
    assert heard.dates["ben"] == newest
    assert not heard.complete


def test_who_was_not_heard_lately_is_not_said_to_be_never_heard(
    embedded_storage: S3Storage,
) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    for number in range(3):
        voices = {"S0": BEN} if number == 0 else {"S0": ANNE}
        ref = processed(storage, f"{USER}/{number}.wav", voices, enrolled)
        processed_at(storage, ref, number)
    with counted(storage, "GetObject") as read:
        some = last_heard(storage, USER, ["anne", "ben"], most=2)
    assert len(read) == 2
    assert (some.dates.keys(), some.searched, some.complete) == ({"anne"}, 2, False)
    every = last_heard(storage, USER, ["anne", "ben", "zoe"])
    assert (every.dates.keys(), every.searched, every.complete) == ({"anne", "ben"}, 3, True)


def test_without_recordings_nobody_was_heard(embedded_storage: S3Storage) -> None:
    assert last_heard(embedded_storage, USER, ["anne"]) == LastHeard({}, 0, True)
