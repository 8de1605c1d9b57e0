"""The command line before it does anything: help, wrong arguments, completion."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
from typer.testing import CliRunner

from scribe_assets.cli import app
from scribe_assets.cli.app import Commands, function_of

HEAVY = ("dagster", "boto3", "pydantic_settings", "numpy", "torch", "psutil")

ANSWERED = f"""
import sys
from typer.testing import CliRunner
from scribe_assets.cli import app
from scribe_assets.cli.app import Commands
lines = [["--help"], ["--version"], ["frobnicate"]]
lines += [[name, option] for name in Commands.known for option in ("--help", "--frobnicate")]
for line in lines:
    print(CliRunner().invoke(app, line).exit_code, *line)
print(*[name for name in {HEAVY} if name in sys.modules])
"""


def test_what_answers_at_once_imports_nothing_heavy() -> None:
    command = [sys.executable, "-c", ANSWERED]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *answers, imported = said.splitlines()
    assert imported == ""
    assert answers[:3] == ["0 --help", "0 --version", "2 frobnicate"]
    assert {line.split()[0] for line in answers if line.endswith("--help")} == {"0"}
    assert {line.split()[0] for line in answers if line.endswith("--frobnicate")} == {"2"}


@pytest.mark.parametrize("name", Commands.known)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = Commands.known[name]
    function = function_of(import_module(f"scribe_assets.cli.{command.module}"), name)
    assert (inspect.getdoc(function) or "").partition("\n")[0] == command.help
    if command.loads:
        import_module(command.loads)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    script = CliRunner().invoke(app, ["completion", shell]).stdout
    assert f"_SCRIBE_COMPLETE=complete_{shell}" in script


def test_bash_completes_commands_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        command = [sys.executable, "-m", "scribe_assets"]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()

    monkeypatch.setenv("_SCRIBE_COMPLETE", "complete_bash")
    assert {"rebuild", "reidentify"} <= {*completed("scribe re")}
    assert completed("scribe upload --lang") == ["--language", "--languages"]
