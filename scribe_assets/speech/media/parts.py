"""Files that were joined byte by byte, and headers that promise another length than the file has.

A container with a declared size ends where that says, and what follows is lost without a word: the
second of two WAV files, or 19 of the 22 seconds of a recorder whose battery died. So the outermost
structure is walked here, each part is converted by itself, and a size that cannot be right is put
right. Sources: ISO/IEC 14496-12 (MP4), RFC 3533 (Ogg), RFC 9639 (FLAC), Microsoft's Advanced
Systems Format; see also `chunks`,
`matroska` and `streams`.
"""

import mmap
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scribe_assets.errors import MediaError
from scribe_assets.speech.media.chunks import LAYOUTS, au, chunked
from scribe_assets.speech.media.matroska import matroska
from scribe_assets.speech.media.part import LESS, Edit, Part, between, cut_short
from scribe_assets.speech.media.streams import program, transport

MAX_PARTS = 200


def find_parts(path: Path) -> list[Part]:
    """The parts of a file, in order; one, the whole, for most.

    Args:
        path: of a file that is not empty.

    Raises:
        MediaError: its outermost structure says that nothing of it can be decoded.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for at, magic, walk in WALKERS:
            if data[at : at + len(magic)] == magic:
                found = walk(data)
                # So many beginnings are no joined recordings; ffmpeg makes of it what it can.
                return found if len(found) <= MAX_PARTS else [Part(0, len(data))]
        for beginning in BEGINNINGS:
            if beginning.match(data):
                starts = [found.start() for found in beginning.finditer(data)]
                return between(starts if len(starts) <= MAX_PARTS else [0], len(data))
        return [Part(0, len(data))]


AVI = re.compile(rb"RIFF.{4}AVI LIST", re.DOTALL)


def _riff(data: mmap.mmap) -> list[Part]:
    """WAV, or an AVI for example."""
    if data[8:12] == b"WAVE" or len(data) < 12:
        return chunked(data)
    parts = between([0, *(found.start() for found in AVI.finditer(data, 1))], len(data))
    promised = 8 + struct.unpack_from("<I", data, parts[-1].start + 4)[0]
    return [*parts[:-1], replace(parts[-1], note=cut_short(promised, len(data) - parts[-1].start))]


def _mp4(data: mmap.mmap) -> list[Part]:
    """MP4 and MOV: another `ftyp` after a `moov`."""
    starts, position, complete, media = [0], 0, False, -1
    while position + 16 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            size = struct.unpack_from(">Q", data, position + 8)[0]
        if name == b"ftyp" and complete:
            starts.append(position)
            complete = False
        complete = complete or name == b"moov"
        if name == b"mdat":
            media = position
        if size < 8:  # 0: it goes on to the end of the file; all else is no box
            break
        position += size
    if not complete:
        edit = _up_to_the_index(data, media) if media > starts[-1] else None
        if edit:
            note = "the size of the sound in the file is wrong; all of it was taken"
            return between(starts, len(data), note, (edit,))
        if len(starts) == 1:
            raise MediaError(
                "the file has no index (its moov box is missing): the recording was not ended, or "
                "the upload was cut short; repair it with the program that recorded it, or upload "
                "it again"
            )
    return between(starts, len(data), cut_short(position, len(data)))


def _up_to_the_index(data: mmap.mmap, media: int) -> Edit | None:
    """The size with which the media end where the index begins; None where there is no index."""
    index = data.rfind(b"moov", media)
    while index >= 0 and data[index + 8 : index + 12] != b"mvhd":
        index = data.rfind(b"moov", media, index)
    size = index - 4 - media
    if index < 0:
        return None
    if struct.unpack_from(">I", data, media)[0] == 1:
        return media + 8, struct.pack(">Q", size)
    return (media, struct.pack(">I", size)) if size < 1 << 32 else None


ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
ASF_BEHIND = re.compile(
    b"|".join(
        re.escape(bytes.fromhex(name))
        for name in (
            *(ASF_HEADER.hex(), "90080033b1e5cf1189f400a0c90349cb"),
            *("d329e2d6da35d111903400a0c90349be", "f803b1feadc64b4ab59d2d6c0e6f0f9b"),
        )
    )
)
"""What may be behind the data: another file, or an index."""


def _asf(data: mmap.mmap) -> list[Part]:
    """WMA and WMV: another header object behind the last object of the first. A live recording has
    a data object without a size, which goes on to the end."""
    parts, start, position = [], 0, 0
    edits: tuple[Edit, ...] = ()
    note = None
    while position + 24 <= len(data):
        name = data[position : position + 16]
        if position > start and name == ASF_HEADER:
            parts.append(Part(start, position, note, edits))
            start, note, edits = position, None, ()
        size = struct.unpack_from("<Q", data, position + 16)[0]
        end = position + size
        if (
            name == ASF_DATA
            and end != len(data)
            and not ASF_BEHIND.match(data, min(end, len(data)))
        ):
            found = ASF_BEHIND.search(data, position + 24)
            end = found.start() if found else len(data)
            if size > end - position and not found:
                note = cut_short(position + size, len(data))
            else:
                note = LESS if 0 < size < end - position else None
                edits = ((position + 16, struct.pack("<Q", end - position)),)
        elif size < 24:
            break
        position = end
    note = note or cut_short(position, len(data))
    return [*parts, Part(start, len(data), note, edits)]


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
    return between(starts, len(data))


def _tagged(data: mmap.mmap) -> list[Part]:
    """MP3 or AAC with a tag at its beginning: another tag with sound behind it."""
    starts = [0]
    for found in re.finditer(rb"ID3[\x02-\x04]\x00", data):
        behind = _behind_tag(data, found.start())
        if found.start() and data[behind : behind + 1] == b"\xff" and data[behind + 1] >= 0xE0:
            starts.append(found.start())
    return between(starts, len(data)) if len(starts) > 1 else _adts(data)


def _behind_tag(data: mmap.mmap, start: int) -> int:
    """Where an ID3 tag ends that begins there; its size has 7 bits a byte."""
    size = 0
    for byte in data[start + 6 : start + 10]:
        size = size << 7 | byte & 0x7F
    return start + 10 + size


def _adts(data: mmap.mmap) -> list[Part]:
    """AAC: frames of another rate, or with other channels, whose lengths ffmpeg takes for those of
    the first."""
    starts, before = [0], None
    position = _behind_tag(data, 0) if data[:3] == b"ID3" else 0
    while position + 7 <= len(data):
        sync, head = struct.unpack_from(">HI", data, position)
        if sync & 0xFFF6 != 0xFFF0:
            break
        kind, length = head >> 22 & 0x3F7, head >> 5 & 0x1FFF
        if before not in (None, kind):
            starts.append(position)
        before = kind
        position += max(length, 7)
    return between(starts, len(data))


Walker = Callable[[mmap.mmap], list[Part]]

WALKERS: list[tuple[int, bytes, Walker]] = [
    (0, b"RIFF", _riff),
    *((0, layout.magic, chunked) for layout in LAYOUTS[1:]),
    (0, b".snd", au),
    (4, b"ftyp", _mp4),
    (0, b"\x1aE\xdf\xa3", matroska),
    (0, ASF_HEADER, _asf),
    (0, b"OggS", _ogg),
    (0, b"\x00\x00\x01\xba", program),
    (0, b"\x47", transport),
    (0, b"ID3", _tagged),
    (0, b"\xff", _adts),
]
"""By where which bytes stand."""

FIRST_OF_BLOCK = b"".join(b"\\x%02x" % flags for flags in range(256) if flags & 8)
"""WavPack has a block for each pair of channels; this flag is that of the first."""

BEGINNINGS = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"fLaC[\x00\x80]\x00\x00\x22",
        rb"#!AMR(-WB)?\n",
        rb"FLV\x01[\x00\x01\x04\x05]\x00\x00\x00\x09\x00{4}",
        rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02[\x01-\x04]",  # MXF
        rb"wvpk.{5}\x04.{6}\x00{4}.{5}[" + FIRST_OF_BLOCK + b"]",
        rb"TTA1\x01\x00",
        rb"Creative Voice File\x1a",
        rb"nut/multimedia container\x00",
    )
]
"""How files begin of which another one is found only by its beginning."""
