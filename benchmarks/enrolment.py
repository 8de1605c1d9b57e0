"""How alike two voice samples are, of one person and of two: the thresholds of a bank's voices.

Samples of up to 12 s as they are enrolled, of every speaker of the evaluation data, clean, through
telephones and with noise. All pairs are compared; thresholds are chosen on one half of the speakers
and checked on the other. Two people are counted once, with Clopper-Pearson intervals.

    python -m benchmarks.enrolment

`SCRIBE_EVAL_DATA` is the folder with the data, by default `../shared/data`.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA, RESULTS, machine, reference
from benchmarks.identification import CONDITIONS
from scribe_assets.speech import media
from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.compute import one_core_each
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import clean_spans
from scribe_assets.speech.voices.embedding import embed
from scribe_assets.speech.voices.enrolment import ALIKE, APART, SAME_PERSON, UNLIKE
from scribe_assets.speech.voices.samples import TELEPHONE_WEIGHT, telephone_band

SECONDS = 12
SHORTEST = 6
KINDS = ("clean", "telephone", "bad line", "noise 15 dB")
FEW = 4
"""Samples of a speaker from one source."""


@dataclass(frozen=True)
class Sample:
    """A voice sample: who speaks, which source it is from, and its embedding in each condition."""

    speaker: str
    source: str
    embeddings: dict[str, np.ndarray]


def waveforms() -> list[tuple[str, str, np.ndarray]]:
    """Speaker, source and speech of each sample."""

    def speech(file: Path) -> np.ndarray:
        whole = decode(file)
        return np.concatenate([whole[region.slice] for region in speech_regions(whole)])

    found = [(file.stem, "voices", speech(file)) for file in sorted(DATA.glob("voices/*.flac"))]
    for folder in sorted(DATA.glob("english/librispeech/*")):
        files = sorted(folder.glob("*.flac"))[::3][:FEW]
        found += [(folder.name, "librispeech", speech(file)) for file in files]
    for file in sorted(DATA.glob("identity-bank/default/*/voice/*")):
        found.append((file.parents[1].name, "bank", speech(file)))
    for rttm in sorted(DATA.glob("conversations/*.rttm")):
        whole, timeline = decode(rttm.with_suffix(".flac")), reference(rttm)
        for label in timeline.speakers:
            parts = media.cut(whole, clean_spans(timeline, label))
            said = np.concatenate(parts) if parts else np.zeros(0, np.float32)
            for start in (0, SECONDS * SAMPLE_RATE):
                found.append((label, rttm.stem, said[start : start + SECONDS * SAMPLE_RATE]))
    return [one for one in found if len(one[2]) >= SHORTEST * SAMPLE_RATE]


def samples(model: Any) -> list[Sample]:
    """Every sample, embedded as `voice_sample` does it."""
    found = waveforms()

    def embedded(one: tuple[str, str, np.ndarray]) -> Sample:
        points = {}
        for kind in KINDS:
            heard = CONDITIONS[kind](one[2][: SECONDS * SAMPLE_RATE]).astype(np.float32)
            wide, narrow = embed(model, [heard]), embed(model, [telephone_band(heard)])
            assert wide is not None
            assert narrow is not None
            total = wide + TELEPHONE_WEIGHT * narrow
            points[kind] = total / np.linalg.norm(total)
        return Sample(one[0], one[1], points)

    made = []
    with one_core_each(model.device) as apply:
        for sample in apply(embedded, found):
            made.append(sample)
            print(f"\r{len(made)} of {len(found)} samples", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return made


@dataclass(frozen=True)
class Pairs:
    """Pairs of samples: (num_pairs,) cosine similarities, and the pair of speakers of each."""

    scores: np.ndarray
    people: list[tuple[str, str]]

    def above(self, threshold: float) -> int:
        """How many pairs of people have a pair of samples that reaches a threshold."""
        reached = self.scores >= threshold
        return len({pair for pair, high in zip(self.people, reached, strict=True) if high})

    def of(self, speakers: set[str]) -> "Pairs":
        """Those of some speakers alone."""
        kept = [i for i, pair in enumerate(self.people) if set(pair) <= speakers]
        return Pairs(self.scores[kept], [self.people[i] for i in kept])


def pairs(some: list[Sample], one: str, other: str) -> tuple[Pairs, Pairs]:
    """Pairs of one person (of two sources) and of two people, in two conditions."""
    own: tuple[list[float], list[tuple[str, str]]] = ([], [])
    others: tuple[list[float], list[tuple[str, str]]] = ([], [])
    for index, first in enumerate(some):
        for second in some[index + 1 :]:
            same = first.speaker == second.speaker
            if same and first.source == second.source:
                continue
            scores, people = own if same else others
            for left, right in {(one, other), (other, one)}:
                scores.append(float(first.embeddings[left] @ second.embeddings[right]))
                who = sorted((first.speaker, second.speaker))
                people.append((who[0], who[1]))
    return Pairs(np.array(own[0]), own[1]), Pairs(np.array(others[0]), others[1])


def upper_bound(errors: int, trials: int) -> float:
    """The upper end of the 95 % interval of a rate (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return float(beta.ppf(0.975, errors + 1, trials - errors))


def lowest_without(some: list[Pairs]) -> float:
    """The lowest threshold in steps of 0.01 that no pair of two people reaches."""
    highest = max(float(one.scores.max()) for one in some)
    return float(np.floor(highest * 100 + 1) / 100)


def main() -> None:
    """Measure, print, keep."""
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        registry = ModelRegistry(cache=Path(folder) / "models")
        with registry.embedder() as model:
            some = samples(model)
    speakers = sorted({sample.speaker for sample in some})
    compared = {kinds: pairs(some, *kinds) for kinds in combinations_with_replacement(KINDS, 2)}
    rows = []
    print(f"{len(some)} samples of {len(speakers)} people; one person %, two people %")
    print(
        f"{'':26}{'same':>8}{'alike':>8}{'unlike':>8}{'apart':>8}   same (of, <=)"
        f"{'alike':>7}{'unlike':>8}{'apart':>7}{'max':>7}"
    )
    for kinds, (own, others) in compared.items():
        trials = len(set(others.people))
        same = others.above(SAME_PERSON)
        row = {
            "conditions": kinds,
            "own_pairs": len(own.scores),
            "people_pairs": trials,
            "own_same": float(np.mean(own.scores >= SAME_PERSON)),
            "own_alike": float(np.mean(own.scores >= ALIKE)),
            "own_unlike": float(np.mean(own.scores < UNLIKE)),
            "own_apart": float(np.mean(own.scores < APART)),
            "others_same": same,
            "others_same_upper": upper_bound(same, trials),
            "others_alike": others.above(ALIKE) / trials,
            "others_unlike": float(np.mean(others.scores < UNLIKE)),
            "others_apart": float(np.mean(others.scores < APART)),
            "others_highest": float(others.scores.max()),
        }
        rows.append(row)
        print(
            f"{' / '.join(kinds):26}"
            + "".join(f"{100 * row[f'own_{k}']:8.1f}" for k in ("same", "alike", "unlike", "apart"))
            + f"{same:7} ({trials}, {100 * row['others_same_upper']:.2f})"
            + "".join(f"{100 * row[f'others_{k}']:7.1f}" for k in ("alike", "unlike", "apart"))
            + f"{row['others_highest']:7.3f}"
        )
    splits = []
    for seed in range(10):
        half = set(np.random.default_rng(seed).permutation(speakers)[: len(speakers) // 2])
        rest = set(speakers) - half
        usual = [others for kinds, (_, others) in compared.items() if kinds != ("bad line",) * 2]
        chosen = lowest_without([others.of(half) for others in usual])
        wrong = sum(others.of(rest).above(chosen) for others in usual)
        trials = sum(len(set(others.of(rest).people)) for others in usual)
        splits.append({"chosen": chosen, "wrong": wrong, "of": trials})
    print("chosen on one half of the speakers, wrong on the other:", splits)
    RESULTS.mkdir(exist_ok=True)
    kept = {"machine": machine(), "rows": rows, "splits": splits}
    (RESULTS / "enrolment.json").write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
