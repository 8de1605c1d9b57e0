"""Text in files that people write with any program, and the names in it."""

import codecs
import unicodedata

from scribe_assets.errors import DocumentError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, with whose mark the little one begins.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encodings that they announce (Unicode standard, section 23.8)."""


def decoded(data: bytes, name: str) -> str:
    """The text of a JSON file: UTF-8, or what a byte order mark says, or UTF-16 without one.

    Args:
        data: the file.
        name: what to call it in an error, such as its key.

    Raises:
        DocumentError: it is in another encoding, which is named as far as that can be told. It is
            not guessed at: a name with a wrong letter would be worse.
    """
    encoding = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    if encoding is None and len(data) >= 2 and 0 in data[:2]:
        # JSON begins with a character of ASCII, so that one of two bytes is zero (RFC 4627).
        encoding = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        likely = "Latin-1 (Windows-1252)" if encoding is None else f"damaged {encoding.upper()}"
        raise DocumentError(
            f"{name} is not UTF-8 text but looks like {likely}; save it as UTF-8"
        ) from error


NONCHARACTERS = frozenset(
    chr(code)
    for code in (
        *range(0xFDD0, 0xFDF0),
        *(plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)),
    )
)
"""Code points that never stand for a character (Unicode standard, section 23.7); neither XML nor
HTML takes them."""

MAX_NAME = 200
"""Characters of a person's name."""

JOINERS = "\u200c\u200d"
"""They show nothing, but letters beside them are written in another way (Persian, Hindi, emoji)."""

BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters that Unicode counts as letters or signs, and that show nothing: fillers of Hangul, the
empty pattern of Braille."""


def one_line(text: str) -> str:
    """A name as one line in which all is seen: composed (Unicode NFC), white space of any kind as
    single spaces, without control characters, without code points that are no characters, and
    without those that only direct the layout, such as the ones that turn the direction of writing
    (Unicode standard annex 9).

    >>> one_line(" Anne\\n\\u202eB. ")
    'Anne B.'
    """
    kept = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace()
        or character in JOINERS
        or not (unicodedata.category(character) in ("Cc", "Cf", "Cs") or character in NONCHARACTERS)
    )
    return " ".join("".join(kept).split()).strip(JOINERS + " ")


def clean_name(text: str) -> str:
    """A name as it is kept: see `one_line`.

    Raises:
        ValueError: a sentence; what is left shows nothing or is too long, or there are control
            characters in it, so that it is no text.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and not character.isspace():
            raise ValueError(
                f"a name is one line of text, without the control character {character!a}"
            )
    name = one_line(text)
    if all(unicodedata.category(c)[0] in "MCZ" or c in BLANK for c in name):
        raise ValueError(
            "a name has a letter or a sign that can be seen; leave it out to use the id"
        )
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} characters, not {len(name)}")
    return name


def looks(name: str) -> str:
    """What two names have in common that people take for the same."""
    return unicodedata.normalize("NFKC", one_line(name)).casefold()
