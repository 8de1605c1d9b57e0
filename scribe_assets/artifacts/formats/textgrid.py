"""A TextGrid of Praat (its manual, "TextGrid file formats"), written by praatio: two tiers a
speaker, one with the segments and one with the words."""

import tempfile
from pathlib import Path

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.tracks import Interval, tracks

SILENCE = "No speech"
"""Name of the tier where nobody speaks, as Praat opens no TextGrid without a tier."""


def render(result: Result) -> str:
    """The long text form, with times in seconds."""
    from praatio.textgrid import IntervalTier, Textgrid

    found = tracks(result)
    last = max((spoken.end for track in found for spoken in track.utterances), default=1)
    end = max(result.duration, last / 1000)

    def tier(name: str, intervals: list[Interval]) -> IntervalTier:
        entries = [(each.start / 1000, each.end / 1000, each.text) for each in intervals]
        return IntervalTier(name, entries, 0, end)

    grid = Textgrid(0, end)
    for track in found:
        grid.addTier(tier(track.name, [*track.utterances]))
        words = [word for spoken in track.utterances for word in spoken.words]
        grid.addTier(tier(track.words_name, words))
    if not found:
        grid.addTier(tier(SILENCE, []))
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:  # it writes nothing but files
        file = Path(folder) / "result.TextGrid"
        grid.save(str(file), "long_textgrid", includeBlankSpaces=True, reportingMode="error")
        return file.read_text("utf-8")


FORMAT = Format(
    "textgrid", Result, ".TextGrid", "text/plain; charset=utf-8", render, is_stored=False
)
