"""Accuracy, speed and memory of diarization, transcription and both together, beside peers with the
same weights in the same run.

- DER: pyannote.metrics, no collar, overlap scored.
- cpWER and tcpWER (collar 5 s): meeteval, words normalised as Whisper's authors do.
- WER: jiwer, the same normalisation; for French the language-independent one.
- Every system runs in a process of its own, whose peak memory is read; loading models is not timed.

    python -m benchmarks.chain [--full]

By default a part of the recordings, so that the stock pipeline does not take an hour.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import (
    DATA,
    RESULTS,
    Example,
    examples,
    in_own_process,
    machine,
    peak_rss_gb,
)
from benchmarks.peers import (
    by_whisperx_rule,
    load_plain_whisper,
    plain_segments,
    stock_pipeline,
    stock_turns,
)
from benchmarks.scores import diarization_error
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.engine.weights import whisper_base
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import Timeline, Turn
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers

DEFAULT = {"crowd-10spk", "interview-2spk", "meeting-3spk", "fleursdumal_010_baudelaire", "sample"}
"""And the meetings."""

TRANSCRIBED = {"call-2spk-phone", "panel-5spk-noise"}
"""By default only transcribed: a base model's word errors vary by a point from one to the next."""

COLLAR_SECONDS = 5

SCRIBE, STOCK, SELECTED, WHISPER = (
    "Scribe",
    "pyannote, whole windows",
    "pyannote, selected frames",
    "faster-whisper",
)


@dataclass
class Run:
    """What a system made of the recordings, by name."""

    system: str
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    turns: dict[str, list[Turn]] = field(default_factory=dict)
    segments: dict[str, list[list[tuple[float, float, str]]]] = field(default_factory=dict)
    spoken: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    peak_rss_gb: float = 0.0
    peak_vram_gb: float | None = None

    def timed(self, name: str, stage: str, function: Callable[[], Any]) -> Any:
        """Call it and keep how long it took."""
        print(f"\r\033[K{self.system}: {stage} of {name}", end="", file=sys.stderr, flush=True)
        started = time.perf_counter()
        result = function()
        self.seconds.setdefault(name, {})[stage] = time.perf_counter() - started
        return result


def run_scribe(chosen: list[Example], cache: Path) -> Run:
    """The whole chain, stage by stage, on all recordings."""
    run = Run(SCRIBE)
    registry = ModelRegistry(cache=cache)
    timelines: dict[str, Timeline] = {}
    with registry.diarizer() as pipeline:
        for one in chosen:
            if one.rttm:
                timelines[one.name] = run.timed(
                    one.name, "diarization", lambda one=one: diarize(pipeline, one.waveform)
                )
                run.turns[one.name] = timelines[one.name].turns
    with registry.embedder() as model:
        for one in chosen:
            if one.rttm:
                run.timed(
                    one.name,
                    "speaker embeddings",
                    lambda one=one: embed_speakers(model, one.waveform, timelines[one.name]),
                )
    with registry.transcriber() as whisper:
        for one in chosen:
            if one.seglst or one.text:
                said = run.timed(
                    one.name,
                    "transcription",
                    lambda one=one: transcribe(whisper, one.waveform),
                )
                run.segments[one.name] = [
                    [(w.start, w.end, w.word) for w in segment.words] for segment in said.segments
                ]
                if one.name in timelines:
                    result = run.timed(
                        one.name,
                        "fusion",
                        lambda one=one, said=said: fuse(said, timelines[one.name]),
                    )
                    run.spoken[one.name] = [
                        {"start": s.start, "end": s.end, "words": s.text, "speaker": s.speaker}
                        for s in result
                    ]
    return _finished(run)


def run_stock(chosen: list[Example], select_frames: bool) -> Run:
    """pyannote's own pipeline."""
    run = Run(SELECTED if select_frames else STOCK)
    pipeline = stock_pipeline(select_frames)
    for one in chosen:
        if one.rttm:
            run.turns[one.name] = run.timed(
                one.name, "diarization", lambda one=one: stock_turns(pipeline, one.waveform)
            )
    return _finished(run)


def run_whisper(chosen: list[Example], cache: Path) -> Run:
    """faster-whisper as its README uses it."""
    run = Run(WHISPER)
    model = load_plain_whisper(whisper_base(cache))
    for one in chosen:
        if one.seglst or one.text:
            run.segments[one.name] = run.timed(
                one.name, "transcription", lambda one=one: plain_segments(model, one.waveform)
            )
    return _finished(run)


def _finished(run: Run) -> Run:
    import torch

    run.peak_rss_gb = peak_rss_gb()
    if torch.cuda.is_available():
        run.peak_vram_gb = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    print("\r\033[K", end="", file=sys.stderr)
    return run


def diarization_errors(run: Run, chosen: list[Example]) -> dict[str, dict[str, float]]:
    """By recording: seconds missed, of false alarm, confused, and spoken; speakers found, true."""
    found = {}
    for one in chosen:
        if one.name not in run.turns:
            continue
        found[one.name] = {
            **diarization_error(one.turns.turns, run.turns[one.name]),
            "speakers": len({turn.speaker for turn in run.turns[one.name]}),
            "true_speakers": len(one.turns.speakers),
        }
    return found


