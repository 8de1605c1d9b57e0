"""Matroska and WebM: where each file ends, and elements whose sizes are wrong.

A size is wrong where no other element is behind it. Live recordings have segments and clusters of
unknown size, which are walked from within. Source: RFC 9559.
"""

import mmap
import re
from dataclasses import dataclass

from scribe_assets.speech.media.part import LESS, Edit, Part, cut_short

EBML, SEGMENT = 0x1A45DFA3, 0x18538067
SEEK_HEAD, INFO, TRACKS, CLUSTER = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675
CUES, ATTACHMENTS, CHAPTERS, TAGS = 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367
LARGE = (SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, ATTACHMENTS, CHAPTERS, TAGS)
"""What a segment is made of."""

ANYWHERE = (0xEC, 0xBF)
IN_CLUSTER = (0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854, 0xAF)
KNOWN = {EBML, *LARGE, *ANYWHERE, *IN_CLUSTER}

NEXT = re.compile(b"|".join(re.escape(name.to_bytes(4, "big")) for name in (EBML, *LARGE)))


@dataclass(frozen=True)
class Element:
    """An element: its name, where its size stands, where its content begins, and where it ends by
    what it says, None where it does not say."""

    name: int
    size_at: int
    body: int
    end: int | None

    def resized(self, end: int) -> Edit | None:
        """The size with which it ends there; None where no room is for it."""
        length = self.body - self.size_at
        size = end - self.body
        if size >= (1 << 7 * length) - 1:
            return None
        return self.size_at, (size | 1 << 7 * length).to_bytes(length, "big")


def matroska(data: mmap.mmap) -> list[Part]:
    """The files that one is joined of: each begins with an EBML header."""
    parts: list[Part] = []
    start = 0
    while start < len(data):
        parts.append(_part(data, start))
        start = parts[-1].end
    return parts


def _part(data: mmap.mmap, start: int) -> Part:
    position, searched, note = start, start, None
    edits: list[Edit | None] = []
    segment = last = None
    inside = False
    while position < len(data):
        element = _element(data, position)
        if element and element.name == EBML and position > start:
            break
        if element and element.name == SEGMENT:
            segment, position = element, element.body
            continue
        if element and element.name in LARGE:
            inside = element.name == CLUSTER and element.end is None
        elif element and element.name in IN_CLUSTER and not inside:
            element = None
        if element and (element.end or 0) <= len(data):
            last = element if element.name in LARGE else last
            position = element.end or element.body
            continue
        if segment and position == segment.end:  # what is behind it, is none of its
            segment, position = None, len(data)
            break
        wrong = element or last
        begins = wrong.body if wrong and wrong.end else position + 1
        found = NEXT.search(data, max(begins, searched))
        if found is None:
            position = len(data)
            break
        position = found.start()
        searched = position + 1
        if wrong and wrong.end:
            edits.append(wrong.resized(position))
    if segment and segment.end and segment.end < position:
        edits.append(segment.resized(position))
        note = LESS
    elif segment and segment.end:
        note = cut_short(segment.end - start, position - start)
    if edits and not note:
        note = "sizes in the file are wrong; all that was found was taken"
    return Part(start, position, note, tuple(edit for edit in edits if edit))


def _element(data: mmap.mmap, position: int) -> Element | None:
    """The element that begins there, if one does."""
    name, size_at = _number(data, position, keep_marker=True)
    size, body = _number(data, size_at, keep_marker=False)
    if body <= size_at or size_at <= position or name not in {*KNOWN, SEGMENT}:
        return None
    is_unknown = size == (1 << 7 * (body - size_at)) - 1
    return Element(name, size_at, body, None if is_unknown else body + size)


def _number(data: mmap.mmap, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and where it ends; it ends where it begins if it is none."""
    first = data[position] if position < len(data) else 0
    length = 9 - first.bit_length()
    if length > 8 or position + length > len(data):
        return 0, position
    value = int.from_bytes(data[position : position + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), position + length
