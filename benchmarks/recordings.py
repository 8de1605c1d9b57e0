"""Recordings of any folder with the references beside them, and errors by them, with nothing that
is not installed with pyannote.audio and faster-whisper."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scribe_assets.speech.engine.weights import package_folder
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Timeline, Turn

SOUNDS = {".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}


@dataclass(frozen=True)
class Recording:
    """(num_samples,) float32 at 16 kHz, and who and what is heard in it, where that is known."""

    name: str
    waveform: np.ndarray
    turns: list[Turn] | None
    words: list[str] | None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.waveform) / SAMPLE_RATE


def recordings(folder: Path | None) -> list[Recording]:
    """Those of a folder, or the sample."""
    from faster_whisper import decode_audio

    folder = folder or package_folder("pyannote") / "audio" / "sample"
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SOUNDS)
    if not files:
        raise SystemExit(f"{folder} holds no audio files ({', '.join(sorted(SOUNDS))})")
    return [Recording(f.stem, decode_audio(str(f)), _turns(f), _words(f)) for f in files]


def _turns(file: Path) -> list[Turn] | None:
    rttm = file.with_suffix(".rttm")
    if not rttm.is_file():
        return None
    rows = [line.split() for line in rttm.read_text().splitlines() if line.strip()]
    return [Turn(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


def _words(file: Path) -> list[str] | None:
    seglst, text = file.with_suffix(".seglst.json"), file.with_suffix(".txt")
    if seglst.is_file():
        turns = sorted(json.loads(seglst.read_text()), key=lambda turn: float(turn["start_time"]))
        return plain_words(" ".join(turn["words"] for turn in turns))
    # The text beside pyannote's sample is a description of the file.
    if text.is_file() and file.stem != "sample":
        return plain_words(text.read_text())
    return None


def plain_words(text: str) -> list[str]:
    """Words in lower case without punctuation. Simpler than what published error rates use: ways of
    decoding are compared with it, and nothing else."""
    return re.findall(r"[\w']+", text.casefold())


def edits(reference: list[str], heard: list[str]) -> int:
    """Insertions, deletions and substitutions between two texts (Levenshtein)."""
    row = np.arange(len(heard) + 1)
    for number, word in enumerate(reference, start=1):
        same = np.array([word == other for other in heard], bool)
        best = np.concatenate([[number], np.minimum(row[1:] + 1, row[:-1] + ~same)])
        # An insertion follows what is best to the left of it.
        steps = np.arange(len(best))
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def diarization_error(found: list[tuple[Recording, Timeline]]) -> float | None:
    """Diarization error rate in percent, no collar, overlap scored; None without references."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: list[Turn]) -> Annotation:
        made = Annotation()
        for number, turn in enumerate(turns):
            made[Segment(turn.start, turn.end), number] = turn.speaker
        return made

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    known = [(one.turns, timeline.turns) for one, timeline in found if one.turns is not None]
    for reference, turns in known:
        metric(annotation(reference), annotation(turns))
    return round(100 * abs(metric), 2) if known else None
