"""The identity bank as people use it. Names in recordings: test_naming.py."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from scribe_assets.artifacts.documents import Diarization
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.people import (
    LastHeard,
    enrol,
    enrol_from_recording,
    forget,
    last_heard,
    list_people,
)
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.timeline import Turn
from scribe_assets.storage import bank
from scribe_assets.storage.layout import AUDIO, processed_key, voiceprints_key
from scribe_assets.storage.recordings import read_document, write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.media import silence
from scribe_assets_tests.people import enrol_voices, processed, unit
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
    waveform = decode(sample_recording)
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
