"""The program itself: its options, its two consoles, and how it ends."""

import signal
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from scribe_assets import __version__
from scribe_assets.artifacts.formats.plain import visible
from scribe_assets.errors import PermanentError, StorageUnavailableError
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage

app = typer.Typer(
    help="Recordings in, transcripts with names out. `scribe demo` shows all of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
WIDE = 10_000
"""Columns where no terminal has a width, so that a program gets each row of a table in a line."""


class SafeConsole(Console):
    """A console on which names of files and people command nothing: escape sequences and the like
    are shown (`␛`) instead of being sent to the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as rich shows it, with its lines but without other control characters."""
        return super().render_str("\n".join(map(visible, text.split("\n"))), **options)


out = SafeConsole(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)
"""What was asked for, on standard output."""

log = SafeConsole(stderr=True, soft_wrap=True, highlight=False)
"""Everything else, on standard error."""

User = Annotated[str, typer.Option("--user", "-u", help="Whose recordings and people.")]
Key = Annotated[
    str, typer.Argument(help="Upload key, such as default/meeting.mp4, or recording id.")
]


def main() -> None:
    """Run the command line. A known fault is one sentence and exit code 1."""
    # SIGINT too: a shell starts its background jobs with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        app()
    except (PermanentError, StorageUnavailableError) as error:
        log.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)


def _interrupt(_number: int, _frame: Any) -> None:
    """End the program as Ctrl-C does."""
    raise KeyboardInterrupt


def open_storage() -> S3Storage:
    """The storage that the environment names."""
    return S3Storage.from_settings(Settings.load())


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """What can be said before a command."""
    if version:
        out.print(__version__)
        raise typer.Exit
