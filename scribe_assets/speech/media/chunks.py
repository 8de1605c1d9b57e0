"""Sound in chunks: WAV, RF64, BW64, W64, AIFF, CAF and AU, where each file ends and what its sizes
should be.

A size is wrong where neither another chunk, nor another file, nor the end of the file is behind it.
Sources: Microsoft's RIFF, EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), Sony's Wave64, Apple's AIFF,
AIFF-C and Core Audio Format, Sun's AU.
"""

import mmap
import struct
from dataclasses import dataclass, replace

from scribe_assets.speech.media.part import LESS, Edit, Part, cut_short

MORE = "the header promises more sound than the file holds"
LARGEST = 0xFFFFFFFF
UNWRITTEN = 1 << 62
NEAR = 1 << 20
"""Bytes in which the next chunk is looked for, where the size of one is wrong."""


@dataclass(frozen=True)
class Layout:
    """How a container writes its chunks.

    Attributes:
        magic, kind: how a file begins, and what it is, at `kind_at`.
        first: where the first chunk is.
        names: of chunks that are usual.
        sound: name of the one with the sound.
        size: how a size is written, for `struct`.
        own: bytes of name and size where a size counts them too.
        align: chunks begin at multiples of it.
        whole_at: where the size of the whole stands; None where ffmpeg does not go by it.
        to_the_end: sizes that ffmpeg itself takes for "up to the end".
        behind: a chunk that may come after the sound, and is needed.
    """

    magic: bytes
    kind_at: int
    kind: tuple[bytes, ...]
    first: int
    names: tuple[bytes, ...]
    sound: bytes
    size: str
    own: int = 0
    align: int = 2
    whole_at: int | None = None
    to_the_end: tuple[int, ...] = ()
    behind: bytes | None = None

    @property
    def unwritten(self) -> int:
        """Sizes from here on are those of a recorder that never knew them, and no lie."""
        return 0x7FFF_0000 if struct.calcsize(self.size) == 4 else UNWRITTEN

    def chunk(self, data: mmap.mmap, position: int) -> "Chunk | None":
        """The chunk that begins there."""
        length = len(self.sound)
        body = position + length + struct.calcsize(self.size)
        if body > len(data):
            return None
        name = data[position : position + length]
        size = struct.unpack_from(self.size, data, position + length)[0] - self.own
        return Chunk(name, body, size, self.align)


@dataclass(frozen=True)
class Chunk:
    """A chunk of which `size` bytes begin at `body`, as it says."""

    name: bytes
    body: int
    size: int
    align: int

    @property
    def after(self) -> int:
        """Where the next one begins."""
        return self.body + self.size + -self.size % self.align

    def fits(self, data: mmap.mmap) -> bool:
        """Whether it can be one."""
        name = self.name[:4]
        printable = name.isascii() and name.decode().isprintable()
        return printable and self.size >= 0 and self.body + self.size <= len(data)


_RIFF = (b"fmt ", b"data", b"LIST", b"fact", b"bext", b"JUNK", b"cue ", b"PEAK")
_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")

LAYOUTS = (
    Layout(b"RIFF", 8, (b"WAVE",), 12, _RIFF, b"data", "<I", to_the_end=(0, LARGEST)),
    Layout(b"RIFX", 8, (b"WAVE",), 12, _RIFF, b"data", ">I", to_the_end=(0, LARGEST)),
    Layout(b"RF64", 8, (b"WAVE",), 12, _RIFF, b"data", "<I"),
    Layout(b"BW64", 8, (b"WAVE",), 12, _RIFF, b"data", "<I"),
    Layout(
        bytes.fromhex("726966662e91cf11a5d628db04c10000"), 24, (b"wave" + _GUID,), 40,
        (b"fmt " + _GUID, b"data" + _GUID, b"fact" + _GUID), b"data" + _GUID, "<Q",
        own=24, align=8, whole_at=16,
    ),
    Layout(
        b"FORM", 8, (b"AIFF", b"AIFC"), 12, (b"COMM", b"SSND", b"FVER", b"NAME", b"ANNO"), b"SSND",
        ">I", whole_at=4, behind=b"COMM",
    ),
    Layout(
        b"caff", 4, (b"\0\1",), 8, (b"desc", b"data", b"chan", b"kuki", b"info", b"pakt", b"free"),
        b"data", ">Q", align=1, to_the_end=((1 << 64) - 1,), behind=b"pakt",
    ),
)  # fmt: skip


def chunked(data: mmap.mmap) -> list[Part]:
    """The files that one of chunks is joined of."""
    parts: list[Part] = []
    start = 0
    while layout := _layout_at(data, start):
        parts.append(_part(data, start, layout))
        start = parts[-1].end
    return parts or [Part(0, len(data))]


def _layout_at(data: mmap.mmap, position: int) -> Layout | None:
    for layout in LAYOUTS:
        kind_at = position + layout.kind_at
        if (
            data[position : position + len(layout.magic)] == layout.magic
            and data[kind_at : kind_at + len(layout.kind[0])] in layout.kind
        ):
            return layout
    return None


def _next_file(data: mmap.mmap, position: int) -> int:
    """Where another file begins; the end of this one, if none does."""
    found = len(data)
    for layout in LAYOUTS:
        at = position - 1
        while (at := data.find(layout.magic, at + 1, found)) >= 0:
            if _layout_at(data, at):
                found = at
    return found


