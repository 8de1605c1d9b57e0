"""Corrections while other things happen: runs, other corrections, somebody who is forgotten."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import sleep

import pytest
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import (
    Diarization,
    Result,
    SpeakerIdentities,
    Transcript,
    Vocabulary,
)
from scribe_assets.cli import app
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library import corrections as library
from scribe_assets.library.combining import refresh_result
from scribe_assets.library.names_by_hand import named_by_hand
from scribe_assets.library.naming import refresh_names
from scribe_assets.library.people import forget
from scribe_assets.library.vocabulary import hot_words
from scribe_assets.speech.timeline import TranscriptSegment, Word
from scribe_assets.storage.changes import change_document, read_corrections
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import (
    read_document,
    read_status,
    write_document,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, processed, unit

USER = "user"
ANNE, BEN = unit(1, 0, 0), unit(0, 1, 0)
A, B = "SPEAKER_00", "SPEAKER_01"
SAID = "alpha bravo charlie delta echo foxtrot golf hotel"


def set_state(storage: S3Storage, ref: RecordingRef, state: str) -> None:
    status = read_status(storage, ref)
    assert status is not None
    write_status(storage, status.model_copy(update={"state": state}))


def result(storage: S3Storage, ref: RecordingRef) -> Result:
    return read_document(storage, ref, Result)


@pytest.fixture
def ref(embedded_storage: S3Storage) -> RecordingRef:
    """The first of two speakers says eight words, a second each."""
    enrolled = enrol_voices(embedded_storage, USER, {"anne": ANNE})
    made = processed(embedded_storage, f"{USER}/a.wav", {A: ANNE, B: BEN}, enrolled)
    words = [Word(float(at), at + 1.0, word, 0.9) for at, word in enumerate(SAID.split())]
    segment = TranscriptSegment(0.0, 8.0, SAID, words, "en")
    transcript = read_document(embedded_storage, made, Transcript)
    write_document(embedded_storage, made, transcript.model_copy(update={"segments": [segment]}))
    set_state(embedded_storage, made, "succeeded")
    return made


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("queued", "is being processed; correct it when 'scribe status' says succeeded"),
        ("running", "is being processed; correct it when 'scribe status' says succeeded"),
        ("failed", "has failed, and its result is an older one; correct it after 'scribe rerun"),
    ],
)
def test_a_recording_that_is_processed_anew_is_corrected_afterwards(
    embedded_storage: S3Storage, ref: RecordingRef, state: str, says: str
) -> None:
    storage = embedded_storage
    made = library.rename(storage, ref, B, "Ben")
    before = result(storage, ref)
    set_state(storage, ref, state)
    for change in (
        lambda: library.rename(storage, ref, B, "Bea"),
        lambda: library.set_text(storage, ref, "alfa", at=0, words="alpha"),
        lambda: library.undo(storage, ref, made.ids),
    ):
        with pytest.raises(UsageError, match=says):
            change()
    assert result(storage, ref) == before
    assert [one.id for one in library.list_corrections(storage, ref)] == made.ids
    set_state(storage, ref, "succeeded")
    library.undo(storage, ref, made.ids)


def test_a_recording_without_a_status_can_be_corrected(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    embedded_storage.delete(embedded_storage.processed_bucket, processed_key(ref, "status.json"))
    assert library.rename(embedded_storage, ref, B, "Ben").after == "Ben"


def test_a_result_is_not_mixed_of_two_diarizations(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    """A run has failed between the diarization and the identities."""
    storage = embedded_storage
    library.rename(storage, ref, B, "Ben")
    before = result(storage, ref)
    diarization = read_document(storage, ref, Diarization)
    turns = [replace(turn, speaker="SPEAKER_02") for turn in diarization.turns]
    write_document(
        storage, ref, diarization.model_copy(update={"turns": turns, "exclusive": turns})
    )
    identities = read_document(storage, ref, SpeakerIdentities)
    assert refresh_result(storage, ref, identities) is None
    assert result(storage, ref) == before
    # Whoever is forgotten is not named in it all the same.
    assert [one.name for one in before.speakers] == ["anne", "Ben"]
    forget(storage, USER, "anne")
    list(refresh_names(storage, USER, None))
    after = result(storage, ref)
    assert [(one.name, one.person_id) for one in after.speakers] == [(None, None), ("Ben", None)]
    assert after.segments == before.segments


def test_words_of_corrections_at_the_same_time_are_all_learnt(
    embedded_storage: S3Storage, ref: RecordingRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where S3 is slow, between what is read of the vocabulary and what is written."""

    def slowly(
        storage: S3Storage,
        key: str,
        kind: type[Vocabulary],
        change: Callable[[Vocabulary | None], Vocabulary],
    ) -> Vocabulary:
        def changed(kept: Vocabulary | None) -> Vocabulary:
            sleep(0.3)
            return change(kept)

        return change_document(storage, key, kind, changed)

    monkeypatch.setattr("scribe_assets.library.vocabulary.change_document", slowly)
    words = SAID.split()[:4]

    def corrected(word: str) -> None:
        library.set_text(embedded_storage, ref, f"{word}ne", at=0, until=8, words=word)

    with ThreadPoolExecutor(len(words)) as pool:
        list(pool.map(corrected, words))
    kept = read_corrections(embedded_storage, ref)
    assert kept is not None
    assert len(kept.corrections) == len(words)
    learnt = (hot_words(embedded_storage, USER, None, len(words)) or "").split(", ")
    assert sorted(learnt) == sorted(f"{word}ne" for word in words)


def test_a_word_stays_learnt_as_long_as_a_correction_teaches_it(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    first = library.set_text(storage, ref, "Dagster", at=0, until=8, words="alpha")
    second = library.set_text(storage, ref, "dagster", at=0, until=8, words="echo")
    library.undo(storage, ref, first.ids)
    assert (hot_words(storage, USER, None, 1) or "").casefold() == "dagster"
    library.undo(storage, ref, second.ids)
    assert hot_words(storage, USER, None, 1) is None


def test_it_is_said_where_a_name_set_by_hand_stays_when_somebody_is_forgotten(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    other = processed(storage, f"{USER}/b.wav", {A: BEN})
    library.rename(storage, ref, B, "Anne")
    forgetting = ["forget", "anne", "--user", USER]
    asked = CliRunner().invoke(app, forgetting)
    assert "The name was set by hand in 1 recording, and stays there." in str(asked.exception)
    answer = CliRunner().invoke(app, [*forgetting, "--yes"])
    assert answer.exit_code == 0, answer.output
    told = " ".join(answer.stderr.split())
    assert "The name was set by hand in 1 recording, and stays there." in told
    assert ref.recording_id in told
    assert other.recording_id not in told
    assert [one.name for one in result(storage, ref).speakers] == [None, "Anne"]
    (listed,) = library.list_corrections(storage, ref)
    library.undo(storage, ref, [listed.id])
    assert [one.name for one in result(storage, ref).speakers] == [None, None]


def test_of_somebody_who_was_named_by_nobody_only_the_question_is_asked(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    library.give(embedded_storage, ref, "Zoé", at=0, until=2, is_new=True)
    enrol_voices(embedded_storage, USER, {"anne": ANNE, "zoe\u0301": BEN})
    assert named_by_hand(embedded_storage, USER, "anne") == []
    assert named_by_hand(embedded_storage, USER, "zoe\u0301") == [ref]
    asked = CliRunner().invoke(app, ["forget", "anne", "--user", USER])
    assert str(asked.exception).startswith("Remove all samples")
