"""Files that were joined byte by byte, and headers that promise another length than the file has.

A container with a declared size ends where that says, and what follows is lost without a word: the
second of two WAV files, or 19 of the 22 seconds of a recorder whose battery died. So the outermost
structure is walked here, and each part is converted by itself. Sources: RFC 9559 (Matroska),
ISO/IEC 14496-12 (MP4), RFC 3533 (Ogg), RFC 9639 (FLAC), EBU Tech 3306 (RF64), Microsoft's RIFF and
Advanced Systems Format.
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from scribe_assets.errors import MediaError

MAX_PARTS = 200
UNKNOWN = 0xFFFFFFFF


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are a media file by themselves.

    `ignore_length` where the size in its header is wrong, and its sound goes on to `end`. `note`
    says so for people.
    """

    start: int
    end: int
    ignore_length: bool = False
    note: str | None = None

    def url(self, path: Path, size: int) -> str:
        """How ffmpeg opens it."""
        if (self.start, self.end) == (0, size):
            return f"file:{path}"
        return f"subfile,,start,{self.start},end,{self.end},,:{path}"


def find_parts(path: Path) -> list[Part]:
    """The parts of a file, in order; one, the whole, for most.

    Args:
        path: of a file that is not empty.

    Raises:
        MediaError: its outermost structure says that nothing of it can be decoded.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for magic, walk in WALKERS:
            if data[magic[0] : magic[0] + len(magic[1])] == magic[1]:
                found = walk(data)
                # So many beginnings are no joined recordings; ffmpeg makes of it what it can.
                return found if len(found) <= MAX_PARTS else [Part(0, len(data))]
        return [Part(0, len(data))]


def _riff(data: mmap.mmap) -> list[Part]:
    """WAV and RF64: what follows the sound's declared end is another file, or more of the sound."""
    if data[8:12] != b"WAVE":  # an AVI, for example
        promised = 8 + struct.unpack_from("<I", data, 4)[0]
        return [Part(0, len(data), note=_cut_short(promised, len(data)))]
    parts: list[Part] = []
    start = 0
    while start < len(data):
        end, ignore_length, note = _riff_end(data, start)
        parts.append(Part(start, end, ignore_length, note))
        start = end
    return parts


def _riff_end(data: mmap.mmap, start: int) -> tuple[int, bool, str | None]:
    """Where a WAV file ends, whether its header is wrong, and a sentence about that."""
    position = start + 12
    long_size = None
    while position + 8 <= len(data):
        name, size = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        if name == b"ds64" and position + 24 <= len(data):
            long_size = struct.unpack_from("<Q", data, position + 16)[0]
        if name == b"data":
            break
        position += 8 + size + size % 2
    else:
        return len(data), False, None
    held = len(data) - position - 8
    if size == UNKNOWN and long_size is not None:
        size = long_size
    if size > held:
        # A recorder that streams writes the largest number there is; that is no lie.
        if size >= 0x7FFF_0000:
            return len(data), True, None
        return len(data), False, _cut_short(position + 8 + size - start, len(data) - start)
    position += 8 + size + size % 2
    while position + 8 <= len(data):
        name, size = data[position : position + 4], struct.unpack_from("<I", data, position + 4)[0]
        if name in (b"RIFF", b"RF64") and data[position + 8 : position + 12] == b"WAVE":
            return position, False, None
        if not (
            name.isascii() and name.decode().isprintable() and position + 8 + size <= len(data)
        ):
            note = "the header promises less sound than the file holds; all of it was taken"
            return len(data), True, note if size else None
        position += 8 + size + size % 2
    return len(data), False, None


def _aiff(data: mmap.mmap) -> list[Part]:
    """AIFF: another FORM behind the end of the first."""

    def end_of(start: int) -> int:
        size = struct.unpack_from(">I", data, start + 4)[0]
        return start + 8 + size + size % 2

    return _one_after_the_other(
        data, end_of, lambda at: data[at : at + 4] == b"FORM" and data[at + 8 : at + 11] == b"AIF"
    )


def _one_after_the_other(
    data: mmap.mmap, end_of: Callable[[int], int], is_beginning: Callable[[int], bool]
) -> list[Part]:
    """Parts that know their own size."""
    starts = [0]
    while starts[-1] + 12 <= len(data):
        end = end_of(starts[-1])
        if end <= starts[-1] or end + 12 > len(data) or not is_beginning(end):
            break
        starts.append(end)
    return _between(starts, len(data))


