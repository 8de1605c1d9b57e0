"""How far recordings are in all, and about how long it takes yet.

An estimate, by what the run has done until now; and for those that wait, by what others took. It is
rough where a run makes only some of the stages, and where recordings differ much in length.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from scribe_assets.artifacts.documents import Status

SHARES = {
    "converted_audio": 0.05,
    "diarization": 0.20,
    "speaker_embeddings": 0.08,
    "transcript": 0.65,
    "speaker_identities": 0.01,
    "fused_result": 0.01,
}
"""Of the time of a run, by stage, in the order in which the launcher's executor executes them: what
needs the device first, once a run has it (a run in a terminal, which waits for no device, names the
speakers before it transcribes). Rounded from the whole chain in the benchmarks,
on two CPU cores with the default models. On a GPU, and with a larger Whisper model, the shares are
others."""

ENOUGH = 0.05
"""Of a run must be done before it tells how long the rest takes."""


def done(status: Status) -> float | None:
    """The fraction of a run that is done; None where none is under way, or nobody knows."""
    if status.state != "running" or status.step not in SHARES:
        return None
    stages = [*SHARES]
    before = sum(SHARES[stage] for stage in stages[: stages.index(status.step)])
    return before + SHARES[status.step] * (status.progress or 0.0)


def left(status: Status, now: datetime) -> timedelta | None:
    """About how long a run takes yet.

    Args:
        status: of its recording.
        now: the time of the day, with its time zone.

    Returns:
        None where none is under way, or not enough of it is done to tell.
    """
    so_far = done(status)
    if so_far is None or so_far < ENOUGH or status.started_at is None:
        return None
    whole = (status.updated_at - status.started_at) / so_far
    return max(status.started_at + whole - now, timedelta(0))


def waits(statuses: Iterable[Status], now: datetime, places: int = 1) -> dict[str, timedelta]:
    """About how long recordings wait for their turn, by the key of the upload.

    Args:
        statuses: of all recordings that are known, also of those that have ended: they tell how
            long a run takes.
        now: the time of the day, with its time zone.
        places: how many runs compute at a time, one on each device.

    Returns:
        Nothing where no run has ended yet, or none waits.
    """
    known = list(statuses)
    took = [
        (status.updated_at - status.started_at).total_seconds()
        for status in known
        if status.state == "succeeded" and status.started_at is not None
    ]
    if not took:
        return {}
    usual = timedelta(seconds=median(took))
    ahead = sum(
        (
            rest if (rest := left(status, now)) is not None else usual
            for status in known
            if status.state == "running"
        ),
        timedelta(0),
    )
    found = {}
    queue = [status for status in known if status.state == "queued"]
    for status in sorted(queue, key=lambda status: (status.updated_at, status.source.key)):
        found[status.source.key] = ahead / max(places, 1)
        ahead += usual
    return found


def about(time: timedelta) -> str:
    """A length of time for people.

    >>> about(timedelta(seconds=20)), about(timedelta(minutes=4.4)), about(timedelta(hours=3))
    ('less than a minute', 'about 4 min', 'about 3.0 h')
    """
    minutes = time.total_seconds() / 60
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes:.0f} min" if minutes < 100 else f"about {minutes / 60:.1f} h"
