"""What a format is: which documents it renders, into which kind of file, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from scribe_assets.artifacts.documents import Document

D = TypeVar("D", bound=Document)
C = TypeVar("C", str, bytes)


@dataclass(frozen=True)
class Format(Generic[D, C]):
    """A readable form of one type of document.

    Args:
        name: what people call it, for instance on the command line.
        document: the type of document that it renders.
        suffix: of the file, beside the document's own without `.json`.
        content_type: media type of the file.
        render: a pure function of the document; text is written as UTF-8.
        is_stored: whether it is written beside the document; the others are made when asked for.
    """

    name: str
    document: type[D]
    suffix: str
    content_type: str
    render: Callable[[D], C]
    is_stored: bool = True

    @property
    def file_name(self) -> str:
        """How the file is called, such as `result.srt`."""
        return self.document.file_name.removesuffix(".json") + self.suffix
