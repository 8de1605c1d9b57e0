"""MPEG transport and program streams, which begin anywhere: where another one begins.

ffmpeg decodes the tracks that it found at the beginning. Others that begin in the middle would be
lost, and so would sound of another rate that comes with earlier time stamps, as ffmpeg forgets then
that it has gone back (see `frames`). Source: ISO/IEC 13818-1.
"""

import mmap
import re
import struct
from collections.abc import Iterator

from scribe_assets.speech.media.part import Part, between

PACKET = 188
PACK = re.compile(rb"\x00\x00\x01\xba([\x20-\x2f\x44-\x7f].{5})", re.DOTALL)
BACK = 90_000 // 2
"""Half a second by the system clock: so much earlier, a pack is the first of another recording."""

Streams = frozenset[tuple[int, int]]
"""Kind and number of each."""


def transport(data: mmap.mmap) -> list[Part]:
    """MPEG-TS: a list of other streams than before, or an earlier time."""
    starts = [0]
    before: Streams = frozenset()
    time_before = 0
    for at in _packets(data, b"\x47\x40\x00", 0, len(data)):
        streams = _streams(data, at)
        if not streams:
            continue
        time = _time(data, at, min(number for _, number in streams))
        if before and (streams != before or (time or time_before) < time_before - BACK):
            starts.append(at)
        before, time_before = streams, time or time_before
    return between(starts, len(data))


def _packets(data: mmap.mmap, head: bytes, start: int, end: int) -> Iterator[int]:
    """Where packets begin that begin with these bytes."""
    while (start := data.find(head, start, end)) >= 0:
        if start % PACKET == 0:
            yield start
        start += 1


def _time(data: mmap.mmap, at: int, number: int) -> int | None:
    """The first time of a stream behind a place, in 1/90000 s."""
    for packet in _packets(data, _head(number), at, at + 5000 * PACKET):
        header = packet + 4 + (1 + data[packet + 4] if data[packet + 3] & 0x20 else 0)
        content = data[header : packet + PACKET]
        if content[:3] == b"\0\0\1" and len(content) >= 14 and content[7] & 0x80:
            high, middle, low = struct.unpack_from(">BHH", content, 9)
            return int((high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1)
    return None


def _head(number: int) -> bytes:
    """How a packet begins in which something of a stream begins."""
    return bytes([0x47, 0x40 | number >> 8, number & 0xFF])


def _streams(data: mmap.mmap, at: int) -> Streams | None:
    """The streams of the first program of a list of programs that begins there; None where the list
    cannot be read."""
    programs = data[at + 5 : at + PACKET]
    if data[at + 3] & 0x30 != 0x10 or programs[:1] != b"\0":
        return None
    number = 8 if programs[8:10] != b"\0\0" else 12  # program 0 is no program
    wanted = int.from_bytes(programs[number + 2 : number + 4], "big") & 0x1FFF
    for packet in _packets(data, _head(wanted), at, at + 100 * PACKET):
        return _listed(data[packet + 5 : packet + PACKET])
    return None


def _listed(section: bytes) -> Streams | None:
    """The streams in a program map."""
    if section[:1] != b"\2":
        return None
    end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4
    at = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    streams = set()
    while at + 5 <= min(end, len(section)):
        streams.add((section[at], int.from_bytes(section[at + 1 : at + 3], "big") & 0x1FFF))
        at += 5 + (int.from_bytes(section[at + 3 : at + 5], "big") & 0xFFF)
    return frozenset(streams)


def program(data: mmap.mmap) -> list[Part]:
    """MPEG-PS: a pack whose clock is earlier than the one before."""
    starts, before = [0], 0
    for pack in PACK.finditer(data):
        clock = _clock(pack.group(1))
        if clock < before - BACK:
            starts.append(pack.start())
        before = clock
    return between(starts, len(data))


def _clock(pack: bytes) -> int:
    """The clock of a pack of MPEG-2, else of MPEG-1, in 1/90000 s."""
    bits = int.from_bytes(pack, "big")
    if pack[0] & 0xC0 == 0x40:
        return (bits >> 43 & 7) << 30 | (bits >> 27 & 0x7FFF) << 15 | bits >> 11 & 0x7FFF
    bits >>= 8
    return (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7FFF) << 15 | bits >> 1 & 0x7FFF