def _part(data: mmap.mmap, start: int, layout: Layout) -> Part:
    head = _head(data, start, layout)
    if head is None:  # there is no sound; ffmpeg makes of it what it can
        return Part(start, _next_file(data, start + 1))
    written, sound, long_size = head
    size = sound.size if long_size is None else long_size
    end, note = None, None
    if 0 < size <= len(data) - sound.body:
        end = _after(data, replace(sound, size=size).after, layout)
    elif size == 0 and _after(data, sound.body, layout) == len(data):
        end = len(data)  # nothing was recorded
    if end is None:
        end = _next_file(data, sound.body)
        goes_to = _needed_behind(data, sound.body, end, layout) or end
        held = goes_to - sound.body
        if held < size and goes_to < end:  # nothing is missing
            note = MORE
            _set_size(written, layout, held)
        elif held < size < (layout.unwritten if long_size is None else UNWRITTEN):
            note = cut_short(sound.body + size - start, end - start)
        elif held != size and (goes_to < end or sound.size not in layout.to_the_end):
            note = LESS if 0 < size < held else None
            _set_size(written, layout, held)
    new_start = sound.body - len(written)  # later, where a byte of the header is left out
    if layout.whole_at is not None:
        _set_whole(written, layout, end - new_start)
    is_changed = written != data[start : sound.body]
    return Part(new_start, end, note, ((new_start, bytes(written)),) if is_changed else ())


def _needed_behind(data: mmap.mmap, position: int, end: int, layout: Layout) -> int | None:
    """Where the sound ends because a chunk begins that is needed."""
    at = data.rfind(layout.behind, position, end) if layout.behind else -1
    chunk = layout.chunk(data, at) if at >= 0 else None
    return at if chunk and chunk.fits(data) else None


def _head(
    data: mmap.mmap, start: int, layout: Layout
) -> tuple[bytearray, Chunk, int | None] | None:
    """What should stand before the sound, the chunk of the sound, and its size in 64 bits where
    RF64 gives one; None where there is no sound."""
    position, long_size = start + layout.first, None
    written = bytearray(data[start:position])
    while chunk := layout.chunk(data, position):
        begins, position = position, chunk.after
        if chunk.name == layout.sound:
            written += data[begins : chunk.body]
            return written, chunk, long_size
        following = layout.chunk(data, position) if chunk.fits(data) else None
        if following is None or not (following.name == layout.sound or following.fits(data)):
            found = [data.find(name, chunk.body, chunk.body + NEAR) for name in layout.names]
            position = min((at for at in found if at >= 0), default=-1)
            if position < 0:
                return None
        if position - begins > 16 * NEAR:  # too much to be held in memory, and nothing is wrong
            return None
        content = data[chunk.body : position]
        if len(content) % layout.align and layout.align == 2:
            content = content[:-1]  # an odd size that no byte follows, as the format asks for
        if chunk.name == b"ds64" and len(content) >= 16:
            long_size = struct.unpack_from("<Q", content, 8)[0]
        content = _possible(chunk.name, content)
        size = chunk.size if chunk.after == position else len(content)
        written += chunk.name + struct.pack(layout.size, size + layout.own) + content
    return None


def _possible(name: bytes, content: bytes) -> bytes:
    """The content of a chunk with no number of samples that ffmpeg refuses."""
    if name == b"ds64" and content[23:24] >= b"\x80":
        return content[:16] + bytes(8) + content[24:]
    if name == b"COMM" and content[2:3] >= b"\x80":
        return content[:2] + bytes(4) + content[6:]
    return content


def _set_size(written: bytearray, layout: Layout, held: int) -> None:
    """Write how much sound there is; the largest number means all that there is."""
    if layout.magic in (b"RF64", b"BW64"):
        written[:4] = b"RIFF"
    largest = (1 << 8 * struct.calcsize(layout.size)) - 1
    size = struct.pack(layout.size, min(held + layout.own, largest))
    written[-len(size) :] = size


def _set_whole(written: bytearray, layout: Layout, length: int) -> None:
    """Write how long all is, where the header says less."""
    own = 0 if layout.own else 8
    said = struct.unpack_from(layout.size, written, layout.whole_at or 0)[0]
    if said + own + layout.align < length:
        struct.pack_into(layout.size, written, layout.whole_at or 0, length - own)


def _after(data: mmap.mmap, position: int, layout: Layout) -> int | None:
    """Where the chunks behind the sound end; None where no chunk is there."""
    while position < len(data):
        if _layout_at(data, position):
            return position
        chunk = layout.chunk(data, position)
        if chunk is None:
            return len(data)
        if not chunk.fits(data):
            return None
        position = chunk.after
    return len(data)


def au(data: mmap.mmap) -> list[Part]:
    """AU: its header gives the beginning and the size of the sound, or that nobody knows it."""
    parts: list[Part] = []
    start = 0
    while start + 24 <= len(data):
        begins, size = struct.unpack_from(">II", data, start + 4)
        body = start + begins
        end, note = body + size, None
        edits: tuple[Edit, ...] = ()
        if size == 0 or end > len(data) or not (end == len(data) or _is_au(data, end)):
            end = body
            while (end := data.find(b".snd", end + 1)) >= 0 and not _is_au(data, end):
                pass
            end = end if end >= 0 else len(data)
            held = end - body
            if held < size < LAYOUTS[0].unwritten:
                note = cut_short(begins + size, end - start)
            elif size != LARGEST:
                note = LESS if 0 < size < held else None
                edits = ((start + 8, struct.pack(">I", LARGEST)),)
        parts.append(Part(start, end, note, edits))
        start = end
    return parts or [Part(0, len(data))]


def _is_au(data: mmap.mmap, position: int) -> bool:
    """Whether an AU header is there: its own size, and the number of an encoding."""
    if data[position : position + 4] != b".snd" or position + 24 > len(data):
        return False
    begins, _, encoding = struct.unpack_from(">III", data, position + 4)
    return 24 <= begins < NEAR and encoding < 64