def _between(starts: list[int], size: int, note: str | None = None) -> list[Part]:
    """Parts from one start to the next; the note is about the last one."""
    parts = [Part(start, end) for start, end in zip(starts, [*starts[1:], size], strict=True)]
    return [*parts[:-1], replace(parts[-1], note=note)]


def _mp4(data: mmap.mmap) -> list[Part]:
    """MP4 and MOV: another `ftyp` after a `moov`."""
    starts, position, complete = [0], 0, False
    while position + 16 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            size = struct.unpack_from(">Q", data, position + 8)[0]
        if name == b"ftyp" and complete:
            starts.append(position)
            complete = False
        complete = complete or name == b"moov"
        if size < 8:  # 0: it goes on to the end of the file; all else is no box
            break
        position += size
    if len(starts) == 1 and not complete:
        raise MediaError(
            "the file has no index (its moov box is missing): the recording was not ended, or the "
            "upload was cut short; repair it with the program that recorded it, or upload it again"
        )
    return _between(starts, len(data), _cut_short(position, len(data)))


EBML, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675


def _matroska(data: mmap.mmap) -> list[Part]:
    """Matroska and WebM: another EBML header. Live recordings have segments and clusters of unknown
    size, which are walked from within."""
    starts, position = [0], 0
    while position + 12 <= len(data):
        name, after = _vint(data, position, keep_marker=True)
        size, body = _vint(data, after, keep_marker=False)
        if body <= after or after <= position:
            break
        if name == EBML and position:
            starts.append(position)
        unknown = size == (1 << 7 * (body - after)) - 1
        position = body if unknown and name in (SEGMENT, CLUSTER) else body + size
    note = _cut_short(position, len(data))
    return _between(starts, len(data), note)


def _vint(data: mmap.mmap, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and where it ends; it ends where it begins if it is none."""
    first = data[position] if position < len(data) else 0
    length = 9 - first.bit_length()
    if length > 8 or position + length > len(data):
        return 0, position
    value = int.from_bytes(data[position : position + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), position + length


ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def _asf(data: mmap.mmap) -> list[Part]:
    """WMA and WMV: another header object behind the last object of the first. A live recording has
    a data object without a size, which goes on to the end."""
    starts, position = [0], 0
    while position + 24 <= len(data):
        if position and data[position : position + 16] == ASF_HEADER:
            starts.append(position)
        size = struct.unpack_from("<Q", data, position + 16)[0]
        if size < 24:
            break
        position += size
    note = _cut_short(position, len(data))
    return _between(starts, len(data), note)


def _cut_short(promised: int, held: int) -> str | None:
    """A sentence about a file of which the end is missing."""
    if promised <= held:
        return None
    return f"the file ends early: {held} of {promised} bytes are there"


def _ogg(data: mmap.mmap) -> list[Part]:
    """Chained Ogg: a page that begins a stream after one that does not."""
    starts, position, headers = [0], 0, True
    while position + 27 <= len(data) and data[position : position + 4] == b"OggS":
        begins = bool(data[position + 5] & 2)
        if begins and not headers:
            starts.append(position)
        headers = begins
        segments = data[position + 27 : position + 27 + data[position + 26]]
        position += 27 + len(segments) + sum(segments)
    return _between(starts, len(data))


def _flac(data: mmap.mmap) -> list[Part]:
    """FLAC has no size: the next marker with a stream information block behind it."""
    starts = [0]
    for last_block in (b"\x00", b"\x80"):
        marker, at = b"fLaC" + last_block + b"\x00\x00\x22", 0
        while (at := data.find(marker, at + 1)) > 0:
            starts.append(at)
    return _between(sorted(set(starts)), len(data))


WALKERS = [
    ((0, b"RIFF"), _riff),
    ((0, b"RF64"), _riff),
    ((0, b"FORM"), _aiff),
    ((4, b"ftyp"), _mp4),
    ((0, b"\x1aE\xdf\xa3"), _matroska),
    ((0, ASF_HEADER), _asf),
    ((0, b"OggS"), _ogg),
    ((0, b"fLaC"), _flac),
]
