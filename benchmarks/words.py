"""Words: Scribe beside faster-whisper on the recording at once, with the same weights.

    python -m benchmarks.words [--only NAME …]

English conversations, some of them again in rooms and noise that are made, and French poems. Word
errors are counted by turn (by ten words in the poems), so that each figure has an interval, and
each difference is paired.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.data import DATA, RESULTS, in_own_process, machine
from benchmarks.intervals import Scored, difference, rate
from benchmarks.peers import load_plain_whisper, plain_segments
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.engine.weights import whisper_base
from scribe_assets.speech.transcription.transcribe import transcribe

ANNOUNCEMENT_WORDS = 80
"""Before a poem of LibriVox title, author and reader are told, which the text does not hold."""


@dataclass(frozen=True)
class Spoken:
    """A recording and what is said in it.

    Attributes:
        turns: what is said, in order of time.
        change: what is done to the sound; None for nothing.
        announced: something may be said before the first turn and after the last one.
    """

    name: str
    kind: str
    media: Path
    turns: tuple[str, ...]
    change: Callable[[np.ndarray], np.ndarray] | None = None
    announced: bool = False

    @property
    def waveform(self) -> np.ndarray:
        """(num_samples,) float32 at 16 kHz."""
        waveform = decode(self.media)
        return self.change(waveform) if self.change else waveform


def with_noise(waveform: np.ndarray, noise: Path, decibels: float) -> np.ndarray:
    """Noise, again and again, so many decibels below the whole."""
    sound = np.resize(decode(noise), len(waveform))
    level = np.sqrt(np.mean(waveform**2) / np.mean(sound**2)) * 10 ** (-decibels / 20)
    return np.asarray((waveform + level * sound).clip(-1, 1), np.float32)


def in_room(waveform: np.ndarray, response: Path) -> np.ndarray:
    """By a microphone in a room, from its impulse response, no louder than before."""
    from scipy.signal import fftconvolve

    heard = fftconvolve(waveform, decode(response))[: len(waveform)]
    return np.asarray(heard * (np.abs(waveform).max() / np.abs(heard).max()), np.float32)


def conversations() -> list[Spoken]:
    """Those in English with words."""
    found = []
    for file in sorted((DATA / "conversations").glob("*.seglst.json")):
        turns = sorted(json.loads(file.read_text()), key=lambda turn: float(turn["start_time"]))
        name = file.name.partition(".")[0]
        words = tuple(turn["words"] for turn in turns)
        found.append(Spoken(name, "English", file.with_name(f"{name}.flac"), words))
    return found


def made() -> list[Spoken]:
    """Conversations in other rooms and with other noises."""
    noise = DATA / "noise"
    changes: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
        f"in room {number}": (name, partial(in_room, response=noise / f"rir/{file}.flac"))
        for number, (name, file) in enumerate(
            [("duo-2spk", "speechbrain-rir1"), ("interview-2spk", "speechbrain-rir3")], 1
        )
    }
    for label, name, file, decibels in (
        ("babble, 10 dB", "interview-2spk", "babble/babble-6-dev", 10),
        ("noise, 15 dB", "duo-2spk", "musanmix/musanmix", 15),
        ("noise, 5 dB", "meeting-3spk", "musanmix/musanmix", 5),
        ("music, 10 dB", "meeting-3spk", "music/macroform-cold_day", 10),
    ):
        changes[label] = (
            name,
            partial(with_noise, noise=noise / f"{file}.flac", decibels=decibels),
        )
    plain = {one.name: one for one in conversations()}
    return [
        replace(plain[name], name=f"{name}, {label}", kind="rooms and noise", change=change)
        for label, (name, change) in changes.items()
        if name in plain
    ]


def poems() -> list[Spoken]:
    """In French, ten words a turn."""
    files = [*(DATA / "french").glob("*.txt"), *(DATA / "french-more/fleursdumal").rglob("*.txt")]
    found = []
    for file in sorted(files):
        words = file.read_text().split()
        turns = tuple(" ".join(words[at : at + 10]) for at in range(0, len(words), 10))
        media = file.with_suffix(".mp3")
        if media.is_file():
            found.append(Spoken(file.stem, "French", media, turns, announced=True))
    return found


def recordings(only: Sequence[str] | None = None) -> list[Spoken]:
    """All of them, or those in whose name or kind one of some words occurs."""
    return [
        one
        for one in [*conversations(), *made(), *poems()]
        if not only or any(part in f"{one.name} {one.kind}" for part in only)
    ]


class Edit(NamedTuple):
    """What differs between two texts, as jiwer names it: `insert`, `delete` or `substitute` so many
    words at a place in the reference."""

    kind: str
    at: int
    words: int


def normalised(text: str, *, english: bool) -> list[str]:
    """Words as Whisper's authors compare them."""
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    normalise = EnglishTextNormalizer() if english else BasicTextNormalizer()
    return str(normalise(text)).split()


def edits(reference: list[str], heard: list[str]) -> list[Edit]:
    """The fewest that make one of the other."""
    import jiwer

    if not heard:
        return [Edit("delete", 0, len(reference))]
    found = jiwer.process_words(" ".join(reference), " ".join(heard)).alignments[0]
    return [
        Edit(
            chunk.type,
            chunk.ref_start_idx,
            max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx),
        )
        for chunk in found
        if chunk.type != "equal"
    ]


