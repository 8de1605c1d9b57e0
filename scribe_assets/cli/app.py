"""The program itself: its options, its two consoles, what it loads when, and how it ends.

Exit codes: 0, what was asked for is done; 1, it is not, and a sentence on standard error says why;
2, the command line itself is wrong; 130, it was stopped with Ctrl-C.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from scribe_assets import __version__
from scribe_assets.errors import PermanentError, StorageUnavailableError, UsageError

if TYPE_CHECKING:
    from scribe_assets.storage.s3 import S3Storage

WIDE = 10_000
"""Columns where no terminal has a width, so that a program gets each row of a table in a line."""

COMPLETE = "_SCRIBE_COMPLETE"
"""Variable in which a shell asks for completions."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class SafeConsole(Console):
    """A console on which names of files and people command nothing: escape sequences and the like
    are shown (`␛`) instead of being sent to the terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as rich shows it, with its lines but without other control characters."""
        lines = text.split("\n")
        if not all(map(str.isprintable, lines)):
            from scribe_assets.artifacts.formats.plain import visible

            lines = [*map(visible, lines)]
        return super().render_str("\n".join(lines), **options)


def width_of(stream: Any) -> int | None:
    """The columns of a console: those of its terminal (None), or all that a row needs."""
    return None if stream.isatty() else WIDE


out = SafeConsole(soft_wrap=True, highlight=False, width=width_of(sys.stdout))
"""What was asked for, on standard output."""

log = SafeConsole(stderr=True, soft_wrap=True, highlight=False)
"""Everything else, on standard error."""

User = Annotated[str, typer.Option("--user", "-u", help="Whose recordings and people.")]
Key = Annotated[
    str, typer.Argument(help="Upload key, such as default/meeting.mp4, or recording id.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ForPrograms = Annotated[bool, typer.Option("--json", help="For programs.")]


class Command(NamedTuple):
    """A command that is not imported before it is called.

    Attributes:
        module: in this package; its function is called as the command is.
        help: its line in the list of commands, the first sentence of its function.
        loads: what takes it long to import, which is done while a terminal shows that it is.
    """

    module: str
    help: str
    loads: str = "scribe_assets.library.recordings"


def function_of(module: Any, name: str) -> Callable[..., Any]:
    """The function of a command; where the name means something else in Python, it has a `_`."""
    function: Callable[..., Any] = getattr(module, name, None) or getattr(module, f"{name}_")
    return function


class Commands(TyperGroup):
    """The commands, in the order of the help. `scribe --help`, and a command line that is wrong,
    import nothing of what the commands do: that takes seconds."""

    known: dict[str, Command] = {}  # noqa: RUF012 - filled by `cli/__init__.py`
    listing = False
    """Whether the help is being written, for which the names are enough."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """All names."""
        return [*self.known]

    def get_command(self, _ctx: Any, name: str) -> Any:
        """A command by its name, None where there is none."""
        command = self.known.get(name)
        if command is None:
            return None
        if self.listing:
            return TyperCommand(name=name, help=command.help)
        module = import_module(f"scribe_assets.cli.{command.module}")
        alone = typer.Typer(add_completion=False, rich_markup_mode=app.rich_markup_mode)
        alone.command(name)(function_of(module, name))
        found = typer.main.get_command(alone)
        found.callback = loaded_first(command.loads, found.callback)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of the commands."""
        self.listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.listing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The commands that begin so."""
        self.listing = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.listing = False

    def invoke(self, ctx: Any) -> Any:
        """Run a command; stopped, it says so."""
        with stopped_with("stopped"):
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    help="Recordings in, transcripts with names out. `scribe demo` shows all of it.",
    epilog="Exit codes: 0 done, 1 not done (a sentence says why), 2 wrong command line, "
    "130 stopped with Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. A known fault is one sentence and exit code 1."""
    # SIGINT too: a shell starts its background jobs with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupt)
    if COMPLETE in os.environ:  # otherwise it would be one of the options
        from typer.completion import completion_init

        completion_init()
    try:
        app(prog_name="scribe")
    except (PermanentError, StorageUnavailableError) as error:
        log.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
    finally:  # what Python does at its end is not worth a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _interrupt(_number: int, _frame: Any) -> None:
    """End the program as Ctrl-C does."""
    raise KeyboardInterrupt


@contextmanager
def stopped_with(sentence: str) -> Iterator[None]:
    """Where Ctrl-C stops what is done here, say what becomes of the work, and end."""
    try:
        yield
    except KeyboardInterrupt:
        log.print(sentence, markup=False)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def loading() -> Iterator[None]:
    """Show on a terminal that something is being loaded, for as long as it is."""
    is_shown = sys.stderr.isatty()
    if is_shown:
        sys.stderr.write("loading …")
        sys.stderr.flush()
    try:
        yield
    finally:
        if is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def loaded_first(module: str, command: Callable[..., Any] | None) -> Callable[..., Any]:
    """The function of a command, which imports a module before, if it needs one."""

    def call(*arguments: Any, **options: Any) -> Any:
        if module:
            with loading():
                import_module(module)
        return command(*arguments, **options) if command else None

    return call


def open_storage() -> "S3Storage":
    """The storage that the environment names."""
    from scribe_assets.settings import Settings
    from scribe_assets.storage.s3 import S3Storage

    return S3Storage.from_settings(Settings.load())


def confirmed(question: str, *, is_sure: bool) -> None:
    """Go on only where a person agrees.

    Args:
        question: what is going to be done, in a line.
        is_sure: `--yes` was given.

    Raises:
        UsageError: there is nobody to ask.
        Exit: the answer is no.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask at; --yes does it without asking")
    with stopped_with("\nnothing was changed"):
        log.print(f"{question} [y/N] ", end="", markup=False)
        answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        log.print("nothing was changed")
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """What can be said before a command."""
    if version:
        out.print(__version__)
        raise typer.Exit
