"""Nothing that is said gets lost: recordings composed of two turns, and of two languages.

    python -m benchmarks.composed [--turns 200] [--languages 40]

- Turns: two speakers, the second 0, 6, 12 and 18 dB softer. Counted are turns in which no word of
  the result lies.
- Languages: one to three sentences in one of English, French, German and Spanish, then as many in
  another. The word errors of the whole beside those of its halves, each transcribed alone.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA, RESULTS, in_own_process, machine
from benchmarks.intervals import Scored, difference, rate
from benchmarks.words import edits, normalised
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Transcription
from scribe_assets.speech.transcription.transcribe import transcribe

DECIBELS = (0, -6, -12, -18)
LANGUAGES = ("en", "fr", "de", "es")


def sentences() -> dict[str, list[Path]]:
    """Those that are read aloud (FLEURS), by language."""
    return {code: sorted(DATA.rglob(f"fleurs-{code}-*.ogg")) for code in LANGUAGES}


def levelled(waveform: np.ndarray, decibels: float = 0.0) -> np.ndarray:
    """At -23 dB of full scale, and so many decibels above."""
    rms = float(np.sqrt(np.mean(waveform**2)))
    return np.asarray((waveform * 10 ** ((decibels - 23) / 20) / rms).clip(-1, 1), np.float32)


def joined(parts: Sequence[np.ndarray], pauses: Sequence[float]) -> tuple[np.ndarray, list[float]]:
    """Parts with so many seconds of silence after each; and where each begins, in seconds."""
    sound: list[np.ndarray] = []
    starts, position = [], 0
    for part, pause in zip(parts, pauses, strict=True):
        starts.append(position / SAMPLE_RATE)
        silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
        sound += [part, silence]
        position += len(part) + len(silence)
    return np.concatenate(sound), starts


def lost_turns(number: int, cache: Path) -> list[Scored]:
    """Turns of more than a second, and whether no word lies in them; the decibels are the group."""
    from scribe_assets.speech.activity import speech_regions

    dice = np.random.default_rng(14)
    files = sorted((DATA / "english" / "librispeech").rglob("*.flac"))
    speaker = {file: file.name.partition("-")[0] for file in files}
    found = []
    with ModelRegistry(cache=cache).transcriber() as model:
        for index in range(number):
            first = files[dice.integers(len(files))]
            others = [file for file in files if speaker[file] != speaker[first]]
            second = others[dice.integers(len(others))]
            decibels = DECIBELS[index % len(DECIBELS)]
            waveform, starts = joined(
                [levelled(decode(first)), levelled(decode(second), decibels)],
                [float(dice.uniform(0.1, 1.5)), 0.3],
            )
            said = transcribe(model, waveform)
            middles = [(w.start + w.end) / 2 for segment in said.segments for w in segment.words]
            ends = [starts[1], len(waveform) / SAMPLE_RATE]
            for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
                part = waveform[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
                # Where even voice activity hears nothing, the turn is lost before the words are.
                heard = sum(region.duration for region in speech_regions(part)) / SAMPLE_RATE
                is_lost = not any(start <= middle <= end for middle in middles)
                name = f"{index} {first.stem} {second.stem} turn {place + 1}"
                found.append(Scored(name, f"{decibels} dB", float(is_lost), 1.0))
                if is_lost:
                    print(f"lost: {name}, {decibels} dB, {heard:.1f} s of speech", flush=True)
            if index % 20 == 19:
                print(f"{index + 1} of {number} recordings of two turns", flush=True)
    return found


def two_languages(number: int, cache: Path) -> tuple[list[Scored], list[Scored]]:
    """Word errors of recordings in two languages: of the whole, and of its halves alone."""
    dice = np.random.default_rng(41)
    read = sentences()
    whole: list[Scored] = []
    alone: list[Scored] = []
    with ModelRegistry(cache=cache).transcriber() as model:
        for index in range(number):
            pair = dice.choice(LANGUAGES, 2, replace=False)
            halves = []
            for language in pair:
                own = read[language]
                some = dice.choice(len(own), int(dice.integers(1, 4)), replace=False)
                files = [own[at] for at in some]
                sound, _ = joined(
                    [levelled(decode(file)) for file in files],
                    [float(dice.uniform(0.2, 0.8)) for _ in files],
                )
                halves.append((sound, " ".join(_text(file) for file in files)))
            both = np.concatenate([sound for sound, _ in halves])
            name, reference = f"{index} {pair[0]} {pair[1]}", " ".join(text for _, text in halves)
            apart = [_words(transcribe(model, sound)) for sound, _ in halves]
            together = _words(transcribe(model, both))
            for found, heard in ((whole, together), (alone, " ".join(apart))):
                right = normalised(reference, english=False)
                wrong = edits(right, normalised(heard, english=False))
                errors = sum(edit.words for edit in wrong)
                found.append(Scored(name, "-".join(sorted(pair)), errors, len(right)))
            print(f"{name}: {whole[-1].errors:.0f} of {whole[-1].length:.0f} words wrong, ", end="")
            print(f"{alone[-1].errors:.0f} where each half is alone", flush=True)
    return whole, alone


def _words(said: Transcription) -> str:
    return " ".join(segment.text for segment in said.segments)


def _text(file: Path) -> str:
    return file.with_suffix(".txt").read_text().strip()


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=200, help="recordings of two turns")
    parser.add_argument("--languages", type=int, default=40, help="recordings in two languages")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"there is no evaluation data in {DATA}; set SCRIBE_EVAL_DATA")
    kept: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        if arguments.turns:
            turns = in_own_process(lost_turns, arguments.turns, Path(folder))
            for decibels in DECIBELS:
                some = [one for one in turns if one.group == f"{decibels} dB"]
                if some:
                    lost = sum(one.errors for one in some)
                    print(f"{decibels:4} dB: {lost:.0f} of {len(some)} turns have no word")
            kept["turns"] = [asdict(one) for one in turns]
        if arguments.languages:
            whole, alone = in_own_process(two_languages, arguments.languages, Path(folder))
            print(f"two languages: WER {rate(whole)} %, halves alone {rate(alone)} %, ", end="")
            print(f"difference {difference(whole, alone)}")
            both = {"whole": whole, "alone": alone}
            kept["languages"] = {key: [asdict(one) for one in some] for key, some in both.items()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "composed.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
