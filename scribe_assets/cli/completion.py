"""The command for the shell: `completion`."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script

from scribe_assets.cli.app import COMPLETE


class Shell(StrEnum):
    """The shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script is printed.")],
) -> None:
    """Print the script for completion: `eval "$(scribe completion bash)"` in ~/.bashrc."""
    typer.echo(get_completion_script(prog_name="scribe", complete_var=COMPLETE, shell=shell.value))