def pooled(errors: dict[str, dict[str, float]], names: set[str]) -> float | None:
    """Diarization error rate of several recordings, in percent."""
    some = [parts for name, parts in errors.items() if name in names]
    total = sum(parts["total"] for parts in some)
    if not total:
        return None
    wrong = sum(parts[kind] for parts in some for kind in ("missed", "false_alarm", "confusion"))
    return round(100 * wrong / total, 2)


def word_errors(
    segments: dict[str, list[list[tuple[float, float, str]]]], chosen: list[Example], french: bool
) -> float | None:
    """Word error rate over the recordings in one language, in percent."""
    import jiwer
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    normalise = BasicTextNormalizer() if french else EnglishTextNormalizer()
    references, hypotheses = [], []
    for one in chosen:
        if one.name not in segments or bool(one.text) != french:
            continue
        if one.text:
            expected = one.text.read_text()
        else:
            turns = json.loads(one.seglst.read_text()) if one.seglst else []
            turns.sort(key=lambda turn: float(turn["start_time"]))
            expected = " ".join(turn["words"] for turn in turns)
        heard = " ".join(word.strip() for part in segments[one.name] for _, _, word in part)
        references.append(normalise(expected))
        hypotheses.append(normalise(heard))
    return round(100 * jiwer.wer(references, hypotheses), 2) if references else None


def speaker_word_errors(
    spoken: dict[str, list[dict[str, Any]]], chosen: list[Example]
) -> dict[str, float]:
    """cpWER and tcpWER over the recordings with words and speakers, in percent."""
    import meeteval
    from meeteval.io import SegLST
    from whisper_normalizer.english import EnglishTextNormalizer

    normalise = EnglishTextNormalizer()
    references, hypotheses = [], []
    for one in chosen:
        if not one.seglst or one.name not in spoken:
            continue
        for turn in json.loads(one.seglst.read_text()):
            references.append({**turn, "session_id": one.name, "words": normalise(turn["words"])})
        for part in spoken[one.name]:
            hypotheses.append(
                {
                    "session_id": one.name,
                    "speaker": str(part["speaker"]),
                    "start_time": part["start"],
                    "end_time": max(part["end"], part["start"] + 0.01),
                    "words": normalise(part["words"]),
                }
            )
    if not references:
        return {}
    rates = {}
    for name, found in (
        ("cpWER", meeteval.wer.cpwer(SegLST(references), SegLST(hypotheses))),
        (
            "tcpWER",
            meeteval.wer.tcpwer(SegLST(references), SegLST(hypotheses), collar=COLLAR_SECONDS),
        ),
    ):
        errors = sum(rate.errors for rate in found.values())
        rates[name] = round(100 * errors / sum(rate.length for rate in found.values()), 2)
    return rates


def summary(
    runs: dict[str, Run], chosen: list[Example], durations: dict[str, float]
) -> dict[str, Any]:
    """Everything that is printed and kept."""
    groups = {
        "conversations": {one.name for one in chosen if one.group != "meetings" and one.rttm},
        "crowd-10spk": {"crowd-10spk"},
        "meetings": {one.name for one in chosen if one.group == "meetings"},
        "all": {one.name for one in chosen if one.rttm},
    }
    systems: dict[str, Any] = {}
    for name, run in runs.items():
        errors = diarization_errors(run, chosen)
        factors = {}
        for stage in ("diarization", "speaker embeddings", "transcription", "fusion"):
            done = {k: v[stage] for k, v in run.seconds.items() if stage in v}
            if done:
                factors[stage] = sum(done.values()) / sum(durations[k] for k in done)
        systems[name] = {
            "real_time_factors": {stage: round(value, 5) for stage, value in factors.items()},
            "peak_rss_gb": run.peak_rss_gb,
            "peak_vram_gb": run.peak_vram_gb,
            "DER": {group: pooled(errors, names) for group, names in groups.items()},
            "right_speaker_count": sum(
                parts["speakers"] == parts["true_speakers"] for parts in errors.values()
            ),
            "recordings_diarized": len(errors),
            "recordings": errors,
            "WER": word_errors(run.segments, chosen, french=False),
            "WER_fr": word_errors(run.segments, chosen, french=True),
        }
    chains = {}
    for stock in (STOCK, SELECTED):
        if stock not in runs:
            continue
        peer = {
            name: by_whisperx_rule(segments, runs[stock].turns[name])
            for name, segments in runs[WHISPER].segments.items()
            if name in runs[stock].turns
        }
        chains[f"{stock} + {WHISPER} + WhisperX's rule"] = (
            speaker_word_errors(peer, chosen),
            [runs[stock], runs[WHISPER]],
        )
    chains[SCRIBE] = (speaker_word_errors(runs[SCRIBE].spoken, chosen), [runs[SCRIBE]])
    whole: dict[str, Any] = {}
    # Time is compared on recordings that go through all stages.
    through = [one.name for one in chosen if one.rttm and one.seglst]
    for name, (rates, parts) in chains.items():
        taken = sum(sum(part.seconds.get(one, {}).values()) for part in parts for one in through)
        total = sum(durations[one] for one in through)
        factor = {"real_time_factor": round(taken / total, 4)} if total else {}
        whole[name] = {**rates, **factor}
    return {"systems": systems, "chains": whole}


