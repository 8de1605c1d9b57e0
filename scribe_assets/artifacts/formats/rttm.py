"""RTTM, Rich Transcription Time Marked: one line a turn.

Ten fields between spaces: type, file, channel, onset, duration, orthography, speaker type, speaker
name, confidence, look-ahead (NIST, The 2009 Rich Transcription Meeting Recognition Evaluation
Plan, appendix A). A name has no spaces; `<NA>` stands where there is nothing.
"""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from scribe_assets.artifacts.documents import Diarization, Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.speech.timeline import Turn


def line(file: str, turn: Turn) -> str:
    """One turn.

    >>> line("meeting", Turn(6.69, 7.12, "SPEAKER_00"))
    'SPEAKER meeting 1 6.690 0.430 <NA> <NA> SPEAKER_00 <NA> <NA>'
    """
    speaker = field(turn.speaker) or "<NA>"
    return f"SPEAKER {file} 1 {turn.start:.3f} {turn.duration:.3f} <NA> <NA> {speaker} <NA> <NA>"


def field(speaker: str) -> str:
    """A speaker's id without white space, and without quotation marks: what reads RTTM as a table
    takes them for the beginning of a field with spaces.

    >>> field('Élodie "E." Müller')
    'Élodie_”E.”_Müller'
    """
    return "_".join(one_line(speaker).replace('"', "”").split())


def _lines(file: str, turns: Iterable[Turn]) -> str:
    return "".join(f"{line(file, turn)}\n" for turn in turns)


def render_diarization(diarization: Diarization) -> str:
    """The turns with overlap, by label."""
    return _lines(diarization.recording_id, diarization.turns)


def render(result: Result) -> str:
    """The segments, by person id where the speaker is known, else by label. Ids that would become
    the same (`tom b`, `tom_b`) are percent-encoded (RFC 3986)."""
    number = Counter(field(who) for who in {result.speaker_id(s.label) for s in result.speakers})

    def speaker(label: str | None) -> str:
        who = result.speaker_id(label)
        return quote(who, safe="") if number[field(who)] > 1 else who

    return _lines(
        result.recording_id,
        (Turn(segment.start, segment.end, speaker(segment.speaker)) for segment in result.segments),
    )


FORMAT = Format("rttm", Result, ".rttm", "text/plain; charset=utf-8", render)
DIARIZATION_FORMAT = Format(
    "rttm", Diarization, ".rttm", "text/plain; charset=utf-8", render_diarization
)
