"""Ids and names of people as somebody types them."""

import unicodedata
from collections.abc import Iterable

from scribe_assets.artifacts.documents.text import clean_name, one_line
from scribe_assets.errors import UsageError
from scribe_assets.keys import person_id_problem

MAX_ID_BYTES = 255
"""Of a person's id in UTF-8, so that it can be a folder everywhere."""


def check_ids(user_id: str, person_id: str) -> None:
    """Check that a person can be enrolled by this id.

    Any name of a folder will do that people can read and type.

    Raises:
        UsageError: the id of the person or of the user cannot be one.
    """
    problem = person_id_problem(person_id)
    if problem is None and one_line(person_id) != unicodedata.normalize("NFC", person_id):
        problem = "it has spaces at an end or in a row, or characters that cannot be seen"
    if problem is None and len(person_id.encode()) > MAX_ID_BYTES:
        problem = f"it has more than {MAX_ID_BYTES} bytes"
    if problem:
        raise UsageError(f"{person_id!r} is no person id: {problem}; give one such as emmanuel")
    if "/" in user_id or user_id in (".", ".."):
        raise UsageError(f"{user_id!r} is no user; a user is the first folder of an upload key")


def same_folder(typed: str, person_ids: Iterable[str]) -> str | None:
    """Which of these ids somebody means: the one that is typed so, else the one that looks so.

    Letters with accents are one character for some programs and two for others (macOS), so that
    what people type as the id of a folder may not be its key in S3.

    Raises:
        UsageError: several look so.
    """
    ids = set(person_ids)
    if typed in ids:
        return typed
    alike = sorted(one for one in ids if one_line(one) == one_line(typed))
    if len(alike) > 1:
        raise UsageError(
            f"there are {len(alike)} people with ids that look like {typed!r}: "
            f"{', '.join(map(ascii, alike))}; rename the folder of one"
        )
    return alike[0] if alike else None


def check_name(name: str | None) -> str | None:
    """A name to show as it is kept: in one line, without what cannot be seen.

    Raises:
        UsageError: there is nothing to show, it is too long, or no text.
    """
    try:
        return None if name is None else clean_name(name)
    except ValueError as error:
        raise UsageError(str(error)) from error
