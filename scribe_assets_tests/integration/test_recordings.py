"""Recordings as people use them: found, uploaded, followed, read."""

import io
from pathlib import Path
from zipfile import is_zipfile

import pytest

from scribe_assets.artifacts.documents import Options, Result
from scribe_assets.artifacts.formats import FORMATS
from scribe_assets.errors import DocumentError, StorageRefusedError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.recordings import (
    find_recording,
    find_status,
    list_statuses,
    read_result,
    wait_for_outcomes,
)
from scribe_assets.library.uploading import upload_keys, upload_recordings
from scribe_assets.storage.layout import processed_key, sidecar_key
from scribe_assets.storage.recordings import read_document, read_options, read_status, write_status
from scribe_assets.storage.s3 import S3Object, S3Storage
from scribe_assets_tests.people import processed, unit, uploaded
from scribe_assets_tests.requests import counted


@pytest.mark.parametrize("user", ["", "anne"])
def test_a_recording_is_found_by_all_its_names(embedded_storage: S3Storage, user: str) -> None:
    uploaded(embedded_storage, "anne/calls/a.wav")
    ref = RecordingRef.from_upload_key("anne/calls/a.wav")
    for typed in ("anne/calls/a.wav", ref.recording_id, ref.partition_key):
        assert find_recording(embedded_storage, typed, user) == ref
    assert find_recording(embedded_storage, "calls/a.wav", "anne") == ref


NFC, NFD = "anne/r\u00e9unions/d\u00e9but.wav", "anne/re\u0301unions/de\u0301but.wav"


@pytest.mark.parametrize("uploaded_as", [NFC, NFD])
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_recording_is_found_however_its_name_is_typed(
    embedded_storage: S3Storage, uploaded_as: str, is_gone: bool
) -> None:
    uploaded(embedded_storage, uploaded_as)
    uploaded(embedded_storage, "anne/fin-debut.wav")
    if is_gone:
        embedded_storage.delete(embedded_storage.uploads_bucket, uploaded_as)
    ref = RecordingRef.from_upload_key(uploaded_as)
    for whole in (NFC, NFD):
        user, _, below = whole.partition("/")
        name = whole.rpartition("/")[2]
        for typed, whose in ((whole, ""), (whole, user), (below, user), (name, ""), (name, user)):
            assert find_recording(embedded_storage, typed, whose) == ref


def test_two_spellings_of_a_name_are_told_apart_where_both_are_there(
    embedded_storage: S3Storage,
) -> None:
    for key in (NFC, NFD):
        uploaded(embedded_storage, key)
    for key in (NFC, NFD):
        assert find_recording(embedded_storage, key) == RecordingRef.from_upload_key(key)


def test_a_name_that_may_be_several_is_answered_with_all_of_them(
    embedded_storage: S3Storage,
) -> None:
    for key in ("anne/a.wav", "anne/x/a.wav", "ben/a.wav", "default/b/a.wav"):
        uploaded(embedded_storage, key)
    with pytest.raises(UsageError, match=r"any of 4 recordings: 'anne/a\.wav', 'anne/x/a\.wav', "):
        find_recording(embedded_storage, "a.wav")
    with pytest.raises(UsageError, match=r"there is no recording 'b/a\.wav'"):
        find_recording(embedded_storage, "b/a.wav", "anne")
    assert find_recording(embedded_storage, "a.wav", "ben").user_id == "ben"
    assert find_recording(embedded_storage, "x/a.wav").user_id == "anne"


def test_a_renamed_newline_is_found_by_the_key_that_was_uploaded(
    embedded_storage: S3Storage,
) -> None:
    uploaded(embedded_storage, "anne/new␊line.wav")
    ref = RecordingRef.from_upload_key("anne/new␊line.wav")
    assert find_recording(embedded_storage, "anne/new\nline.wav") == ref


@pytest.mark.parametrize("typed", ["anne/a.wav", "a.wav"])
def test_a_recording_of_another_user_is_not_found(embedded_storage: S3Storage, typed: str) -> None:
    uploaded(embedded_storage, "anne/a.wav")
    for name in (typed, RecordingRef.from_upload_key("anne/a.wav").recording_id):
        with pytest.raises(UsageError, match="there is no recording"):
            find_recording(embedded_storage, name, "ben")


