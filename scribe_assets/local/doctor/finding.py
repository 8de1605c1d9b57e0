"""What a check finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scribe_assets.errors import PermanentError, StorageUnavailableError

State = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Finding:
    """What a check finds; `text` is a sentence, which says what to do where it is not good."""

    name: str
    state: State
    text: str


def tried(name: str, look: Callable[[], str]) -> Finding:
    """What a look finds, or the sentence of the error that it raises."""
    return checked(name, lambda: Finding(name, "ok", look()))


def checked(name: str, check: Callable[[], Finding]) -> Finding:
    """What a check finds, or the sentence of the error that it raises."""
    try:
        return check()
    except (PermanentError, StorageUnavailableError) as error:
        return Finding(name, "failure", str(error))
