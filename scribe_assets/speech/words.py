"""How words are put together to text: with or without spaces, by their language.

The one place for that rule. Whatever shows text (fusion, the formats, previews) calls it, with the
language of the segment that the words stand in, for one recording can hold several languages.
"""

from collections.abc import Iterable

UNSPACED_LANGUAGES = {"zh", "yue", "ja", "th", "lo", "my", "km", "bo"}
"""ISO 639 codes of languages that are written without spaces between words."""


def is_spaced(language: str | None) -> bool:
    """Whether a language is written with spaces between words; one that is not known counts as so.

    >>> is_spaced("fr"), is_spaced("ja"), is_spaced(None)
    (True, False, True)
    """
    return language not in UNSPACED_LANGUAGES


def join_words(words: Iterable[str], language: str | None) -> str:
    """Words of one language as text.

    >>> join_words(["Good", "morning."], "en"), join_words(["お", "はよう"], "ja")
    ('Good morning.', 'おはよう')
    """
    return (" " if is_spaced(language) else "").join(words)


def join_texts(texts: Iterable[tuple[str, str | None]]) -> str:
    """Texts with their languages, one after the other as one text.

    Between two texts there is a space, unless both are in languages without spaces.

    >>> join_texts([("你好。", "zh"), ("再见。", "zh"), ("Good bye.", "en")])
    '你好。再见。 Good bye.'
    """
    joined, spaced_before = "", False
    for text, language in texts:
        spaced = is_spaced(language)
        joined += " " + text if joined and (spaced or spaced_before) else text
        spaced_before = spaced
    return joined
