"""STM and CTM, with which speech recognition is scored (NIST SCTK, its manual of `sclite`).

STM: a line a segment, `file channel speaker begin end text`. CTM: a line a word, `file
channel begin duration word confidence`, in order of time. Fields stand between spaces; `;` begins
a comment, and in braces there are alternatives, so that other characters stand for these.
"""

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.rttm import field

PLAIN = str.maketrans({"{": "(", "}": ")", "<": "‹", ">": "›", ";": ","})


def stm(result: Result) -> str:
    """Who said what when, by person id where the speaker is known, else by label."""
    return "".join(
        f"{result.recording_id} 1 {field(result.speaker_id(segment.speaker)) or 'UNKNOWN'} "
        f"{segment.start:.3f} {segment.end:.3f} "
        f"{one_line(segment.text).translate(PLAIN)}\n"
        for segment in result.segments
    )


def ctm(result: Result) -> str:
    """Every word with its time and its probability; French punctuation without its space."""
    words = [
        (word.start, max(0.0, word.end - word.start), text, word.probability)
        for segment in result.segments
        for word in segment.words
        if (text := "".join(one_line(word.word.translate(PLAIN)).split()))
    ]
    return "".join(
        f"{result.recording_id} 1 {start:.3f} {duration:.3f} {text} {probability:.3f}\n"
        for start, duration, text, probability in sorted(words, key=lambda word: word[0])
    )


STM = Format("stm", Result, ".stm", "text/plain; charset=utf-8", stm, is_stored=False)
CTM = Format("ctm", Result, ".ctm", "text/plain; charset=utf-8", ctm, is_stored=False)
