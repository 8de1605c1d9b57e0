"""What the commands print and how they end; what they do is tested with the library."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from scribe_assets.cli import app
from scribe_assets.cli.app import confirmed, log, out
from scribe_assets.cli.people import when
from scribe_assets.errors import StackError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.people import LastHeard
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.previous import write_previous
from scribe_assets.storage.recordings import read_status, write_document, write_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets_tests.people import enrol_voices, processed, unit, uploaded
from scribe_assets_tests.unit.results import RESULT, segment

ANNE = unit(1, 0)


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell of a table is cut off."""
    monkeypatch.setenv("COLUMNS", "300")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def lines(text: str) -> list[str]:
    """Without the colours and the columns of a table."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_commands_are_listed_in_their_order() -> None:
    commands = ["up", "demo", "doctor", "rebuild", "upload", "status", "show", "search"]
    commands += ["rename", "merge", "correct", "corrections"]
    commands += ["enroll", "people", "forget", "reidentify", "completion"]
    words = [line.strip("│ ").split(" ")[0] for line in run("--help").stdout.splitlines()]
    assert [word for word in words if word in commands] == commands


def test_what_keeps_the_stack_from_starting_is_a_line_for_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCRIBE_HOME", str(tmp_path))
    monkeypatch.setenv("SCRIBE_LOG", "json")
    with (tmp_path / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run("up")
    assert answer.exit_code == 1
    starting, why = map(json.loads, answer.stdout.splitlines())
    assert (starting["level"], why["level"]) == ("info", "error")
    assert why["event"].startswith(f"Scribe already runs in {tmp_path}")


def set_state(storage: S3Storage, key: str, **changes: object) -> None:
    status = read_status(storage, RecordingRef.from_upload_key(key))
    assert status is not None
    write_status(storage, status.model_copy(update=changes))


def test_status_lists_what_can_be_read_beside_what_cannot(embedded_storage: S3Storage) -> None:
    storage = embedded_storage
    for name in ("a", "b", "c"):
        uploaded(storage, f"anne/{name}.wav")
    set_state(storage, "anne/a.wav", state="failed", error="no *good* [x]", step="transcript")
    broken = RecordingRef.from_upload_key("anne/b.wav")
    key = processed_key(broken, "status.json")
    storage.write(storage.processed_bucket, key, "{broken", "application/json")
    answer = run("status")
    assert answer.exit_code == 0
    shown = lines(answer.stdout)
    assert shown[0].startswith("state upload step updated (")
    assert any(line.startswith("failed anne/a.wav no *good* [x] 20") for line in shown)
    assert any(line.startswith("queued anne/c.wav 20") for line in shown)
    (unreadable,) = [line for line in shown if line.startswith("unreadable")]
    assert f"anne/{broken.recording_id} {key} is not as expected" in unreadable
    assert len(shown) == 4
    states = {row["recording_id"]: row for row in json.loads(run("status", "--json").stdout)}
    assert len(states) == 3
    assert states[broken.recording_id]["state"] is None
    assert states[broken.recording_id]["problem"] in unreadable
    failed = json.loads(run("status", "anne/a.wav", "--json").stdout)
    assert (failed["state"], failed["error"]) == ("failed", "no *good* [x]")
    assert failed.items() <= states[RecordingRef.from_upload_key("anne/a.wav").recording_id].items()


def test_status_of_one_says_why_it_failed(embedded_storage: S3Storage) -> None:
    uploaded(embedded_storage, "anne/a.wav")
    set_state(embedded_storage, "anne/a.wav", state="failed", error="no [good]", step="transcript")
    answer = run("status", "anne/a.wav")
    assert answer.stdout.splitlines() == [
        "anne/a.wav: failed",
        "  step: transcript",
        "  why: no [good]",
    ]


def test_upload_prints_the_keys(embedded_storage: S3Storage, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"x")
    answer = run("upload", str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "--user", "anne")
    assert answer.stdout.splitlines() == ["anne/a.wav", "anne/b.wav"]
    stored = [item.key for item in embedded_storage.objects(embedded_storage.uploads_bucket)]
    assert stored == ["anne/a.wav", "anne/b.wav"]


def test_a_folder_keeps_its_structure(embedded_storage: S3Storage, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    for name in ("a.wav", "may/b.m4a", "may/notes.pdf", "may/.DS_Store", "june/c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    answer = run("upload", str(folder), "--user", "anne")
    keys = ["anne/calls/a.wav", "anne/calls/june/c", "anne/calls/may/b.m4a"]
    assert answer.stdout.splitlines() == keys
    stored = embedded_storage.objects(embedded_storage.uploads_bucket)
    assert [item.key for item in stored] == keys
    (tmp_path / "empty").mkdir()
    assert "there is no recording in the folder" in str(
        run("upload", str(tmp_path / "empty")).exception
    )


def test_a_file_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert run("upload", str(tmp_path / "nothing.wav")).exit_code == 2


def test_a_recording_comes_from_a_pipe(embedded_storage: S3Storage) -> None:
    def piped(content: bytes, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["upload", "-", *arguments], input=content)

    assert piped(b"sound", "--name", "calls/a.wav").stdout == "default/calls/a.wav\n"
    bucket = embedded_storage.uploads_bucket
    assert embedded_storage.read(bucket, "default/calls/a.wav") == b"sound"
    for content, arguments, problem in (
        (b"", ["--name", "b.wav"], "nothing came from standard input"),
        (b"x", [], "- alone with --name"),
        (b"x", ["--name", "../b.wav"], "is not a key that Scribe takes"),
    ):
        assert problem in str(piped(content, *arguments).exception)
    assert [item.key for item in embedded_storage.objects(bucket)] == ["default/calls/a.wav"]


def test_stopped_while_it_waits_it_says_that_the_work_goes_on(
    embedded_storage: S3Storage, tmp_path: Path
) -> None:
    assert embedded_storage
    (tmp_path / "a.wav").write_bytes(b"x")
    command = [sys.executable, "-m", "scribe_assets", "upload", str(tmp_path / "a.wav"), "--wait"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "default/a.wav\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped waiting; the work goes on while 'scribe up' runs" in said
    assert "Traceback" not in said


def test_show_prints_the_file_as_it_is(embedded_storage: S3Storage) -> None:
    ref = processed(embedded_storage, "anne/a.wav", {"S0": ANNE})
    key = processed_key(ref, "result.html")
    stored = embedded_storage.read(embedded_storage.processed_bucket, key).decode()
    assert run("show", "anne/a.wav", "--format", "html").stdout == stored


def test_show_writes_a_file_whole_or_not_at_all(
    embedded_storage: S3Storage, tmp_path: Path
) -> None:
    processed(embedded_storage, "anne/a.wav", {"S0": ANNE})
    file = tmp_path / "a.docx"
    file.write_bytes(b"older")
    assert run("show", "anne/a.wav", "-f", "docx", "-o", str(file)).stdout == ""
    assert zipfile.is_zipfile(file)
    assert [*tmp_path.iterdir()] == [file]
    assert run("show", "anne/a.wav", "-f", "docx").stdout_bytes.startswith(b"PK")
    missing = run("show", "anne/a.wav", "-o", str(tmp_path / "none" / "a.md"))
    assert "none/a.md: No such file or directory" in str(missing.exception)


def test_a_form_that_is_no_text_is_not_sent_to_a_terminal() -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "scribe_assets", "show", "a.wav", "--format", "docx"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    os.close(ours)
    assert (done.returncode, done.stderr) == (
        *(1, "error: docx is no text for a terminal; add '--output FILE'\n"),
    )


@pytest.mark.parametrize(
    "arguments", [["rerun", "anne/a.wav", "--language", "fr"], ["retry", "--failed"]], ids=" ".join
)
def test_without_a_stack_nothing_is_asked_for(
    embedded_storage: S3Storage, arguments: list[str]
) -> None:
    uploaded(embedded_storage, "anne/a.wav")
    set_state(embedded_storage, "anne/a.wav", state="failed")
    answer = run(*arguments)
    assert isinstance(answer.exception, StackError)
    assert "start it with 'scribe up', then try again" in str(answer.exception)
    assert json.loads(run("status", "anne/a.wav", "--json").stdout)["state"] == "failed"
    stored = embedded_storage.objects(embedded_storage.uploads_bucket)
    assert [item.key for item in stored] == ["anne/a.wav"]


def test_status_says_how_much_is_done_and_how_long_it_takes_yet(
    embedded_storage: S3Storage,
) -> None:
    now = datetime.now(UTC)
    for name in ("done", "running", "queued"):
        uploaded(embedded_storage, f"anne/{name}.wav")
    began = now - timedelta(minutes=10)
    set_state(embedded_storage, "anne/done.wav", state="succeeded", started_at=began)
    set_state(
        embedded_storage,
        "anne/running.wav",
        state="running",
        step="diarization",
        progress=0.5,  # and thus 15 % of the run
        started_at=now - timedelta(minutes=2),
    )
    answer = run("status")
    shown = lines(answer.stdout)
    assert any("running anne/running.wav diarization, 15%, about 11 min left" in s for s in shown)
    assert any("queued anne/queued.wav begins in about 11 min" in line for line in shown)
    assert "1 in the queue; the last one begins in about 11 min" in shown
    rows = {row["source"]["key"]: row for row in json.loads(run("status", "--json").stdout)}
    assert rows["anne/running.wav"]["done"] == 0.15
    assert 670 < rows["anne/running.wav"]["seconds_left"] <= 681
    assert 670 < rows["anne/queued.wav"]["seconds_to_wait"] <= 681
    assert rows["anne/done.wav"]["seconds_left"] is None


def test_what_is_not_shown_is_waited_for_too(embedded_storage: S3Storage) -> None:
    now = datetime.now(UTC)
    for key in ("ben/done.wav", "ben/first.wav", "anne/second.wav", "anne/third.wav"):
        uploaded(embedded_storage, key)
        set_state(embedded_storage, key, state="queued")
    began = now - timedelta(minutes=10)
    set_state(embedded_storage, "ben/done.wav", state="succeeded", started_at=began)
    for arguments in (["anne/third.wav"], ["--user", "anne"], ["--user", "anne", "--last", "1"]):
        said = json.loads(run("status", *arguments, "--json").stdout)
        for row in said if isinstance(said, list) else [said]:
            minutes = {"anne/second.wav": 10, "anne/third.wav": 20}[row["source"]["key"]]
            assert abs(row["seconds_to_wait"] - 60 * minutes) < 10
    shown = lines(run("status", "--user", "anne").stdout)
    assert "2 in the queue; the last one begins in about 20 min" in shown
    assert not any("ben/" in line for line in shown)


def test_times_are_those_of_the_zone_of_this_machine(
    embedded_storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded(embedded_storage, "anne/a.wav")
    status = read_status(embedded_storage, RecordingRef.from_upload_key("anne/a.wav"))
    assert status is not None
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-5:30")
        time.tzset()
        head, row = lines(run("status").stdout)
    time.tzset()
    assert head.endswith("updated (XYZ)")
    there = status.updated_at + timedelta(hours=5, minutes=30)
    assert row.endswith(f"{there:%Y-%m-%d %H:%M:%S}")


def test_compare_shows_words_names_and_their_distance(embedded_storage: S3Storage) -> None:
    storage, key = embedded_storage, "anne/a.wav"
    uploaded(storage, key)
    ref = RecordingRef.from_upload_key(key)
    whose = {"user_id": ref.user_id, "recording_id": ref.recording_id}
    before = RESULT.model_copy(
        update=whose | {"segments": [segment(60, "SPEAKER_01", "the", "bug", "jet", "[x]")]}
    )
    now = RESULT.model_copy(
        update=whose | {"segments": [segment(60, "SPEAKER_00", "the", "budget", "[x]")]}
    )
    write_document(storage, ref, before)
    assert "no result before its last one" in str(run("compare", key).exception)
    write_previous(storage, ref, before)
    write_document(storage, ref, now)
    assert lines(run("compare", key).stdout) == [
        "50.0% of 4 words: 1 replaced, 0 added, 1 removed; 3 words now",
        "Speaker 2 → Anne B.: 2 words, from 1:00 on",
        "1:00 −bug jet +budget",
    ]
    said = json.loads(run("compare", key, "--json").stdout)
    assert (said["distance"], said["renamed"][0]["now"]) == (0.5, "Anne B.")


def test_open_prints_a_link_that_needs_no_credentials(storage: S3Storage) -> None:
    ref = processed(storage, "anne/réunion [1].wav", {"S0": ANNE})
    link = run("open", "anne/réunion [1].wav", "--print").stdout.strip()
    with urllib.request.urlopen(link) as page:  # noqa: S310
        content = page.read()
    key = processed_key(ref, "result.html")
    assert content == storage.read(storage.processed_bucket, key)
    uploaded(storage, "anne/new.wav")
    assert "has no result yet" in str(run("open", "anne/new.wav").exception)


EVIL = "anne/Réunion [red]\x1b[31m\t\x9b\u202e" + "é" * 120 + ".wav"


def test_a_key_commands_nothing_and_is_shown_whole(moto_storage: S3Storage) -> None:
    processed(moto_storage, EVIL, {"S0": ANNE})
    name = "anne/Réunion [red]␛[31m␉��" + "é" * 120 + ".wav"
    for arguments in (["status"], ["status", EVIL]):
        shown = run(*arguments).stdout
        assert name in shown
        assert not {"\x1b", "\t", "\x9b", "\u202e"} & {*shown}


def test_a_table_on_a_narrow_terminal_cuts_no_name_off(
    embedded_storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out, "width", 80)
    uploaded(embedded_storage, "anne/" + "0123456789" * 12 + ".wav")
    parts = [part for part in run("status").stdout.split() if {*part} <= {*"anne/0123456789.wav"}]
    assert "".join(parts) == "anne/" + "0123456789" * 12 + ".wav"


def test_an_error_commands_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log.print("there is no \x1b[31m\nrecording [x]", markup=False)
    assert capsys.readouterr().err == "there is no ␛[31m\nrecording [x]\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "nothing"], "there is no recording 'nothing'; 'scribe status' lists them"),
        (["show", "nothing", "-f", "doc"], "there is no format 'doc'; choose json, srt, "),
        (["forget", "zoe"], "nobody called 'zoe' is enrolled for default; see 'scribe people'"),
        (["enroll", "zoe"], "give either sample files, or --from RECORDING --speaker SPEAKER_01"),
    ],
)
def test_a_known_fault_is_one_sentence(
    embedded_storage: S3Storage, arguments: list[str], sentence: str
) -> None:
    assert embedded_storage
    answer = run(*arguments)
    assert isinstance(answer.exception, UsageError)
    assert str(answer.exception).startswith(sentence)


def test_people_says_when_somebody_was_last_heard(embedded_storage: S3Storage) -> None:
    enrolled = enrol_voices(embedded_storage, "user", {"anne": ANNE, "ben": unit(0, 1)})
    processed(embedded_storage, "user/a.wav", {"S0": ANNE}, enrolled)
    today = embedded_storage.head(embedded_storage.uploads_bucket, "user/a.wav").last_modified
    assert lines(run("people", "--user", "user").stdout) == [
        "person name samples speech quality last heard problem",
        f"anne anne 1 10.0 s {today.astimezone():%Y-%m-%d}",
        "ben ben 1 10.0 s never",
    ]


def test_people_for_programs(embedded_storage: S3Storage) -> None:
    assert json.loads(run("people", "--user", "user", "--json").stdout) == []
    enrolled = enrol_voices(embedded_storage, "user", {"Élodie [b]": ANNE, "anne": ANNE})
    processed(embedded_storage, "user/a.wav", {"S0": ANNE}, enrolled)
    anne, elodie = json.loads(run("people", "--user", "user", "--json").stdout)
    assert elodie.keys() == {
        *("person_id", "name", "samples", "speech_seconds", "consistency", "last_heard"),
        *("same_voice_as", "problems"),
    }
    assert (anne["person_id"], elodie["person_id"]) == ("anne", "Élodie [b]")
    assert (anne["same_voice_as"], elodie["same_voice_as"]) == (["Élodie [b]"], ["anne"])
    assert elodie["last_heard"] is None or anne["last_heard"] is None, "one of them is named"
    assert "has the voice of anne" in elodie["problems"][0]
    table = run("people", "--user", "user").stdout
    assert "Élodie [b]" in table
    assert "has the voice of Élodie [b]" in table
    answer = run("forget", "E\u0301lodie [b]", "--user", "user", "--yes")
    assert answer.exit_code == 0
    assert "Élodie" not in run("people", "--user", "user").stdout


def test_nobody_is_forgotten_without_being_asked(embedded_storage: S3Storage) -> None:
    enrol_voices(embedded_storage, "user", {"anne": ANNE})
    refused = run("forget", "anne", "--user", "user")
    assert isinstance(refused.exception, UsageError)
    assert "There is no terminal to ask at; --yes does it without" in str(refused.exception)
    assert "anne" in run("people", "--user", "user").stdout


@pytest.mark.parametrize(("said", "code"), [("yes\n", 0), ("\n", 1), ("", 1), ("nein\n", 1)])
def test_only_a_yes_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, code: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(said))
    if code:
        with pytest.raises(typer.Exit) as stopped:
            confirmed("Remove [x]?", is_sure=False)
        assert stopped.value.exit_code == code
    else:
        confirmed("Remove [x]?", is_sure=False)
    assert capsys.readouterr().err.startswith("Remove [x]? [y/N] ")


def test_who_was_not_found_in_a_part_is_not_called_never_heard() -> None:
    assert when(LastHeard({}, searched=500, complete=False), "anne") == "not in the last 500"
    assert when(LastHeard({}, searched=500, complete=True), "anne") == "never"