def scored(spoken: Spoken, heard: str, kind: str | None = None) -> list[Scored]:
    """Word errors by turn. A word too many counts to the turn of the word before it.

    Args:
        kind: the only one that counts, such as `insert`.
    """
    english = spoken.kind != "French"
    turns = [normalised(turn, english=english) for turn in spoken.turns]
    reference = [word for turn in turns for word in turn]
    words = normalised(heard, english=english)
    if spoken.announced:
        words = _without_announcement(reference, words)
    owners = [number for number, turn in enumerate(turns) for _ in turn]
    wrong = [0] * len(turns)
    for edit in edits(reference, words):
        if kind in (None, edit.kind):
            for place in range(edit.words):
                word = edit.at - 1 if edit.kind == "insert" else edit.at + place
                wrong[owners[max(0, word)]] += 1
    return [
        Scored(f"{spoken.name} {number}", spoken.name, wrong[number], len(turn))
        for number, turn in enumerate(turns)
        if turn
    ]


def _without_announcement(reference: list[str], words: list[str]) -> list[str]:
    """What is left when the words at the beginning and at the end are cut that fit least."""

    def errors(left: list[str]) -> int:
        return sum(edit.words for edit in edits(reference, left))

    def best(choices: Iterable[list[str]]) -> list[str]:
        return min(choices, key=errors, default=[])

    cuts = range(min(ANNOUNCEMENT_WORDS, len(words)))
    begun = best(words[number:] for number in cuts)
    return best(begun[: len(begun) - number] for number in cuts if number < len(begun))


def by_scribe(chosen: Sequence[Spoken], cache: Path) -> dict[str, str]:
    """Text by name."""
    heard = {}
    with ModelRegistry(cache=cache).transcriber() as model:
        for one in chosen:
            print(f"Scribe: {one.name}", flush=True)
            found = transcribe(model, one.waveform)
            heard[one.name] = " ".join(segment.text for segment in found.segments)
    return heard


def at_once(chosen: Sequence[Spoken], cache: Path) -> dict[str, str]:
    """Text by name, of faster-whisper as its README uses it."""
    model = load_plain_whisper(whisper_base(cache))
    heard = {}
    for one in chosen:
        print(f"faster-whisper: {one.name}", flush=True)
        segments = plain_segments(model, one.waveform)
        heard[one.name] = "".join(word for segment in segments for _, _, word in segment)
    return heard


def table(chosen: Sequence[Spoken], systems: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """A row for each kind of recording and each recording."""
    rows = []
    groups = {kind: [one for one in chosen if one.kind == kind] for kind in _kinds(chosen)}
    groups |= {one.name: [one] for one in chosen if one.kind != "French"}
    ours, theirs = systems
    for label, some in groups.items():
        units = {
            system: [unit for one in some for unit in scored(one, heard[one.name])]
            for system, heard in systems.items()
        }
        rows.append(
            {
                "recordings": label,
                "words": int(sum(unit.length for unit in units[ours])),
                **{system: asdict(rate(found)) for system, found in units.items()},
                "difference": asdict(difference(units[ours], units[theirs])),
                "kinds": {
                    system: {
                        kind: sum(
                            int(unit.errors)
                            for one in some
                            for unit in scored(one, heard[one.name], kind)
                        )
                        for kind in ("substitute", "delete", "insert")
                    }
                    for system, heard in systems.items()
                },
            }
        )
    return rows


def _kinds(chosen: Sequence[Spoken]) -> list[str]:
    return list(dict.fromkeys(one.kind for one in chosen))


def show(rows: list[dict[str, Any]], systems: Sequence[str]) -> None:
    """As a table, with intervals of 95 %."""

    def written(found: dict[str, float]) -> str:
        return f"{found['value']:6.2f} ({found['low']:.2f} to {found['high']:.2f})"

    print(f"\n{'':34}{'words':>6}" + "".join(f"{name:>27}" for name in [*systems, "difference"]))
    for row in rows:
        figures = [written(row[name]) for name in [*systems, "difference"]]
        inserted = "/".join(str(row["kinds"][name]["insert"]) for name in systems)
        print(f"{row['recordings'][:33]:34}{row['words']:6}" + "".join(f"{f:>27}" for f in figures))
        print(f"{'':34}{'':6}" + f"{inserted:>27}" + " words inserted")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", help="parts of names or kinds of recordings")
    chosen = recordings(parser.parse_args().only)
    if not chosen:
        raise SystemExit(f"there are no such recordings in {DATA}; set SCRIBE_EVAL_DATA")
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        systems = {
            "Scribe": in_own_process(by_scribe, chosen, Path(folder)),
            "faster-whisper at once": in_own_process(at_once, chosen, Path(folder)),
        }
    rows = table(chosen, systems)
    show(rows, list(systems))
    RESULTS.mkdir(exist_ok=True)
    kept = {"machine": machine(), "rows": rows, "heard": systems}
    (RESULTS / "words.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
