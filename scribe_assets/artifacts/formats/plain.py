"""Plain text: what several formats say, before each escapes it in its own way."""

import re
import unicodedata

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import NONCHARACTERS

PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
"""Of control characters: `␛` for an escape (Unicode, Control Pictures)."""

UNSAFE = {
    code: 0xFFFD
    for codes in (
        range(0x80, 0xA0),  # control characters, of which some terminals obey some
        (0x2028, 0x2029),  # line and paragraph separator
        (*range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # these turn the text after them round
        range(0xD800, 0xE000),  # halves of characters, which cannot be written in UTF-8
        map(ord, NONCHARACTERS),
    )
    for code in codes
}
VISIBLE = PICTURES | UNSAFE


def visible(text: str) -> str:
    r"""Text in one line that commands nothing: neither a terminal nor what reads lines.

    >>> visible("new\nline \x1b[31mété\x9b")
    'new␊line ␛[31mété�'
    """
    return text.translate(VISIBLE)


def same_name(text: str) -> str:
    r"""A name, so that two spellings of it are equal: accents apart or not, as systems differ, and
    control characters as they are or as their pictures, as S3 servers do.

    >>> same_name("re\u0301union\n.m4a") == same_name("r\u00e9union␊.m4a")
    True
    """
    return unicodedata.normalize("NFC", visible(text))


def facts(result: Result) -> str:
    """Length, language and speakers of a recording in a line."""
    names = ", ".join(result.display_name(speaker.label) for speaker in result.speakers)
    parts = [clock(result.duration), result.language or "", names]
    return " · ".join(part for part in parts if part)


def typeset(text: str, language: str | None) -> str:
    """Text with the spaces of French typography, where it is in French: narrow ones that break no
    line before `?`, `!` and `;`, wide ones before `:` and inside guillemets (Imprimerie nationale,
    Lexique des règles typographiques).

    >>> typeset("Ça va ? Oui : « très » bien!", "fr")
    'Ça va\u202f? Oui\xa0: «\xa0très\xa0» bien\u202f!'
    >>> typeset("Ça va ?", "en")
    'Ça va ?'
    """
    if language != "fr":
        return text
    text = re.sub(r"(?<=\S)\s*([?!;]+)(?=[\s)»\"\]]|$)", "\u202f\\1", text)
    text = re.sub(r"(?<=\S)\s*:(?=\s|$)", "\u00a0:", text)
    return re.sub(r"(?<=\S)\s*»", "\u00a0»", re.sub(r"«\s*(?=\S)", "«\u00a0", text))


def clock(seconds: float) -> str:
    """A time for people, with hours only where there are any.

    >>> clock(75.9), clock(3723.4)
    ('1:15', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
