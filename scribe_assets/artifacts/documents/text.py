"""Text in files that people write with any program."""

import codecs

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
