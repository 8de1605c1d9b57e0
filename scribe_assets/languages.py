"""Languages as people write them: `fr`, `fr-FR`, `fra`, `French`, `français`, `auto`."""

_CODES = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi
hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn
no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi
yi yo yue zh
"""

WHISPER_LANGUAGES = frozenset(_CODES.split())
"""The codes that Whisper was trained with (https://github.com/openai/whisper, tokenizer.py); some
models know fewer of them."""

WHISPERS_OWN = {"jv": "jw", "fil": "tl", "nb": "no"}
"""Where Whisper calls a language by another code than ISO 639 does, or by that of its family."""

DETECT = ("", "auto", "automatic", "detect", "none")


def language_code(written: str) -> str | None:
    """The code of a language, as Whisper has it; None where it is to be detected.

    Args:
        written: an ISO 639-1, -2 or -3 code, a tag with a region (BCP 47), the name of the language
            in English, in itself or in many others, or one of `DETECT`.

    Raises:
        ValueError: a sentence; it is no language, or none that Whisper knows.

    >>> [language_code(written) for written in ("fr-FR", "fra", "French", "français", "auto")]
    ['fr', 'fr', 'fr', 'fr', None]
    """
    import langcodes

    text = written.strip()
    if text.lower() in DETECT:
        return None
    try:
        tag = langcodes.get(text)
        code = tag.language if tag.is_valid() else None
    except langcodes.LanguageTagError:
        code = None
    if code is None:
        try:
            code = langcodes.find(text).language
        except LookupError:
            raise ValueError(
                f"{written!r} is no language; give a code such as fr, or 'auto' to detect it"
            ) from None
    code = langcodes.standardize_tag(str(code), macro=True) if code != "nn" else code
    code = WHISPERS_OWN.get(code, code)
    if code not in WHISPER_LANGUAGES:
        raise ValueError(
            f"{written!r} is a language that Whisper does not know; leave it out to detect the "
            "nearest one"
        )
    return code


def language_codes(text: str) -> tuple[str, ...]:
    """The ISO 639-1 codes of languages with commas between them, each of them once.

    Raises:
        ValueError: one is not known, or `auto`.
    """
    codes = [language_code(part) for part in text.split(",") if part.strip()]
    if None in codes:
        raise ValueError("must name languages, such as fr,en")
    return tuple(dict.fromkeys(code for code in codes if code))