def show(found: dict[str, Any]) -> None:
    """A table."""
    ours = found["systems"][SCRIBE]["real_time_factors"]
    print(f"\n{'diarization':30}{'DER %':>8}{'crowd':>8}{'meet.':>8}{'count':>8}", end="")
    print(f"{'RTF':>9}{'×':>7}{'GB':>6}")
    for name, row in found["systems"].items():
        if "diarization" in row["real_time_factors"]:
            factor = row["real_time_factors"]["diarization"]
            numbers = [row["DER"][group] for group in ("all", "crowd-10spk", "meetings")]
            print(
                f"{name:30}"
                + "".join(f"{'-' if n is None else f'{n:.2f}':>8}" for n in numbers)
                + f"{row['right_speaker_count']:>5}/{row['recordings_diarized']:<2}"
                f"{factor:9.4f}{factor / ours['diarization']:7.1f}{row['peak_rss_gb']:6.1f}"
            )
    print(f"\n{'transcription':30}{'WER %':>8}{'French':>8}{'RTF':>9}")
    for name, row in found["systems"].items():
        if "transcription" in row["real_time_factors"]:
            rates = [row["WER"], row["WER_fr"]]
            print(
                f"{name:30}"
                + "".join(f"{'-' if n is None else f'{n:.2f}':>8}" for n in rates)
                + f"{row['real_time_factors']['transcription']:9.4f}"
            )
    print(f"\n{'whole chain':62}{'cpWER %':>9}{'tcpWER %':>10}{'RTF':>8}")
    for name, row in found["chains"].items():
        if "cpWER" in row:
            print(
                f"{name:62}{row['cpWER']:9.2f}{row['tcpWER']:10.2f}{row['real_time_factor']:8.4f}"
            )


def plot(found: dict[str, Any], target: Path) -> None:
    """Error over time: the lower left is better."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4))
    diarized = {
        name: (row["real_time_factors"]["diarization"], row["DER"]["all"])
        for name, row in found["systems"].items()
        if "diarization" in row["real_time_factors"]
    }
    fused = {
        name.partition(" + ")[0]: (row["real_time_factor"], row["cpWER"])
        for name, row in found["chains"].items()
        if "cpWER" in row
    }
    names = [SCRIBE, STOCK, SELECTED]
    for panel, title, label, points in (
        (panels[0], "Who speaks when", "diarization error rate, %", diarized),
        (panels[1], "Who says what (peers: WhisperX's rule)", "cpWER, %", fused),
    ):
        for name, (factor, error) in points.items():
            panel.scatter(factor, error, s=90, color=f"C{names.index(name)}")
            panel.annotate(name, (factor, error), (0, 9), textcoords="offset points", ha="center")
        panel.set(title=title, xscale="log", xlabel="time of computation by time of recording")
        panel.set(ylabel=label, xlim=(0.01, 3))
        panel.set_ylim(0, 1.4 * max((error for _, error in points.values()), default=1))
        panel.set_xticks([0.01, 0.1, 1], ["1 %", "10 %", "100 %"])
        panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def by_default(found: list[Example]) -> list[Example]:
    """Those that are measured in ten minutes."""
    return [
        replace(one, rttm=None) if one.name in TRANSCRIBED else one
        for one in found
        if one.group == "meetings" or one.name in DEFAULT | TRANSCRIBED
    ]


def main() -> None:
    """Measure, print, keep."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="all recordings and all peers")
    full = parser.parse_args().full
    chosen = examples() if full else by_default(examples())
    if not DATA.is_dir():
        print(f"there is no evaluation data in {DATA}; set SCRIBE_EVAL_DATA. Measuring a sample.")
    if not torch.cuda.is_available():
        print("there is no GPU: what only a GPU shows is skipped")
    durations = {one.name: len(one.waveform) / 16_000 for one in chosen}
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        cache = Path(folder)
        runs = {SCRIBE: in_own_process(run_scribe, chosen, cache)}
        runs[WHISPER] = in_own_process(run_whisper, chosen, cache)
        runs[STOCK] = in_own_process(run_stock, chosen, False)
        if full:
            runs[SELECTED] = in_own_process(run_stock, chosen, True)
    found = {
        "machine": machine(),
        "seconds_of_audio": round(sum(durations.values())),
        **summary(runs, chosen, durations),
    }
    show(found)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(found, indent=2, default=_number)
    (RESULTS / "chain.json").write_text(text + "\n")
    plot(found, RESULTS / "chain.png")


def _number(value: Any) -> Any:
    return round(float(value), 4) if isinstance(value, np.floating) else str(value)


if __name__ == "__main__":
    main()
