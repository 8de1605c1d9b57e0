"""A part of a file: what it is made of, and what its header should say."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

Edit = tuple[int, bytes]
"""A position in a file, and the bytes that should stand there."""

LESS = "the header promises less sound than the file holds; all of it was taken"


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are a media file by themselves.

    `note` says for people what is wrong with it; `edits` put right what is wrong in its header.
    """

    start: int
    end: int
    note: str | None = None
    edits: tuple[Edit, ...] = ()

    def url(self, path: Path, size: int) -> str:
        """How ffmpeg opens it."""
        if (self.start, self.end) == (0, size):
            return f"file:{path}"
        return f"subfile,,start,{self.start},end,{self.end},,:{path}"


def mended(source: Path, parts: list[Part], folder: Path) -> Path:
    """A copy of the file in which the edits of its parts are made; itself where there are none."""
    edits = [edit for part in parts for edit in part.edits]
    if not edits:
        return source
    copy = folder / "mended"
    shutil.copyfile(source, copy)
    with copy.open("r+b") as file:
        for position, value in edits:
            file.seek(position)
            file.write(value)
    return copy


def cut_short(promised: int, held: int) -> str | None:
    """A sentence about a file of which the end is missing."""
    if promised <= held:
        return None
    return f"the file ends early: {held} of {promised} bytes are there"


def between(
    starts: list[int], size: int, note: str | None = None, edits: tuple[Edit, ...] = ()
) -> list[Part]:
    """Parts from one start to the next; the note is about the last one."""
    parts = [Part(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]
    return [*parts[:-1], replace(parts[-1], note=note, edits=edits)]
