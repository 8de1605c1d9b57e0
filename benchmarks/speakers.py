"""How many speakers are found, and who speaks when, in conversations of a minute and more: composed
ones in eight conditions (see `conversations`), and those of the evaluation data.

    python -m benchmarks.speakers [--stock {selected,whole}] [--only CONDITION …] [--choose]

DER: pyannote.metrics, no collar, overlap scored. Intervals: 95 %, conversations drawn again.

`--stock` measures pyannote's own pipeline on the same recordings, too, at 0.3 or 0.5 times real
time. `--choose` tries other parameters of the clustering, and says what cross-validation over the
groups of people makes of them; the networks hear every recording once for all of them.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.conversations import Conversation, conversations
from benchmarks.data import RESULTS, examples, in_own_process, machine
from benchmarks.intervals import Scored, choose, difference, rate
from benchmarks.peers import stock_pipeline, stock_turns
from benchmarks.scores import diarization_error
from scribe_assets.speech.diarization.turns import TurnDiarization, TurnParameters, decide
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Turn

LEAST_SECONDS = 60.0
"""In shorter recordings somebody may say a word or two, and the number means little."""

USED = TurnParameters()

APART = replace(USED, alike=math.inf)

VARIANTS = {
    "clusters are not merged": APART,
    **{f"apart, threshold {value}": replace(APART, threshold=value) for value in (0.46, 0.58)},
    **{f"alike {value}": replace(USED, alike=value) for value in (0.55, 0.6, 0.65, 0.7, 0.75)},
    **{f"threshold {value}": replace(USED, threshold=value) for value in (0.46, 0.49, 0.55, 0.58)},
    **{f"a voice has {n} s": replace(USED, min_seconds=n) for n in (2.0, 4.0, 5.0)},
}
"""From the simplest one."""


@dataclass(frozen=True)
class Found:
    """What a system made of a conversation.

    Attributes:
        wrong: seconds missed, of false alarm, and confused.
        spoken: seconds in the reference.
        speakers: how many it found, of `people`.
        seconds: that it took, for `length` seconds of sound.
    """

    name: str
    group: str
    condition: str
    wrong: float
    spoken: float
    speakers: int
    people: int
    seconds: float
    length: float

    @property
    def error(self) -> Scored:
        """To pool the DER."""
        return Scored(self.name, self.group, self.wrong, self.spoken)

    @property
    def number(self) -> Scored:
        """Whether the number of speakers is wrong."""
        return Scored(self.name, self.group, float(self.speakers != self.people), 1)


def recordings(only: Sequence[str]) -> Iterator[Conversation]:
    """The composed conversations, and those of the data, which are a condition of their own."""
    given = (
        Conversation(one.name, one.name, one.group, one.waveform, one.turns)
        for one in examples()
        if one.rttm
    )
    for one in chain(conversations(), given):
        is_wanted = not only or one.condition in only
        if is_wanted and len(one.waveform) >= LEAST_SECONDS * SAMPLE_RATE:
            yield one


def scored(one: Conversation, turns: list[Turn], seconds: float) -> Found:
    """Compare what was found with the reference."""
    errors = diarization_error(one.reference.turns, turns)
    return Found(
        one.name,
        one.group,
        one.condition,
        errors["missed"] + errors["false_alarm"] + errors["confusion"],
        errors["total"],
        len({turn.speaker for turn in turns}),
        len(one.reference.speakers),
        seconds,
        len(one.waveform) / SAMPLE_RATE,
    )


def run_scribe(only: Sequence[str], variants: dict[str, TurnParameters]) -> dict[str, list[Found]]:
    """The default diarization, by variant of its parameters."""
    found: dict[str, list[Found]] = {name: [] for name in variants}
    with (
        tempfile.TemporaryDirectory(prefix="scribe-bench-") as cache,
        ModelRegistry(cache=Path(cache)).diarizer() as diarizer,
    ):
        if not isinstance(diarizer, TurnDiarization):
            sys.exit("the parameters are those of the default diarization")
        for one in recordings(only):
            print(f"\r\033[KScribe: {one.name}", end="", file=sys.stderr, flush=True)
            started = time.perf_counter()
            heard = diarizer.hear(one.waveform)
            hearing = time.perf_counter() - started
            for name, parameters in variants.items():
                begun = time.perf_counter()
                turns = decide(heard, parameters).turns
                taken = hearing + time.perf_counter() - begun
                found[name].append(scored(one, turns, taken))
    return found


def run_stock(only: Sequence[str], select_frames: bool) -> list[Found]:
    """pyannote's own pipeline."""
    pipeline = stock_pipeline(select_frames)
    found = []
    for one in recordings(only):
        print(f"\r\033[Kpyannote: {one.name}", end="", file=sys.stderr, flush=True)
        started = time.perf_counter()
        turns = stock_turns(pipeline, one.waveform)
        found.append(scored(one, turns, time.perf_counter() - started))
    return found


def show(system: str, found: Sequence[Found], beside: Sequence[Found] | None = None) -> None:
    """A table by condition, with the difference from another system on the same recordings."""
    print(f"\n{system}\n| condition | conversations | minutes | right number | DER | difference |")
    print("|---|---|---|---|---|---|")
    for condition in [*dict.fromkeys(one.condition for one in found), None]:
        some = [one for one in found if condition in (None, one.condition)]
        names = {one.name for one in some}
        cells = [
            condition or "all",
            str(len(some)),
            f"{sum(one.length for one in some) / 60:.0f}",
            f"{sum(one.speakers == one.people for one in some)}",
            str(rate([one.error for one in some])),
        ]
        if beside:
            same = [one.error for one in beside if one.name in names]
            cells.append(str(difference([one.error for one in some], same)))
        print(f"| {' | '.join(cells)} |")
    number = rate([one.number for one in found])
    taken = sum(one.seconds for one in found) / sum(one.length for one in found)
    print(f"wrong number: {number} % of the conversations; real-time factor {taken:.3f}")
    for one in found:
        if one.speakers != one.people:
            print(f"  {one.name}: {one.speakers} speakers, {one.wrong / one.spoken:.1%}")


def show_choice(variants: dict[str, list[Found]]) -> None:
    """What cross-validation makes of the variants, by seconds that are wrong."""
    simplest = next(iter(variants.values()))
    for name, found in variants.items():
        errors = [one.error for one in found]
        print(
            f"{name}: DER {rate(errors)},",
            f"difference {difference(errors, [one.error for one in simplest])};",
            f"wrong number {sum(one.number.errors for one in found):.0f} of {len(found)}",
        )
    choice = choose({name: [one.error for one in found] for name, found in variants.items()})
    print(f"chosen: {choice.chosen}; held out: {rate(choice.scored)}")


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stock", choices=("selected", "whole"))
    parser.add_argument("--only", nargs="+", default=[], metavar="CONDITION")
    parser.add_argument("--choose", action="store_true", help="try other parameters")
    given = parser.parse_args()
    variants = {"in use": USED} | (VARIANTS if given.choose else {})
    by_variant = in_own_process(run_scribe, given.only, variants)
    ours = by_variant.pop("in use")
    found: dict[str, Any] = {"machine": machine(), "Scribe": [asdict(one) for one in ours]}
    stock = None
    if given.stock:
        stock = in_own_process(run_stock, given.only, given.stock == "selected")
        found[f"pyannote, {given.stock}"] = [asdict(one) for one in stock]
        show(f"pyannote, {given.stock}", stock)
    show("Scribe", ours, stock)
    if by_variant:
        show_choice(by_variant)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "speakers.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
