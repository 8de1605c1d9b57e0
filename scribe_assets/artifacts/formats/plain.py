"""Plain text: what several formats say, before each escapes it in its own way."""

from scribe_assets.artifacts.documents import Result


def facts(result: Result) -> str:
    """Length, language and speakers of a recording in a line."""
    names = ", ".join(result.display_name(speaker.label) for speaker in result.speakers)
    parts = [clock(result.duration), result.language or "", names]
    return " · ".join(part for part in parts if part)


def clock(seconds: float) -> str:
    """A time for people, with hours only where there are any.

    >>> clock(75.9), clock(3723.4)
    ('1:15', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
