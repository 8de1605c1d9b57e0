"""Corrections of recordings in S3: kept, applied at once, and lasting."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import (
    Corrections,
    Diarization,
    Recording,
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.cli import app
from scribe_assets.errors import CorrectedError, UsageError
from scribe_assets.instance.corrections import report
from scribe_assets.instance.rebuild import Versions, rebuild
from scribe_assets.keys import RecordingRef
from scribe_assets.library import corrections as library
from scribe_assets.library.code_versions import code_versions
from scribe_assets.library.combining import combine, corrected_timeline, language_by_hand
from scribe_assets.library.naming import refresh_names
from scribe_assets.library.people import list_people
from scribe_assets.library.vocabulary import hot_words
from scribe_assets.settings import Settings
from scribe_assets.speech.corrections import LanguageCorrection, Version
from scribe_assets.speech.timeline import Span, Timeline, TranscriptSegment, Word, clean_spans
from scribe_assets.storage.changes import change_document, check_not_corrected, read_corrections
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.recordings import (
    read_document,
    read_status,
    write_document,
    write_status,
)
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, processed, unit, uploaded
from scribe_assets_tests.pipeline import Scribe

USER = "user"
ANNE = unit(1, 0, 0, 0)
BEN = unit(0, 1, 0, 0)
CLEO = unit(0, 0, 1, 0)
A, B, C = "SPEAKER_00", "SPEAKER_01", "SPEAKER_02"
SHOWN = {A: "Speaker 1", B: "Speaker 2", C: "Speaker 3"}
SAID = [
    "Good morning everybody and welcome.",
    "Thank you Emanuel for having us.",
    "Shall we begin now?",
]


LANGUAGE = LanguageCorrection("l", datetime(2026, 1, 1, tzinfo=UTC), Version("e", 30.0), "fr")


def write_words(storage: S3Storage, ref: RecordingRef, said: list[str]) -> None:
    """What each voice of a recording says, half a second a word, and the result of it."""
    status = read_status(storage, ref)
    assert status is not None
    write_status(storage, status.model_copy(update={"state": "succeeded"}))
    segments = []
    for number, text in enumerate(said):
        words = [
            Word(10.0 * number + 0.5 * at, 10.0 * number + 0.5 * (at + 1), word, 0.9)
            for at, word in enumerate(text.split())
        ]
        segments.append(TranscriptSegment(words[0].start, words[-1].end, text, words, "en"))
    transcript = read_document(storage, ref, Transcript).model_copy(
        update={"language": "en", "language_probability": 0.9, "segments": segments}
    )
    write_document(storage, ref, transcript)
    fuse(storage, ref)


def fuse(storage: S3Storage, ref: RecordingRef) -> Result:
    """What `fused_result` does."""
    documents = (
        read_document(storage, ref, Recording),
        read_document(storage, ref, Diarization),
        read_document(storage, ref, SpeakerIdentities),
        read_document(storage, ref, Transcript),
    )
    result = combine(*documents, read_corrections(storage, ref))
    write_document(storage, ref, result)
    return result


@pytest.fixture
def ref(embedded_storage: S3Storage) -> RecordingRef:
    made = processed(embedded_storage, f"{USER}/a.wav", {A: ANNE, B: BEN, C: CLEO})
    write_words(embedded_storage, made, SAID)
    return made


def result(storage: S3Storage, ref: RecordingRef) -> Result:
    return read_document(storage, ref, Result)


def shown(result: Result) -> list[tuple[str, str]]:
    return [(result.display_name(s.speaker), s.text) for s in result.segments]


def test_each_kind_is_in_the_result_and_its_forms_at_once(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    library.rename(storage, ref, A, "Anne")
    library.merge(storage, ref, C, "Anne")
    library.set_text(storage, ref, "Emmanuel", at=10, words="emanuel")
    library.give(storage, ref, "anne", at=10, until=11)
    assert shown(result(storage, ref)) == [
        ("Anne", "Good morning everybody and welcome."),
        ("Anne", "Thank you"),
        (SHOWN[B], "Emmanuel for having us."),
        ("Anne", "Shall we begin now?"),
    ]
    assert [s.by_hand for s in result(storage, ref).speakers] == [True, False]
    told = result(storage, ref).corrections
    assert told is not None
    assert (told.applied, told.unfitting) == (4, [])
    key = f"{USER}/{ref.recording_id}/result.srt"
    assert "Emmanuel" in storage.read(storage.processed_bucket, key).decode()
    assert fuse(storage, ref) == result(storage, ref), "a run writes the same"


def test_a_language_is_kept_and_says_what_to_do(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    library.set_language(embedded_storage, ref, "French")
    corrected = result(embedded_storage, ref)
    assert (corrected.language, corrected.language_probability) == ("fr", 1.0)
    assert f"'scribe rerun {ref.recording_id} --from transcript'" in corrected.warnings[-1]
    recording = read_document(embedded_storage, ref, Recording)
    other = recording.source.model_copy(update={"etag": "other"})
    kept = read_corrections(embedded_storage, ref)
    for duration, language in ((recording.duration + 0.1, "fr"), (recording.duration + 9, None)):
        now = recording.model_copy(update={"source": other, "duration": duration})
        assert language_by_hand(kept, now) == language
    assert fuse(embedded_storage, ref) == corrected


def test_a_name_set_by_hand_stays_whoever_is_enrolled(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    library.rename(storage, ref, B, "Benedict")
    enrol_voices(storage, USER, {"anne": ANNE, "ben": BEN})
    list(refresh_names(storage, USER, None))
    names = [(s.label, s.name, s.person_id) for s in result(storage, ref).speakers]
    assert names == [(A, "anne", "anne"), (B, "Benedict", None), (C, None, None)]
    assert fuse(storage, ref) == result(storage, ref)
    library.rename(storage, ref, B, "Ben")
    named = result(storage, ref).speakers[1]
    assert (named.name, named.person_id, named.by_hand) == ("Ben", "ben", True)


def test_two_with_one_name_are_told_apart(embedded_storage: S3Storage, ref: RecordingRef) -> None:
    storage = embedded_storage
    library.rename(storage, ref, A, "Tom")
    library.rename(storage, ref, B, "Tom")
    names = list(result(storage, ref).display_names().values())
    assert names == [f"Tom ({A})", f"Tom ({B})", SHOWN[C]]
    library.rename(storage, ref, f"Tom ({B})", "Tim")
    assert [s.name for s in result(storage, ref).speakers] == ["Tom", "Tim", None]
    with pytest.raises(UsageError, match="has no speaker 'Tam', but"):
        library.rename(storage, ref, "Tam", "Tem")


def test_somebody_who_was_not_told_apart_becomes_a_speaker(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    library.give(storage, ref, "Zoé", at=10, until=11, is_new=True)
    library.give(storage, ref, "zoe\u0301", at=0, words="welcome")
    said = [text for who, text in shown(result(storage, ref)) if who == "Zoé"]
    assert said == ["welcome.", "Thank you"]
    added = result(storage, ref).speakers[-1]
    assert (added.label, added.by_hand, added.speech_seconds) == ("SPEAKER_03", True, 1.5)
    assert fuse(storage, ref) == result(storage, ref)
    for change in (library.rename, library.merge):
        with pytest.raises(UsageError, match="was added by hand; undo that"):
            change(storage, ref, "Zoé", A)


def test_corrections_survive_labels_that_are_given_anew(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    library.rename(storage, ref, A, "Anne")
    library.merge(storage, ref, C, A)
    library.give(storage, ref, B, at=0, words="welcome")
    library.set_text(storage, ref, "Thank you Emmanuel for having us.", at=10)
    before = shown(result(storage, ref))
    new = {A: C, B: A, C: B}
    diarization = read_document(storage, ref, Diarization)
    turns = [replace(turn, speaker=new[turn.speaker]) for turn in diarization.turns]
    write_document(
        storage, ref, diarization.model_copy(update={"turns": turns, "exclusive": turns})
    )
    for kind, field in ((SpeakerEmbeddings, "speakers"), (SpeakerIdentities, "identities")):
        document = read_document(storage, ref, kind)
        entries = [
            replace(entry, label=new[entry.label])
            if kind is SpeakerIdentities
            else entry.model_copy(update={"label": new[entry.label]})
            for entry in getattr(document, field)
        ]
        write_document(storage, ref, document.model_copy(update={field: entries}))
    write_words(storage, ref, [SAID[0], "Tank you Emanuel for halving us.", SAID[2]])
    after = fuse(storage, ref)
    assert after.corrections is not None
    assert after.corrections.unfitting == []
    assert [(name.replace(SHOWN[A], "?"), text) for name, text in shown(after)] == [
        (name.replace(SHOWN[B], "?"), text.replace("Thank", "Tank").replace("having", "halving"))
        for name, text in before
    ]


def test_what_fits_no_longer_is_kept_and_told(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    library.set_text(storage, ref, "Emmanuel", at=10, words="Emanuel")
    write_words(storage, ref, [SAID[0], "Well that was quite something.", SAID[2]])
    told = result(storage, ref).corrections
    assert told is not None
    assert (told.applied, [one.why for one in told.unfitting]) == (
        0,
        ["nothing like 'Emanuel' is heard at that time"],
    )
    (listed,) = library.list_corrections(storage, ref)
    assert listed.why == told.unfitting[0].why
    write_words(storage, ref, SAID)
    assert "Emmanuel" in result(storage, ref).segments[1].text


def test_undoing_gives_what_was(embedded_storage: S3Storage, ref: RecordingRef) -> None:
    storage = embedded_storage
    before = result(storage, ref)
    made = [
        library.rename(storage, ref, A, "Anne"),
        library.merge(storage, ref, C, A),
        library.set_text(storage, ref, "Good evening everyone and welcome.", at=0),
    ]
    assert result(storage, ref) != before
    library.undo(storage, ref, [id_ for change in made for id_ in change.ids])
    assert result(storage, ref) == before
    with pytest.raises(UsageError, match="has no correction"):
        library.undo(storage, ref, made[0].ids)


@pytest.mark.parametrize(
    ("correct", "says"),
    [
        (lambda s, r: library.rename(s, r, "SPEAKER_07", "X"), "has no speaker 'SPEAKER_07', but"),
        (lambda s, r: library.rename(s, r, A, " "), "a name has a letter"),
        (lambda s, r: library.merge(s, r, A, A), "are one speaker already"),
        (lambda s, r: library.give(s, r, A, at=7), "has no words at 0:07"),
        (lambda s, r: library.give(s, r, A, at=6, until=9), "no words between 0:06 and 0:09"),
        (lambda s, r: library.set_text(s, r, "Emmanuel", at=10), "not much like 'Emmanuel'"),
        (lambda s, r: library.set_text(s, r, "X", at=10, words="Y"), "'Y' is not said at 0:10"),
        (lambda s, r: library.set_text(s, r, " ", at=10), "the text is empty"),
        (lambda s, r: library.set_text(s, r, SAID[1], at=10), "already"),
        (lambda s, r: library.set_language(s, r, "gibberish"), "is no language"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_changes_nothing(
    embedded_storage: S3Storage,
    ref: RecordingRef,
    correct: Callable[[S3Storage, RecordingRef], object],
    says: str,
) -> None:
    with pytest.raises(UsageError, match=says):
        correct(embedded_storage, ref)
    assert read_corrections(embedded_storage, ref) is None


def test_a_recording_that_is_not_finished_waits(embedded_storage: S3Storage) -> None:
    uploaded(embedded_storage, f"{USER}/b.wav")
    with pytest.raises(UsageError, match="is not finished"):
        library.rename(embedded_storage, RecordingRef.from_upload_key(f"{USER}/b.wav"), A, "X")


def test_corrections_at_the_same_time_are_all_kept(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    names = [f"Name {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: library.rename(embedded_storage, ref, A, name), names))
    kept = read_corrections(embedded_storage, ref)
    assert kept is not None
    assert sorted(getattr(one, "name", "") for one in kept.corrections) == names
    assert result(embedded_storage, ref).speakers[0].name == kept.corrections[-1].name  # type: ignore[union-attr]


def test_a_change_is_made_anew_where_another_machine_was_faster(
    moto_storage: S3Storage,
) -> None:
    """Without the lock of a SCRIBE_HOME, what S3 itself refuses counts."""
    ref, tries = RecordingRef(USER, "r"), []
    key = processed_key(ref, Corrections.file_name)

    def change(kept: Corrections | None) -> Corrections:
        tries.append(kept)
        if len(tries) == 1:  # meanwhile, elsewhere
            other = Corrections(recording_id="r", user_id="other")
            write_document(moto_storage, ref, other)
        known = kept or Corrections(recording_id="r", user_id=USER)
        return known.model_copy(update={"corrections": [LANGUAGE]})

    assert change_document(moto_storage, key, Corrections, change).user_id == "other"
    assert len(tries) == 2


def test_a_run_that_has_not_seen_a_correction_tries_again(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    made_before = result(storage, ref)
    check_not_corrected(storage, ref, made_before)
    change = library.rename(storage, ref, A, "Anne")
    with pytest.raises(CorrectedError):
        check_not_corrected(storage, ref, made_before)
    check_not_corrected(storage, ref, change.result)
    taken_back = library.undo(storage, ref, change.ids)
    check_not_corrected(storage, ref, taken_back.result)
    with pytest.raises(CorrectedError):
        check_not_corrected(storage, ref, change.result)


def test_the_commands(embedded_storage: S3Storage, ref: RecordingRef) -> None:
    def run(*arguments: str) -> list[str]:
        done = CliRunner().invoke(app, [*arguments])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    assert run("rename", "a.wav", "speaker 1", "Anne") == ["Speaker 1 is Anne"]
    assert run("merge", "a.wav", C, "anne") == ["Speaker 3 is Anne"]
    corrected = run("correct", "a.wav", "--at", "0:10.2", "--words", "Emanuel", "--text", "Manu")
    assert corrected == ["'Emanuel' is 'Manu'"]
    said = run("correct", "a.wav", "--at", "10", "--until", "11,0", "--speaker", "Anne")
    assert said == ["'Thank you' is said by Anne"]
    listed = run("corrections", "a.wav")[1:]
    assert [line.split()[-1] for line in listed] == ["yes"] * 4
    assert run("correct", "a.wav", "--undo", listed[0].split()[0])
    assert [s.name for s in result(embedded_storage, ref).speakers] == [None, None]


def test_dagster_is_told(
    embedded_storage: S3Storage, ref: RecordingRef, instance: DagsterInstance
) -> None:
    library.rename(embedded_storage, ref, A, "Anne")
    report(instance, embedded_storage, ref, code_versions(Settings.load()))
    event = instance.get_latest_materialization_event(AssetKey("fused_result"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == ref.partition_key
    assert event.asset_materialization.metadata["corrections"].value == 1


def test_a_run_of_the_result_alone_applies_them(scribe: Scribe) -> None:
    ref = processed(scribe.storage, f"{USER}/a.wav", {A: ANNE, B: BEN, C: CLEO})
    write_words(scribe.storage, ref, SAID)
    library.rename(scribe.storage, ref, B, "Beth")
    corrected = result(scribe.storage, ref)
    write_document(scribe.storage, ref, corrected.model_copy(update={"speakers": []}))
    scribe.instance.add_dynamic_partitions("recordings", [ref.partition_key])
    run = scribe.run(ref, ["fused_result"])
    assert run.success
    assert result(scribe.storage, ref) == corrected


def test_a_voice_is_cut_out_of_what_its_speaker_says_after_all_corrections(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    diarization = read_document(storage, ref, Diarization)
    as_found = Timeline(diarization.turns, diarization.exclusive)
    assert corrected_timeline(storage, ref, diarization) == as_found
    library.merge(storage, ref, C, A)
    library.give(storage, ref, B, at=0, until=1)
    timeline = corrected_timeline(storage, ref, diarization)
    assert timeline.speakers == [A, B]
    assert clean_spans(timeline, A) == [Span(1.0, 10.0), Span(20.0, 30.0)]
    assert clean_spans(timeline, B) == [Span(10.0, 20.0)]


def test_corrected_words_are_hot_words_from_then_on(
    embedded_storage: S3Storage, ref: RecordingRef
) -> None:
    storage = embedded_storage
    enrol_voices(storage, USER, {"anne": ANNE})
    assert hot_words(storage, USER, None, 50) is None
    assert hot_words(storage, USER, "MinIO", 50) == "MinIO"
    first = library.set_text(storage, ref, "Thank you Emmanuel, for having us.", at=10)
    library.set_text(storage, ref, "Shall we begin Dagster?", at=20)
    assert hot_words(storage, USER, "MinIO", 50) == "MinIO, Dagster, Emmanuel, anne"
    assert hot_words(storage, USER, None, 1) == "Dagster"
    assert hot_words(storage, USER, None, 0) is None
    assert hot_words(storage, "somebody else", None, 50) is None
    library.undo(storage, ref, first.ids)
    assert hot_words(storage, USER, None, 50) == "Dagster, anne"


def test_a_new_instance_learns_of_corrections(
    embedded_storage: S3Storage, ref: RecordingRef, instance: DagsterInstance
) -> None:
    storage = embedded_storage
    library.rename(storage, ref, A, "Anne")
    rebuild(instance, storage, Versions.of(Settings.load()), lambda _: None)
    (observed,) = instance.fetch_observations(AssetKey("corrections"), limit=5).records
    assert observed.asset_observation is not None
    assert observed.asset_observation.partition == ref.partition_key


def test_a_voice_is_enrolled_only_when_asked_for(
    embedded_storage: S3Storage, ref: RecordingRef, sample_recording: Path
) -> None:
    storage = embedded_storage
    key = processed_key(ref, AUDIO)
    storage.upload(sample_recording, storage.processed_bucket, key, "audio/flac")
    assert CliRunner().invoke(app, ["rename", "a.wav", C, "Cleo"]).exit_code == 0
    assert list(storage.objects(storage.identity_bucket)) == []
    answer = CliRunner().invoke(app, ["rename", "a.wav", "cleo", "Cléo", "--enrol", "cleo"])
    assert answer.exit_code == 0, answer.output
    (person,) = list_people(storage, USER)
    assert (person.person_id, person.name, person.samples) == ("cleo", "Cléo", 1)
