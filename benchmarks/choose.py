"""Choose a constant of the transcription, such that noise cannot choose it.

    python -m benchmarks.choose scribe_assets.speech.transcription.decoding:MARGIN_SECONDS 0.4 0.8

The first value is the simplest one, or the one that is in use. Another one is taken only if the
95 % interval of its difference, paired by turn, lies below zero. What the choice is worth is
measured by cross-validation: each recording with the value that was chosen on all others.
"""

import argparse
import importlib
import json
import sys
import tempfile
from ast import literal_eval
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.data import DATA, RESULTS, in_own_process, machine
from benchmarks.intervals import Scored, choose, difference, rate
from benchmarks.words import Spoken, by_scribe, recordings, scored


@contextmanager
def constant(where: str, value: Any) -> Iterator[None]:
    """Another value of a constant, in its module and in those that have imported it.

    Args:
        where: `package.module:NAME`.

    Raises:
        AttributeError: there is no such constant.
    """
    home, _, name = where.partition(":")
    before = getattr(importlib.import_module(home), name)
    holders = [
        module
        for key, module in [*sys.modules.items()]
        if key.startswith("scribe_assets") and vars(module).get(name) is before
    ]
    for module in holders:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module in holders:
            setattr(module, name, before)


def heard_with(where: str, value: Any, chosen: Sequence[Spoken], cache: Path) -> dict[str, str]:
    """Text by name, with another value of a constant."""
    with constant(where, value):
        return by_scribe(chosen, cache)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("constant", help="package.module:NAME")
    parser.add_argument("values", nargs="+", help="Python literals, the simplest first")
    parser.add_argument("--only", nargs="*", help="parts of names or kinds of recordings")
    arguments = parser.parse_args()
    chosen = recordings(arguments.only)
    if not chosen:
        raise SystemExit(f"there are no such recordings in {DATA}; set SCRIBE_EVAL_DATA")
    variants: dict[str, list[Scored]] = {}
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        for value in arguments.values:
            heard = in_own_process(
                heard_with, arguments.constant, literal_eval(value), chosen, Path(folder)
            )
            variants[value] = [unit for one in chosen for unit in scored(one, heard[one.name])]
    first = arguments.values[0]
    words = sum(unit.length for unit in variants[first])
    print(f"\n{arguments.constant}: word error rate, {words:.0f} words, {len(chosen)} recordings")
    for value, units in variants.items():
        against = "" if value == first else f"  difference {difference(units, variants[first])}"
        print(f"{value:>10}  {rate(units)}{against}")
    found = choose(variants)
    worth = difference(found.scored, variants[first])
    print(f"chosen: {found.chosen}; cross-validated: {rate(found.scored)}, difference {worth}")
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "machine": machine(),
        "constant": arguments.constant,
        "rates": {value: str(rate(units)) for value, units in variants.items()},
        "chosen": found.chosen,
        "held_out": found.held_out,
        "cross_validated": str(rate(found.scored)),
    }
    name = arguments.constant.rpartition(":")[2].lower()
    (RESULTS / f"choose-{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
