"""Enrolment and what follows from it, with the real embedding model over real S3."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dagster import AssetKey, ExecuteInProcessResult, SensorResult, build_sensor_context
from typer.testing import CliRunner

from scribe_assets.artifacts.documents import (
    EnrolledPerson,
    EnrolledSample,
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Voiceprints,
    rounded,
)
from scribe_assets.artifacts.documents.result import called
from scribe_assets.cli import app
from scribe_assets.definitions import build_definitions
from scribe_assets.keys import RecordingRef
from scribe_assets.library.voiceprints import refresh_voiceprints
from scribe_assets.local.demo import VOICES
from scribe_assets.local.demo import enrol as enrol_both
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.storage import bank
from scribe_assets.storage.layout import processed_key, voiceprints_key
from scribe_assets.storage.recordings import read_document, read_status
from scribe_assets_tests.media import encode
from scribe_assets_tests.pipeline import Scribe

pytestmark = pytest.mark.models

USER = "anne"
COPIES = (
    *("recording.json", "diarization.json", "speaker_embeddings.json", "transcript.json"),
    *("speaker_identities.json", "result.json", "status.json", "audio.flac"),
)


@pytest.fixture(scope="module")
def kept() -> dict[str, bytes]:
    """The files of the sample recording, once it has been processed."""
    return {}


@pytest.fixture
def put(
    scribe: Scribe, kept: dict[str, bytes], sample_recording: Path
) -> Callable[[str], RecordingRef]:
    """Put a recording that was processed while nobody was enrolled."""
    first = RecordingRef.from_upload_key(f"{USER}/first.wav")

    def put_it(key: str) -> RecordingRef:
        if not kept:
            ref = scribe.upload(sample_recording, f"{USER}/first.wav")
            assert scribe.run(ref).success
            for name in COPIES:
                kept[name] = scribe.storage.read(
                    scribe.storage.processed_bucket, processed_key(ref, name)
                )
            for item in scribe.storage.objects(scribe.storage.processed_bucket):
                scribe.storage.delete(item.bucket, item.key)
        ref = RecordingRef.from_upload_key(key)
        for name, content in kept.items():
            if name.endswith(".json"):
                content = content.replace(first.recording_id.encode(), ref.recording_id.encode())
                content = content.replace(b"anne/first.wav", key.encode())
                content = content.replace(b'"anne"', f'"{ref.user_id}"'.encode())
            storage = scribe.storage
            storage.write(storage.processed_bucket, processed_key(ref, name), content, "")
        return ref

    return put_it


def speech_of(name: str, sample_recording: Path) -> np.ndarray:
    """(num_samples,) float32 at 16 kHz of a speaker of the sample."""
    return np.concatenate(media.cut(decode(sample_recording), VOICES[name]))


def add(scribe: Scribe, person: str, file: Path, user: str = USER) -> None:
    key = f"{user}/{person}/voice/{file.name}"
    scribe.storage.upload(file, scribe.storage.identity_bucket, key, "")


def write(scribe: Scribe, key: str, text: str) -> None:
    scribe.storage.write(scribe.storage.identity_bucket, key, text, "application/json")


@pytest.fixture
def diane(sample_recording: Path, tmp_path: Path) -> Path:
    """A sample of one voice."""
    file = tmp_path / "diane.wav"
    soundfile.write(file, speech_of("Diane", sample_recording), media.SAMPLE_RATE)
    return file


def people_of(scribe: Scribe, ref: RecordingRef) -> set[str]:
    """Who is named, in the identities and in the result alike."""
    identities = read_document(scribe.storage, ref, SpeakerIdentities).identities
    named = {identity.person_id for identity in identities if identity.person_id}
    result = read_document(scribe.storage, ref, Result)
    assert {speaker.person_id for speaker in result.speakers if speaker.person_id} == named
    return named


def voiceprints_of(scribe: Scribe, user: str = USER) -> Voiceprints:
    document = bank.read_voiceprints(scribe.storage, user)
    assert document is not None
    return document


def test_an_enrolment_names_the_person_in_all_recordings_without_their_models(
    scribe: Scribe, put: Callable[[str], RecordingRef], diane: Path
) -> None:
    refs = [put(f"{USER}/{number}.wav") for number in range(50)]
    other = put("ben/other.wav")
    assert people_of(scribe, refs[0]) == set()
    add(scribe, "diane", diane)
    write(scribe, f"{USER}/diane/profile.json", '{"name": "Diane"}')
    models = ModelRegistry(cache=Settings.load().home / "cache" / "models")
    run = scribe.refresh_people(USER, models=models)
    assert run.success
    assert dict(models.loads) == {"embedding": 1}
    for ref in refs:
        assert people_of(scribe, ref) == {"diane"}
    assert people_of(scribe, other) == set()
    assert "**Diane**" in scribe.read(refs[7], "result.md")
    changed = {
        (event.asset_key, event.partition)
        for event in run.all_events
        if event.is_step_materialization and event.partition in {r.partition_key for r in refs}
    }
    assert changed == {
        (AssetKey(name), ref.partition_key)
        for name in ("speaker_identities", "fused_result")
        for ref in refs
    }
    # Nothing is new: no model, and nothing is written.
    key = processed_key(refs[0], "result.json")
    before = scribe.storage.head(scribe.storage.processed_bucket, key)
    models = ModelRegistry(cache=Settings.load().home / "cache" / "models")
    assert scribe.refresh_people(USER, models=models).success
    assert not models.loads
    after = scribe.storage.head(scribe.storage.processed_bucket, key)
    assert before == after


def checks_of(run: ExecuteInProcessResult) -> dict[str, str]:
    """What each check of the voiceprints says is wrong; `none` where it has passed."""
    told = {}
    for check in run.get_asset_check_evaluations():
        told[check.check_name] = str(check.metadata["what"].value).replace("\\", "")
        assert check.passed == (told[check.check_name] == "none")
    return told


def no_bank(scribe: Scribe) -> None:
    """Nothing at all."""


def without_samples(scribe: Scribe) -> None:
    write(scribe, f"{USER}/zoe/profile.json", '{"name": "Zoé"}')


def broken_profile(scribe: Scribe) -> None:
    write(scribe, f"{USER}/diane/profile.json", "{broken")


def same_name(scribe: Scribe) -> None:
    write(scribe, f"{USER}/diane/profile.json", '{"name": "Sam"}')
    write(scribe, f"{USER}/sheila/profile.json", '{"name": "Sam"}')


@pytest.mark.parametrize(
    ("prepare", "enrols", "people", "shown", "problems"),
    [
        (no_bank, False, set(), set(), {}),
        (
            *(without_samples, False, set(), set()),
            {"samples_are_usable": "zoe: cannot be recognised"},
        ),
        (
            *(broken_profile, True, {"diane", "sheila"}, {"diane", "Sheila"}),
            {"samples_are_usable": "profile.json"},
        ),
        (
            *(same_name, True, {"diane", "sheila"}, {"Sam"}),
            {"names_are_distinct": "diane: is called Sam like sheila"},
        ),
    ],
)
def test_banks(
    scribe: Scribe,
    put: Callable[[str], RecordingRef],
    prepare: Callable[[Scribe], None],
    enrols: bool,
    people: set[str],
    shown: set[str],
    problems: dict[str, str],
) -> None:
    ref = put(f"{USER}/a.wav")
    if enrols:
        enrol_both(scribe.storage, USER)
    prepare(scribe)
    run = scribe.refresh_people(USER)
    assert run.success
    assert people_of(scribe, ref) == people
    assert {s.name for s in scribe.result(ref).speakers if s.name} == shown
    told = checks_of(run)
    assert told.keys() == {"samples_are_usable", "voices_are_distinct", "names_are_distinct"}
    for name, what in told.items():
        assert problems.get(name, "none") in what
        assert (what == "none") == (name not in problems)


def with_music(speech: np.ndarray) -> np.ndarray:
    """A chord with its beat, 10 dB below the voice."""
    seconds = np.arange(len(speech)) / media.SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * pitch * seconds) for pitch in (220.0, 277.2, 329.6, 440.0))
    music = np.asarray(tones) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * seconds))
    level = np.sqrt(np.mean(speech**2) / np.mean(music**2) / 10)
    return speech + (level * music).astype(np.float32)


@pytest.mark.parametrize("kind", ["music", "8 kHz", "mp3"])
def test_samples_of_all_kinds(
    scribe: Scribe,
    put: Callable[[str], RecordingRef],
    diane: Path,
    sample_recording: Path,
    tmp_path: Path,
    kind: str,
) -> None:
    ref = put(f"{USER}/a.wav")
    if kind == "music":
        sample = tmp_path / "music.wav"
        soundfile.write(sample, with_music(speech_of("Diane", sample_recording)), media.SAMPLE_RATE)
    elif kind == "8 kHz":
        sample = encode(diane, tmp_path / "low.wav", ar=8000)
    else:
        sample = encode(diane, tmp_path / "small.mp3")
    add(scribe, "diane", sample)
    assert scribe.refresh_people(USER).success
    assert people_of(scribe, ref) == {"diane"}


def test_bad_samples_are_named_and_cost_nobody_else(
    scribe: Scribe,
    put: Callable[[str], RecordingRef],
    diane: Path,
    sample_recording: Path,
    tmp_path: Path,
) -> None:
    ref = put(f"{USER}/a.wav")
    both = np.concatenate([speech_of(name, sample_recording) for name in VOICES])
    files = {"both.wav": both, "short.wav": both[: media.SAMPLE_RATE // 2]}
    for name, waveform in files.items():
        soundfile.write(tmp_path / name, waveform, media.SAMPLE_RATE)
    (tmp_path / "text.wav").write_text("not audio")
    for name in (*files, "text.wav"):
        add(scribe, "zoe", tmp_path / name)
    add(scribe, "diane", diane)
    run = scribe.refresh_people(USER)
    assert run.success
    assert people_of(scribe, ref) == {"diane"}
    told = checks_of(run)["samples_are_usable"]
    for name, why in (
        ("both.wav", "several voices"),
        ("short.wav", "too little speech"),
        ("text.wav", "not used"),
    ):
        (line,) = [line for line in told.splitlines() if name.split(".")[0] in line]
        assert why in line
    assert "diane" not in told


def test_only_what_changed_is_embedded(scribe: Scribe, diane: Path, sample_recording: Path) -> None:
    def refresh(model: str = "a model") -> int:
        registry = ModelRegistry(cache=Settings.load().home / "cache" / "models")
        return refresh_voiceprints(scribe.storage, USER, model, registry.embedder_on_cpu)[1]

    enrol_both(scribe.storage, USER)
    assert refresh() == 4
    assert refresh() == 0
    add(scribe, "diane", diane)
    assert refresh() == 1
    soundfile.write(diane, speech_of("Diane", sample_recording)[: 4 * 16000], 16000)
    add(scribe, "diane", diane)
    assert refresh() == 1
    write(scribe, f"{USER}/diane/profile.json", '{"name": "D."}')
    assert refresh() == 0
    assert [person.name for person in voiceprints_of(scribe).people] == ["D.", "Sheila"]
    assert refresh("another model") == 5


def test_one_of_500_people_is_found(
    scribe: Scribe, put: Callable[[str], RecordingRef], diane: Path
) -> None:
    ref = put(f"{USER}/a.wav")
    generator = np.random.default_rng(0)
    embeddings = read_document(scribe.storage, ref, SpeakerEmbeddings)
    dimension = len(embeddings.speakers[0].embedding or [])
    crowd = []
    for number in range(499):
        key = f"{USER}/person-{number:03}/voice/sample.wav"
        write(scribe, key, f"the voice of {number}")
        etag = scribe.storage.head(scribe.storage.identity_bucket, key).etag
        direction = generator.standard_normal(dimension)
        sample = EnrolledSample(
            key=key,
            etag=etag,
            speech_seconds=10,
            consistency=None,
            problem=None,
            embedding=rounded(direction / np.linalg.norm(direction)),
        )
        crowd.append(
            EnrolledPerson(
                person_id=f"person-{number:03}",
                name=f"Person {number}",
                profile=None,
                problem=None,
                samples=[sample],
            )
        )
    document = Voiceprints(user_id=USER, model=embeddings.model, people=crowd)
    bank.write_voiceprints(scribe.storage, document)
    add(scribe, "diane", diane)
    assert scribe.refresh_people(USER).success
    assert len(voiceprints_of(scribe).people) == 500
    assert people_of(scribe, ref) == {"diane"}


def test_a_person_may_be_enrolled_for_two_users(
    scribe: Scribe, put: Callable[[str], RecordingRef], diane: Path
) -> None:
    anne, ben = put(f"{USER}/a.wav"), put("ben/a.wav")
    add(scribe, "diane", diane)
    add(scribe, "la-voisine", diane, user="ben")
    for user in (USER, "ben"):
        assert scribe.refresh_people(user).success
    assert people_of(scribe, anne) == {"diane"}
    assert people_of(scribe, ben) == {"la-voisine"}


def test_who_is_forgotten_in_the_middle_of_a_run_is_not_named(
    scribe: Scribe, sample_recording: Path
) -> None:
    enrol_both(scribe.storage, USER)
    ref = scribe.upload(sample_recording, f"{USER}/a.wav")
    before = ["converted_audio", "diarization", "speaker_embeddings", "speaker_identities"]
    assert scribe.run(ref, before).success
    for item in scribe.storage.objects(scribe.storage.identity_bucket, f"{USER}/diane/"):
        scribe.storage.delete(item.bucket, item.key)
    assert scribe.run(ref, ["transcript", "fused_result"]).success
    assert {s.person_id for s in scribe.result(ref).speakers} == {None, "sheila"}
    assert scribe.refresh_people(USER).success
    assert people_of(scribe, ref) == {"sheila"}


def test_forgetting_leaves_nothing_of_a_person(
    scribe: Scribe, put: Callable[[str], RecordingRef]
) -> None:
    ref = put(f"{USER}/a.wav")
    enrol_both(scribe.storage, USER)
    assert scribe.refresh_people(USER).success
    assert people_of(scribe, ref) == {"diane", "sheila"}
    table = CliRunner().invoke(app, ["people", "--user", USER]).stdout
    assert "Diane" in table
    assert "never" not in table
    answer = CliRunner().invoke(app, ["forget", "diane", "--user", USER, "--yes"])
    assert answer.exit_code == 0, answer.output
    assert people_of(scribe, ref) == {"sheila"}
    storage = scribe.storage
    for bucket in (storage.identity_bucket, storage.processed_bucket):
        for item in storage.objects(bucket):
            assert "diane" not in item.key.lower()
            if not item.key.endswith((".flac", ".wav")):
                # That her name is spoken in the recording is another matter.
                said = storage.read(bucket, item.key)
                assert b'"diane"' not in said
                assert b"**Diane" not in said
    again = CliRunner().invoke(app, ["forget", "diane", "--user", USER, "--yes"])
    assert again.exit_code != 0
    assert CliRunner().invoke(app, ["forget", "sheila", "--user", USER, "--yes"]).exit_code == 0
    assert not storage.exists(storage.processed_bucket, voiceprints_key(USER))


def test_a_person_is_enrolled_from_a_recording(
    scribe: Scribe, put: Callable[[str], RecordingRef]
) -> None:
    first, second = put(f"{USER}/a.wav"), put(f"{USER}/b.wav")
    label = read_document(scribe.storage, first, SpeakerEmbeddings).speakers[0].label
    command = ["enroll", "zoe", "--from", f"{USER}/a.wav", "--name", "Zoé", "--speaker"]
    answer = CliRunner().invoke(app, [*command, "SPEAKER_77"])
    assert answer.exit_code != 0
    answer = CliRunner().invoke(app, [*command, called(label, "en"), "--user", USER])
    assert answer.exit_code == 0, answer.output
    assert scribe.refresh_people(USER).success
    for ref in (first, second):
        named = {s.label: s.name for s in scribe.result(ref).speakers if s.name}
        assert named == {label: "Zoé"}


def test_the_end_of_its_run_does_not_hold_up_the_outcomes_of_recordings(
    scribe: Scribe, sample_recording: Path
) -> None:
    assert scribe.refresh_people(USER).success
    ref = scribe.upload(sample_recording, f"{USER}/a.wav")
    assert scribe.run(ref).success
    sensor = build_definitions(Settings.load()).resolve_sensor_def("run_outcome_sensor")
    sensor(build_sensor_context(scribe.instance, resources={"storage": scribe.storage}))
    status = read_status(scribe.storage, ref)
    assert status is not None
    assert status.state == "succeeded"


def test_the_sensor_asks_for_the_users_whose_bank_changed(scribe: Scribe, diane: Path) -> None:
    sensor = build_definitions(Settings.load()).resolve_sensor_def("identity_bank_sensor")
    cursor: str | None = None

    def tick() -> list[tuple[str | None, str | None]]:
        nonlocal cursor
        context = build_sensor_context(
            instance=scribe.instance, cursor=cursor, resources={"storage": scribe.storage}
        )
        found = sensor(context)
        if not isinstance(found, SensorResult):
            return []
        cursor = found.cursor
        return [(r.partition_key, r.run_key) for r in found.run_requests or []]

    assert tick() == []
    add(scribe, "diane", diane)
    add(scribe, "diane", diane, user="b.n")
    first = tick()
    assert [partition for partition, _ in first] == [USER, "b~2En"]
    assert tick() == []
    write(scribe, f"{USER}/zoe/profile.json", '{"name": "Zoé"}')
    (second,) = tick()
    assert second[0] == USER
    scribe.storage.delete(scribe.storage.identity_bucket, f"{USER}/zoe/profile.json")
    (third,) = tick()
    assert third not in (second, first[0])
    for item in scribe.storage.objects(scribe.storage.identity_bucket, f"{USER}/"):
        scribe.storage.delete(item.bucket, item.key)
    assert [partition for partition, _ in tick()] == [USER]
    assert tick() == []


def part(name: str, sample_recording: Path, file: Path, turn: int) -> Path:
    """A sample of one turn of a speaker."""
    (speech,) = media.cut(decode(sample_recording), VOICES[name][turn : turn + 1])
    soundfile.write(file, speech, media.SAMPLE_RATE)
    return file


def test_who_is_enrolled_under_two_ids_is_named_as_one_of_them(
    scribe: Scribe, put: Callable[[str], RecordingRef], sample_recording: Path, tmp_path: Path
) -> None:
    ref = put(f"{USER}/a.wav")
    whole = tmp_path / "whole.wav"
    soundfile.write(whole, speech_of("Diane", sample_recording), media.SAMPLE_RATE)
    add(scribe, "Élodie Müller", part("Diane", sample_recording, tmp_path / "one.wav", 1))
    add(scribe, "zoe", whole)
    run = scribe.refresh_people(USER)
    assert run.success
    assert people_of(scribe, ref) == {"zoe"}, "who has more speech"
    identities = read_document(scribe.storage, ref, SpeakerIdentities)
    (identity,) = [one for one in identities.identities if one.person_id]
    assert identity.reason.endswith("; the same voice as Élodie Müller")
    told = checks_of(run)
    assert "zoe: has the voice of Élodie Müller" in told["voices_are_distinct"]
    assert "Élodie Müller: has the voice of zoe" in told["voices_are_distinct"]
    assert told["samples_are_usable"] == told["names_are_distinct"] == "none"
    shown = json.loads(CliRunner().invoke(app, ["people", "--user", USER, "--json"]).stdout)
    assert [(p["person_id"], p["same_voice_as"]) for p in shown] == [
        ("zoe", ["Élodie Müller"]),
        ("Élodie Müller", ["zoe"]),
    ]
    assert shown[1]["problems"] == [told["voices_are_distinct"].splitlines()[-1][17:]]


def test_a_strangers_sample_is_told_and_not_averaged_in(
    scribe: Scribe, put: Callable[[str], RecordingRef], sample_recording: Path, tmp_path: Path
) -> None:
    ref = put(f"{USER}/a.wav")
    for turn in (0, 1):
        file = part("Diane", sample_recording, tmp_path / f"d{turn}.wav", turn)
        add(scribe, "diane", file)
    stranger = part("Sheila", sample_recording, tmp_path / "s.wav", 0)
    add(scribe, "diane", stranger)
    run = scribe.refresh_people(USER)
    assert people_of(scribe, ref) == {"diane"}
    (line,) = checks_of(run)["samples_are_usable"].splitlines()
    assert f"sample {USER}/diane/voice/s.wav is not used: its voice is unlike the other" in line
    # With one of each, nobody can tell whose folder it is.
    scribe.storage.delete(scribe.storage.identity_bucket, f"{USER}/diane/voice/d1.wav")
    run = scribe.refresh_people(USER)
    assert people_of(scribe, ref) == set()
    (line,) = checks_of(run)["samples_are_usable"].splitlines()
    assert "diane: cannot be recognised" in line
    assert "d0.wav" in line
    assert "s.wav" in line
