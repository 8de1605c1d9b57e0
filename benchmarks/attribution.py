"""Words on the wrong speaker, by the rule that gives words to speakers: same words, same turns.

On Scribe's diarization, on pyannote.audio's, and with the turns of the reference, which is the
floor. Recordings are the conversations with words, and others with fast turns (`fast_talk`).

    python -m benchmarks.attribution [--cache FOLDER]
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter

from benchmarks.attributed import (
    Reference,
    cp_errors,
    out_of_reach,
    reference,
    reference_of,
    wrong_speakers,
)
from benchmarks.data import DATA, RESULTS, examples, machine
from benchmarks.fast_talk import fast_talks, joined
from benchmarks.intervals import Scored, difference, rate
from benchmarks.peers import stock_pipeline, stock_timeline
from benchmarks.word_rules import (
    Rule,
    most_shared,
    nearest_turn,
    ours,
    sentence_majority,
    whisperx,
    words_of,
)
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.timeline import (
    SpokenSegment,
    SpokenWord,
    Timeline,
    Transcription,
    Word,
)
from scribe_assets.speech.transcription.transcribe import transcribe

CONVERSATIONS, FAST, BOTH = "conversations", "fast turns", "both"

SCRIBE, STOCK, TRUE = "Scribe's diarization", "pyannote, selected frames", "reference turns"

WRONG, CPWER = "words on the wrong speaker", "cpWER"

LOST = "lost by diarization"
"""Not a rule: see `out_of_reach`."""

OURS, WHISPERX, FORMER = "Scribe", "WhisperX's rule", "Scribe's former rule"

RULES: dict[str, Rule] = {
    WHISPERX: whisperx,
    "sentence majority": sentence_majority,
    "nearest turn": nearest_turn,
    FORMER: most_shared,
    OURS: ours,
}


@dataclass(frozen=True)
class Recording:
    """What was said, what was heard, and who spoke when by each diarization."""

    group: str
    truth: Reference
    said: Transcription
    timelines: dict[str, Timeline]


@dataclass(frozen=True)
class Sound:
    """A recording to measure."""

    group: str
    truth: Reference
    waveform: np.ndarray


Kept = TypeVar("Kept")


def kept(file: Path, kind: type[Kept], make: Callable[[], Kept]) -> Kept:
    """From the cache, or made and put into it."""
    adapter: TypeAdapter[Kept] = TypeAdapter(kind)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(adapter.dump_json(make()))
        print(file.name, flush=True)
    return adapter.validate_json(file.read_bytes())


def recordings(cache: Path) -> list[Recording]:
    """What the models make of the conversations that have words, and of those with fast turns."""
    registry = ModelRegistry(cache=cache / "models")
    with registry.transcriber() as model:
        clips = kept(
            cache / "clips.words.json",
            Transcription,
            lambda: transcribe(model, joined(DATA / "voices"), language="en"),
        )
    chosen = [
        Sound(CONVERSATIONS, reference_of(one), one.waveform) for one in examples() if one.seglst
    ] + [
        Sound(FAST, reference(talk.name, talk.turns, talk.words), talk.waveform)
        for talk in fast_talks(DATA / "voices", clips)
    ]
    timelines = {one.truth.name: {TRUE: Timeline(one.truth.turns, [])} for one in chosen}
    said = {}
    with registry.diarizer() as diarizer:
        for one in chosen:
            timelines[one.truth.name][SCRIBE] = kept(
                cache / f"{one.truth.name}.scribe.json",
                Timeline,
                lambda one=one: diarize(diarizer, one.waveform),
            )
    with registry.transcriber() as model:
        for one in chosen:
            said[one.truth.name] = kept(
                cache / f"{one.truth.name}.words.json",
                Transcription,
                lambda one=one: transcribe(model, one.waveform),
            )
    pipeline = stock_pipeline(select_frames=True)
    for one in chosen:
        # A quarter of an hour; as much again for the others would tell little more.
        if one.group == CONVERSATIONS:
            timelines[one.truth.name][STOCK] = kept(
                cache / f"{one.truth.name}.stock.json",
                Timeline,
                lambda one=one: stock_timeline(pipeline, one.waveform),
            )
    return [
        Recording(one.group, one.truth, said[one.truth.name], timelines[one.truth.name])
        for one in chosen
    ]


def segments(words: Sequence[Word], speakers: Sequence[str | None]) -> list[SpokenSegment]:
    """Words one after the other of the same speaker."""
    spoken = [
        SpokenWord(word.start, word.end, word.word, word.probability, speaker, False)
        for word, speaker in zip(words, speakers, strict=True)
    ]
    grouped = [list(group) for _, group in groupby(spoken, key=lambda word: word.speaker)]
    return [
        SpokenSegment(
            group[0].start,
            group[-1].end,
            group[0].speaker,
            " ".join(word.word for word in group),
            group,
        )
        for group in grouped
    ]


Measured = dict[str, dict[str, list[Scored]]]
"""Turns by diarization and rule."""


def measured(chosen: Sequence[Recording]) -> dict[str, Measured]:
    """Turns of all recordings, by measure, diarization and rule."""
    found: dict[str, Measured] = {WRONG: {}, CPWER: {}}

    def add(measure: str, diarization: str, rule: str, scored: list[Scored]) -> None:
        found[measure].setdefault(diarization, {}).setdefault(rule, []).extend(scored)

    for one in chosen:
        words = words_of(one.said)
        for diarization, timeline in one.timelines.items():
            speakers: list[str | None] = []
            for name, rule in RULES.items():
                speakers = rule(one.said, timeline)
                add(WRONG, diarization, name, wrong_speakers(one.truth, words, speakers))
                spoken = segments(words, speakers)
                add(CPWER, diarization, name, cp_errors(one.truth, spoken))
            lost = out_of_reach(one.truth, words, speakers, timeline)
            add(WRONG, diarization, LOST, lost)
    return found


def show(group: str, measure: str, scored: Measured) -> dict[str, Any]:
    """Print a table: rates, and how much less Scribe's is than that of each other rule."""
    some = scored[TRUE][OURS]
    print(
        f"\n{group}: {measure}, % of {sum(one.length for one in some):.0f} words, "
        f"{len(some)} turns, {len({one.group for one in some})} recordings"
    )
    table: dict[str, Any] = {}
    floor = rate(scored[TRUE][OURS]).value
    for diarization, rules in scored.items():
        print(f"  {diarization}")
        for name, units in rules.items():
            less = None if name in (OURS, LOST) else difference(rules[OURS], units)
            line = f"    {name:24}{sum(one.errors for one in units):5.0f}{rate(units)!s:>24}"
            if less and diarization != TRUE:
                way = -100 * less.value / max(rate(units).value - floor, 1e-9)
                line += f"   Scribe: {less}, {way:.0f} % of the way to the floor"
            print(line)
            table.setdefault(diarization, {})[name] = {
                "rate": asdict(rate(units)),
                "scribe_less": asdict(less) if less else None,
            }
    return table


def chain(scored: Measured) -> None:
    """Print how much lower Scribe's cpWER is than that of WhisperX's rule on stock diarization."""
    theirs = scored[STOCK][WHISPERX]
    less = difference(scored[SCRIBE][OURS], theirs)
    share = -100 * less.value / rate(theirs).value
    print(f"  the whole chain: {less} points, {share:.0f} % below {WHISPERX} on {STOCK}")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, help="keeps what the models made of the recordings")
    cache = parser.parse_args().cache
    if not DATA.is_dir():
        raise SystemExit(f"there is no evaluation data in {DATA}; set SCRIBE_EVAL_DATA")
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        chosen = recordings(cache or Path(folder))
    found: dict[str, Any] = {"machine": machine()}
    for group in (CONVERSATIONS, FAST, BOTH):
        # Of both together only what is known of both.
        some = [
            replace(one, timelines={name: one.timelines[name] for name in (SCRIBE, TRUE)})
            if group == BOTH
            else one
            for one in chosen
            if group in (one.group, BOTH)
        ]
        scored = measured(some)
        found[group] = {measure: show(group, measure, turns) for measure, turns in scored.items()}
        if STOCK in scored[CPWER]:
            chain(scored[CPWER])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "attribution.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
