"""How words are put together to text: with or without spaces, by their language.

The one place for that rule. Whatever shows text (fusion, the formats, previews) calls it, with the
language of the segment that the words stand in, for one recording can hold several languages.

Text in a language without spaces can hold words that are written with them: names and terms in
Latin letters, or speech in another language that the model took for that one. Between two such
words there is a space all the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

UNSPACED_LANGUAGES = {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
"""ISO 639 codes of languages that are written without spaces between words."""


UNSPACED_BLOCKS = (
    ("\u0e00", "\u109f"),  # Thai, Lao, Tibetan, Myanmar
    ("\u1780", "\u17ff"),  # Khmer
    ("\u2e80", "\u312f"),  # radicals, punctuation, kana, Bopomofo
    ("\u31a0", "\u9fff"),  # more Bopomofo and kana, Han
    ("\uf900", "\ufaff"),  # Han
    ("\uff00", "\uffef"),  # wide and narrow forms
    ("\U00020000", "\U0003ffff"),  # Han
)
"""First and last character of the blocks of Unicode that those languages are written in. Hangul,
with which Korean is written, is not among them: it has spaces."""


_UNSPACED = "".join(f"{first}-{last}" for first, last in UNSPACED_BLOCKS)
LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
"""Letters that Unicode does not take apart."""


def is_spaced(language: str | None) -> bool:
    """Whether a language is written with spaces between words; one that is not known counts as so.

    >>> is_spaced("fr"), is_spaced("ja"), is_spaced(None)
    (True, False, True)
    """
    return language not in UNSPACED_LANGUAGES


def continues(word: str, piece: str) -> bool:
    """Whether a piece that follows a word without a space is a part of that word, in a language
    that is written without spaces: where both are in letters of a language that has spaces.

    >>> continues("fair", "est"), continues("increase", ","), continues("Dagster", "を")
    (True, True, False)
    """
    return _ends_spaced(word) and not _is_unspaced(piece[:1])


def separators(words: Sequence[str], language: str | None) -> list[str]:
    """What stands before each word: nothing before the first one, a space or nothing before others.

    Args:
        words: of one segment.
        language: of the segment.
    """
    if is_spaced(language):
        return ["", *[" "] * (len(words) - 1)][: len(words)]
    between = [
        " " if _ends_spaced(left) and _begins_spaced(right) else ""
        for left, right in pairwise(words)
    ]
    return ["", *between][: len(words)]


def join_words(words: Sequence[str], language: str | None) -> str:
    """Words of one segment as text.

    >>> join_words(["Good", "morning."], "en"), join_words(["お", "はよう"], "ja")
    ('Good morning.', 'おはよう')
    >>> join_words(["明日", "Dagster", "Cloud", "を"], "ja")
    '明日Dagster Cloudを'
    """
    return "".join(
        before + word for before, word in zip(separators(words, language), words, strict=True)
    )


def split_words(text: str, language: str | None) -> list[str]:
    """Text that a person has written as words, so that `join_words` gives it again: at spaces, and
    in a language without spaces at each of its letters. A mark that stands alone belongs to the
    word before it, or to the first one.

    >>> split_words("Ça va ?", "fr"), split_words("明日Dagster Cloudを", "ja")
    (['Ça', 'va\\xa0?'], ['明', '日', 'Dagster', 'Cloud', 'を'])
    """
    pieces: list[str] = []
    glued = False
    for part in text.split():
        spaced = True
        for piece in [part] if is_spaced(language) else _letters(part):
            mark = not any(character.isalnum() for character in piece)
            if pieces and (mark or glued):
                pieces[-1] += ("\u00a0" if spaced and is_spaced(language) else "") + piece
                glued = False
            else:
                pieces.append(piece)
                glued = mark
            spaced = False
    return pieces


def _letters(text: str) -> list[str]:
    """Text in a language without spaces, in its letters and in words of others, with the marks that
    follow them."""
    return re.findall(rf"[{_UNSPACED}]|[^{_UNSPACED}]+", text)


def join_texts(texts: Iterable[tuple[str, str | None]]) -> str:
    """Texts with their languages, one after the other as one text.

    Between two texts there is a space, unless both are in languages without spaces and in their
    letters.

    >>> join_texts([("你好。", "zh"), ("再见。", "zh"), ("Good bye.", "en")])
    '你好。再见。 Good bye.'
    """
    joined, spaced_before = "", False
    for text, language in texts:
        spaced = is_spaced(language)
        space = spaced or spaced_before or (_ends_spaced(joined) and _begins_spaced(text))
        joined += " " + text if joined and space else text
        spaced_before = spaced
    return joined


def folded(text: str) -> str:
    """Text without accents, case and punctuation, a space between words.

    >>> folded("C'est l'ÉTÉ, bœuf !")
    'c est l ete boeuf'
    """
    apart = unicodedata.normalize("NFKD", text.casefold().translate(LIGATURES))
    letters = "".join(
        character if character.isalnum() else " "
        for character in apart
        if not unicodedata.combining(character)
    )
    return " ".join(letters.split())


def _is_unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in UNSPACED_BLOCKS)


def _begins_spaced(word: str) -> bool:
    """Whether a word begins with a letter or digit of a script that has spaces."""
    return word[:1].isalnum() and not _is_unspaced(word[:1])


def _ends_spaced(word: str) -> bool:
    """Whether a word ends in such a letter or digit, or in punctuation after it.

    >>> _ends_spaced("creatures,"), _ends_spaced("です."), _ends_spaced("Cloudを")
    (True, False, False)
    """
    last = next((character for character in reversed(word) if character.isalnum()), None)
    return last is not None and not _is_unspaced(last) and not _is_unspaced(word[-1])