def test_an_upload_that_nobody_has_seen_is_told_from_none(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    storage.write(storage.uploads_bucket, "default/a.wav", "x", "audio/wav")
    with pytest.raises(UsageError, match=r"default/a\.wav is uploaded and not yet seen"):
        find_status(storage, "a.wav")


def break_status(storage: S3Storage, ref: RecordingRef, content: str, **options: str) -> None:
    storage.get_client().put_object(
        Bucket=storage.processed_bucket,
        Key=processed_key(ref, "status.json"),
        Body=content.encode(),
        **options,  # type: ignore[arg-type]
    )


def test_a_damaged_status_costs_the_others_nothing(storage: S3Storage) -> None:
    for name in ("a", "b", "c"):
        uploaded(storage, f"anne/{name}.wav")
    damaged = RecordingRef.from_upload_key("anne/b.wav")
    break_status(storage, damaged, "{broken")
    rows, total = list_statuses(storage, "anne")
    assert total == 3
    assert {row.status.source.key for row in rows if row.status} == {"anne/a.wav", "anne/c.wav"}
    (broken,) = [row for row in rows if row.status is None]
    assert broken.ref == damaged
    assert "status.json is not as expected" in (broken.problem or "")


def test_an_archived_status_costs_the_others_nothing(moto_storage: S3Storage) -> None:
    for name in ("a", "b"):
        uploaded(moto_storage, f"anne/{name}.wav")
    archived = RecordingRef.from_upload_key("anne/b.wav")
    break_status(moto_storage, archived, "{}", StorageClass="GLACIER")
    rows, _ = list_statuses(moto_storage)
    assert {row.status.source.key for row in rows if row.status} == {"anne/a.wav"}
    (broken,) = [row for row in rows if row.status is None]
    assert "is archived and cannot be read; restore it" in (broken.problem or "")


def test_what_is_archived_is_a_fault_for_a_person(moto_storage: S3Storage, tmp_path: Path) -> None:
    storage, bucket = moto_storage, moto_storage.uploads_bucket
    storage.get_client().put_object(
        Bucket=bucket, Key=sidecar_key("a.wav"), Body=b"{}", StorageClass="GLACIER"
    )
    with pytest.raises(StorageRefusedError, match="archived"):
        read_options(storage, "a.wav")
    with pytest.raises(StorageRefusedError, match="archived"):
        storage.download(bucket, sidecar_key("a.wav"), tmp_path / "x")


def test_the_last_statuses_come_first(embedded_storage: S3Storage) -> None:
    for number in range(4):
        uploaded(embedded_storage, f"anne/{number}.wav")
        ref = RecordingRef.from_upload_key(f"anne/{number}.wav")
        content = embedded_storage.read(
            embedded_storage.processed_bucket, processed_key(ref, "status.json")
        )
        # The embedded server takes the time of an object from its metadata.
        break_status(
            embedded_storage,
            ref,
            content.decode(),
            Metadata={"mtime": str(1_700_000_000 + 60 * number)},  # type: ignore[arg-type]
        )
    rows, total = list_statuses(embedded_storage, last=2)
    assert [row.status.source.key for row in rows if row.status] == ["anne/3.wav", "anne/2.wav"]
    assert total == 4


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for number, file in enumerate(made, start=1):
        file.write_bytes(b"x" * 1000 * number)
    return made


def test_options_are_there_before_the_recording(
    embedded_storage: S3Storage, files: list[Path]
) -> None:
    options = Options(language="fr", num_speakers=2)
    with counted(embedded_storage, "PutObject") as written:
        uploads = upload_recordings(embedded_storage, files, "anne", options)
    assert written == [
        *("anne/a.wav.scribe.json", "anne/a.wav"),
        *("anne/b.wav.scribe.json", "anne/b.wav"),
    ]
    assert [upload.key for upload in uploads] == ["anne/a.wav", "anne/b.wav"]
    assert read_options(embedded_storage, "anne/b.wav") == options


def test_options_of_an_earlier_upload_are_removed(
    embedded_storage: S3Storage, files: list[Path]
) -> None:
    upload_recordings(embedded_storage, files, options=Options(language="fr"))
    upload_recordings(embedded_storage, files[:1])
    assert read_options(embedded_storage, "default/a.wav") == Options()
    assert read_options(embedded_storage, "default/b.wav") == Options(language="fr")


def test_options_of_an_upload_stand_over_those_of_its_user(embedded_storage: S3Storage) -> None:
    def write(key: str, options: str) -> None:
        bucket = embedded_storage.uploads_bucket
        embedded_storage.write(bucket, key, options.encode(), "application/json")

    write(
        "anne/.scribe.json",
        '{"languages": "français, en", "max_speakers": 3, "job_id": "1", "hotwords": "Lyon"}',
    )
    write("anne/many.wav.scribe.json", '{"num_speakers": 5, "hotwords": null}')
    of_anne = Options(languages=("fr", "en"), max_speakers=3, hotwords="Lyon")
    assert read_options(embedded_storage, "anne/alone.wav") == of_anne
    assert read_options(embedded_storage, "anne/folder/alone.wav") == of_anne
    many = Options(languages=("fr", "en"), num_speakers=5, hotwords="Lyon")
    assert read_options(embedded_storage, "anne/many.wav") == many
    write("anne/german.wav.scribe.json", '{"language": "de"}')
    german = Options(language="de", max_speakers=3, hotwords="Lyon")
    assert read_options(embedded_storage, "anne/german.wav") == german
    assert read_options(embedded_storage, "bert/alone.wav") == Options()
    write("anne/.scribe.json", '{"languages": "français, klingon"}')
    with pytest.raises(DocumentError, match=r"anne/\.scribe\.json.*klingon"):
        read_options(embedded_storage, "anne/alone.wav")


@pytest.mark.parametrize("key", ["anne/big.wav.scribe.json", "anne/.scribe.json"])
def test_options_that_are_far_too_large_are_not_read(embedded_storage: S3Storage, key: str) -> None:
    options = b'{"hotwords": "' + b"x" * (8 << 20) + b'"}'
    embedded_storage.write(embedded_storage.uploads_bucket, key, options, "application/json")
    with pytest.raises(DocumentError, match=f"{key}.* at most 1048576 are read"):
        read_options(embedded_storage, "anne/big.wav")


def test_options_of_all_uploads_without_a_folder(embedded_storage: S3Storage) -> None:
    bucket, options = embedded_storage.uploads_bucket, b'{"language": "fr"}'
    embedded_storage.write(bucket, "default/.scribe.json", options, "application/json")
    assert read_options(embedded_storage, "alone.wav") == Options(language="fr")


def test_the_bytes_of_each_file_are_told(embedded_storage: S3Storage, files: list[Path]) -> None:
    sent: dict[str, int] = {}

    def add(file: Path, count: int) -> None:
        sent[file.name] = sent.get(file.name, 0) + count

    upload_recordings(embedded_storage, files, progress=add)
    assert sent == {"a.wav": 1000, "b.wav": 2000}


@pytest.mark.parametrize(
    ("names", "user", "problem"),
    [
        (["a.wav", "a.wav"], "anne", "two of the files would become anne/a.wav"),
        (["a\x1b[31m.wav"], "anne", "anne/a␛\\[31m.wav is not a key that Scribe takes"),
        (["‛90s.wav"], "anne", "not a key that Scribe takes"),
        (["a.mp4.part"], "anne", "not a key that Scribe takes"),
        ([".hidden.wav"], "anne", "not a key that Scribe takes"),
        (["a.scribe.json"], "anne", "not a key that Scribe takes"),
        (["sub/../a.wav"], "anne", "not a key that Scribe takes"),
        (["a.wav"], "anne/b", "not a key that Scribe takes"),
        (["a.wav"], "..", "not a key that Scribe takes"),
    ],
)
def test_names_that_are_no_keys_are_refused(names: list[str], user: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        upload_keys(names, user)


def test_uploads_are_followed_to_their_outcomes(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    uploads = [uploaded(storage, "anne/a.wav"), uploaded(storage, "anne/b.wav")]

    def change(upload: S3Object, **changes: str) -> None:
        status = read_status(storage, RecordingRef.from_upload_key(upload.key))
        assert status is not None
        write_status(storage, status.model_copy(update=changes))

    seen = []
    for upload, status in wait_for_outcomes(storage, uploads, poll_seconds=0):
        seen.append((upload.key, status.state))
        if status.state == "queued":
            change(upload, state="running", step="transcript")
        elif status.state == "running":
            change(upload, state="failed" if upload is uploads[0] else "succeeded")
    for upload, outcome in zip(uploads, ("failed", "succeeded"), strict=True):
        own = [state for key, state in seen if key == upload.key]
        assert own == ["queued", "running", outcome]


def test_the_outcome_of_an_older_version_is_not_waited_for(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    uploaded(storage, "anne/a.wav")
    ref = RecordingRef.from_upload_key("anne/a.wav")
    old = read_status(storage, ref)
    assert old is not None
    write_status(storage, old.model_copy(update={"state": "succeeded"}))
    storage.write(storage.uploads_bucket, "anne/a.wav", "newer", "audio/wav")
    upload = storage.head(storage.uploads_bucket, "anne/a.wav")
    following = wait_for_outcomes(storage, [upload], poll_seconds=0)
    source = old.source.model_copy(
        update={"etag": upload.etag, "last_modified": upload.last_modified, "size": upload.size}
    )
    write_status(storage, old.model_copy(update={"state": "failed", "source": source}))
    assert [status.state for _, status in following] == ["failed"]


def test_a_result_is_read_in_every_form(embedded_storage: S3Storage) -> None:
    ref = processed(embedded_storage, "anne/a.wav", {"S0": unit(1, 0)})
    result = read_document(embedded_storage, ref, Result)
    assert read_result(embedded_storage, ref, "json").decode() == result.to_json()
    for name, form in FORMATS.items():
        assert read_result(embedded_storage, ref, name).decode() == form.render(result)
    assert read_result(embedded_storage, ref, "md").startswith(b"# anne/a.wav")
    assert is_zipfile(io.BytesIO(read_result(embedded_storage, ref, "docx")))
    with pytest.raises(UsageError, match="there is no format 'doc'; choose json, srt"):
        read_result(embedded_storage, ref, "doc")


def test_a_recording_without_a_result_says_where_to_look(embedded_storage: S3Storage) -> None:
    uploaded(embedded_storage, "anne/a.wav")
    ref = RecordingRef.from_upload_key("anne/a.wav")
    with pytest.raises(UsageError, match=r"see 'scribe status anne/a\.wav'"):
        read_result(embedded_storage, ref, "md", "anne/a.wav")
