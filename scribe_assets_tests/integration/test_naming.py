"""Names that follow the identity bank, in documents with voices of our choice."""

import pytest

from scribe_assets.artifacts.documents import Result, SpeakerIdentities, Voiceprints
from scribe_assets.errors import StorageUnavailableError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.naming import refresh_names
from scribe_assets.library.people import forget
from scribe_assets.storage import bank
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import read_document, write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, processed, unit
from scribe_assets_tests.requests import counted, failing_once

USER = "user"
ANNE = unit(1, 0, 0, 0)
BEN = unit(0, 1, 0, 0)


def names(storage: S3Storage, ref: RecordingRef) -> list[str | None]:
    return [speaker.name for speaker in read_document(storage, ref, Result).speakers]


def test_a_result_that_could_not_be_written_is_written_by_the_next_refresh(
    embedded_storage: S3Storage,
) -> None:
    storage = embedded_storage
    ref = processed(storage, f"{USER}/a.wav", {"S0": ANNE})
    enrol_voices(storage, USER, {"anne": ANNE})
    with (
        failing_once(storage, "PutObject", "/result.json"),
        pytest.raises(StorageUnavailableError),
    ):
        list(refresh_names(storage, USER, None))
    assert names(storage, ref) == [None]
    (refreshed,) = refresh_names(storage, USER, None)
    assert refreshed.identities is None, "they were written the first time"
    assert names(storage, ref) == ["anne"]


def test_a_result_that_a_run_wrote_with_older_identities_is_written_anew(
    embedded_storage: S3Storage,
) -> None:
    storage = embedded_storage
    ref = processed(storage, f"{USER}/a.wav", {"S0": ANNE})
    before = read_document(storage, ref, Result)
    enrol_voices(storage, USER, {"anne": ANNE})
    list(refresh_names(storage, USER, None))
    write_document(storage, ref, before)
    list(refresh_names(storage, USER, None))
    assert names(storage, ref) == ["anne"]


def test_what_is_up_to_date_is_not_written(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE})
    processed(storage, f"{USER}/a.wav", {"S0": ANNE}, enrolled)
    with counted(storage, "PutObject") as written:
        (refreshed,) = refresh_names(storage, USER, None)
    assert written == []
    assert (refreshed.identities, refreshed.result, refreshed.problem) == (None, None, None)


def other_model(storage: S3Storage, enrolled: Voiceprints) -> None:
    """The people as a second embedding model knows them, with which nothing can be compared."""
    bank.write_voiceprints(storage, enrolled.model_copy(update={"model": "another model"}))


def test_forgetting_leaves_no_trace_where_nothing_can_be_compared(
    embedded_storage: S3Storage,
) -> None:
    storage = embedded_storage
    people = {"anne": ANNE, "anne-marie": unit(0, 0, 1, 0), "ben": BEN}
    enrolled = enrol_voices(storage, USER, people)
    voices = {
        "S0": unit(1, 0, 0, -0.5),  # anne
        "S1": unit(0.1, 1, 0, 0),  # ben, and anne comes next
        "S2": unit(0.3, 0, 0.1, 1),  # below the threshold, anne is the nearest
        "S3": unit(0, 0, 0.4, 1),  # below the threshold, anne-marie is the nearest
        "S4": unit(1, 0, 0, 1),  # anne is nearer to S0
    }
    ref = processed(storage, f"{USER}/a.wav", voices, enrolled)
    before = read_document(storage, ref, SpeakerIdentities)
    assert [i.reason.split(":")[0] for i in before.identities] == [
        *("above threshold", "above threshold", "below threshold", "below threshold"),
        "anne is nearer to S0",
    ]
    other_model(storage, enrolled)
    forget(storage, USER, "anne")
    with counted(storage, "ListObjectsV2") as listed:
        (refreshed,) = refresh_names(storage, USER, None)
    assert "another model" in (refreshed.problem or "")
    assert len(listed) == 4, "recordings and bank, once for all people and for the results before"

    text = storage.read(
        storage.processed_bucket, processed_key(ref, SpeakerIdentities.file_name)
    ).decode()
    assert "anne" not in text.replace("anne-marie", "")
    after = read_document(storage, ref, SpeakerIdentities)
    assert after.enrolled == ["anne-marie", "ben"]
    assert [i.person_id for i in after.identities] == [None, "ben", None, None, None]
    assert after.identities[3].reason == before.identities[3].reason
    assert after.identities[3].score == before.identities[3].score
    assert names(storage, ref) == [None, "ben", None, None, None]


def test_nobody_is_taken_out_who_is_still_enrolled(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    ref = processed(storage, f"{USER}/a.wav", {"S0": unit(1, 0.2, 0, 0), "S1": BEN}, enrolled)
    before = read_document(storage, ref, SpeakerIdentities)
    other_model(storage, enrolled)
    list(refresh_names(storage, USER, None))
    assert read_document(storage, ref, SpeakerIdentities) == before


def test_another_threshold_is_followed(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    enrolled = enrol_voices(storage, USER, {"anne": ANNE})
    ref = processed(storage, f"{USER}/a.wav", {"S0": unit(1, 1, 0, 0)}, enrolled)
    assert names(storage, ref) == ["anne"]
    list(refresh_names(storage, USER, 0.9))
    assert names(storage, ref) == [None]


def test_forgetting_one_of_two_ids_keeps_the_name_of_the_other(embedded_storage: S3Storage) -> None:
    """Also where nothing can be compared anew; ids may have spaces, and be a part of others."""
    storage = embedded_storage
    people = {"anne": ANNE, "anne b": ANNE, "anne b (2)": ANNE, "ben": BEN}
    enrolled = enrol_voices(storage, USER, people)
    ref = processed(storage, f"{USER}/a.wav", {"S0": ANNE, "S1": BEN}, enrolled)
    before = read_document(storage, ref, SpeakerIdentities)
    assert before.identities[0].reason.endswith("; the same voice as anne b, anne b (2)")
    other_model(storage, enrolled)
    forget(storage, USER, "anne b (2)")
    list(refresh_names(storage, USER, None))
    after = read_document(storage, ref, SpeakerIdentities)
    assert after.identities[0].reason == "above threshold: 1.00 >= 0.58"
    assert after.identities[1] == before.identities[1]
    assert names(storage, ref) == ["anne", "ben"]
    forget(storage, USER, "anne")
    list(refresh_names(storage, USER, None))
    assert names(storage, ref) == [None, "ben"]
