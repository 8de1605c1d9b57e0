"""`SCRIBE_LOG=json`: lines for programs, which say what they are about."""

import json
import logging
from pathlib import Path

import pytest
from dagster import OpExecutionContext, job, op

from scribe_assets.errors import SettingsError
from scribe_assets.instance.config import open_instance
from scribe_assets.logs import FileOfRuns, JsonFormatter
from scribe_assets.settings import Settings
from scribe_assets.tags import PARTITION_TAG, UPLOAD_TAG


def test_the_file_of_runs_makes_its_folder_and_fails_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.makeLogRecord({"name": "scribe", "msg": "hello"})
    file = tmp_path / "logs" / "runs.log"
    handler = FileOfRuns(str(file), delay=True)
    handler.emit(record)
    handler.close()
    assert file.read_text() == "hello\n"
    assert file.parent.stat().st_mode & 0o777 == 0o700
    beside = FileOfRuns(str(file / "runs.log"), delay=True)  # below a file
    beside.emit(record)
    assert "runs.log" in capsys.readouterr().err


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        seen = (type(error), error, error.__traceback__)
    record = logging.LogRecord("scribe.x", logging.ERROR, "", 0, "no %s", ("luck",), seen)
    record.run_id = "1a2b"  # as `extra` does
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["event"], told["level"], told["run_id"]) == ("no luck", "error", "1a2b")
    assert "two\nlines" in told["exception"]


@op
def grumble(context: OpExecutionContext) -> None:
    context.log.warning("there is\na hiss")
    raise RuntimeError("and now nothing")


@job
def grumbling() -> None:
    grumble()


def test_lines_of_a_run_say_what_they_are_about(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, log="json")
    tags = {PARTITION_TAG: "anne.call-1", UPLOAD_TAG: "anne/call.wav"}
    with open_instance(settings) as instance:
        run = grumbling.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    lines = (tmp_path / "logs" / "runs.log").read_text().splitlines()
    (hiss,) = [told for told in map(json.loads, lines) if told["event"] == "there is\na hiss"]
    assert hiss["run_id"] == run.run_id
    assert (hiss["job"], hiss["step"], hiss["level"]) == ("grumbling", "grumble", "warning")
    assert (hiss["recording"], hiss["upload"]) == ("anne.call-1", "anne/call.wav")
    assert "STEP_FAILURE" in [told.get("event_type") for told in map(json.loads, lines)]


def test_for_people_nothing_is_written_besides(tmp_path: Path) -> None:
    with open_instance(Settings(home=tmp_path)) as instance:
        grumbling.execute_in_process(instance=instance, raise_on_error=False)
        assert instance.run_launcher is not None, "the rest of the configuration is there"
    assert not (tmp_path / "logs").exists()


def test_the_rest_of_the_configuration_stays(tmp_path: Path) -> None:
    with open_instance(Settings(home=tmp_path, log="json")) as instance:
        assert instance.run_retries_max_retries == 2
        assert instance.managed_python_loggers == ["scribe_assets"]


@pytest.mark.parametrize("form", ["xml", "JSON"])
def test_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("SCRIBE_LOG", form)
    with pytest.raises(SettingsError, match=r"SCRIBE_LOG: .*'text' or 'json'"):
        Settings.load()
