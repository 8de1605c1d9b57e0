"""Who is recognised, who is not, and how fast a new name is everywhere.

1. *Trials*: pieces of 1, 2, 4 and 8 s of the enrolled people's speech in the conversations, and of
   strangers (`voices/`, and those of `crowd-10spk`), clean, through telephones and with noise,
   against all voiceprints: false accept and false reject rates over thresholds, equal error rate.
2. *Conversations*: diarized, and every speaker identified as the pipeline does it.
3. *Re-identification*: 50 processed recordings in a running stack, one person enrolled; seconds
   until all 50 results have the name.

    python -m benchmarks.identification [--recordings 50] [--skip-conversations]

`SCRIBE_EVAL_DATA` is the folder with the data, by default `../shared/data`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA, RESULTS, machine, reference
from benchmarks.launcher import stack
from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.people import check_sample, enrol
from scribe_assets.local.demo import VOICES, sample
from scribe_assets.settings import Settings
from scribe_assets.speech import media
from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Timeline, clean_spans
from scribe_assets.speech.voices.embedding import embed
from scribe_assets.speech.voices.identification import THRESHOLD, identify
from scribe_assets.speech.voices.samples import embed_speakers, voice_sample
from scribe_assets.speech.voices.voice import Voiceprint, voiceprint
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import read_document, read_status
from scribe_assets.storage.s3 import S3Storage

SECONDS = (1, 2, 4, 8)
MOST = 3
"""Pieces of a speaker, condition and length."""

USER = "bench"
LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Trial:
    """A piece of speech against the bank: the nearest person, and whether that is who speaks."""

    condition: str
    seconds: int
    enrolled: bool
    right: bool
    score: float


def telephone(waveform: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz with soft edges, as a good microphone through a band-pass."""
    from scipy.signal import butter, sosfilt

    band = butter(4, [300, 3400], "band", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(band, waveform), dtype=np.float32)


def narrowband(waveform: np.ndarray) -> np.ndarray:
    """Sampled at 8 kHz."""
    from scipy.signal import resample_poly

    return np.asarray(resample_poly(resample_poly(waveform, 1, 2), 2, 1), dtype=np.float32)


def bad_line(waveform: np.ndarray) -> np.ndarray:
    """8 kHz, 300 to 3400 Hz with edges steeper than any enrolment, 8 bit mu-law (ITU-T G.711)."""
    from scipy.signal import cheby1, resample_poly, sosfilt

    band = cheby1(8, 1, [300, 3400], "band", fs=8000, output="sos")
    low = np.asarray(sosfilt(band, resample_poly(waveform, 1, 2)))
    level = np.max(np.abs(low)) or 1.0
    coded = np.sign(low) * np.log1p(255 * np.abs(low) / level) / np.log(256)
    coded = np.round(coded * 127) / 127
    heard = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255 * level
    return np.asarray(resample_poly(heard, 2, 1), dtype=np.float32)


def noise(waveform: np.ndarray) -> np.ndarray:
    """White noise, 15 dB below."""
    hiss = np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)
    return waveform + hiss * np.sqrt(np.mean(waveform**2) / 10**1.5).astype(np.float32)


CONDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clean": lambda waveform: waveform,
    "telephone": telephone,
    "8 kHz": narrowband,
    "bad line": bad_line,
    "noise 15 dB": noise,
}


def bank(model: Any) -> list[Voiceprint]:
    """Everybody enrolled, as the pipeline does it."""
    found = []
    for folder in sorted((DATA / "identity-bank" / "default").iterdir()):
        samples = [voice_sample(model, decode(f)) for f in sorted(folder.glob("voice/*"))]
        for one in samples:
            if one.problem:
                print(f"{folder.name}: {one.problem}", file=sys.stderr)
        if made := voiceprint(folder.name, folder.name, samples):
            found.append(made)
    return found


def voices() -> dict[str, np.ndarray]:
    """The speech of each speaker alone, without silence; `label` as the bank has it."""
    found: dict[str, np.ndarray] = {}
    for rttm in sorted((DATA / "conversations").glob("*.rttm")):
        waveform, timeline = decode(rttm.with_suffix(".flac")), reference(rttm)
        for label in timeline.speakers:
            parts = media.cut(waveform, clean_spans(timeline, label))
            if parts:
                found[f"{rttm.stem}/{label}"] = np.concatenate(parts)
    for file in sorted((DATA / "voices").glob("*.flac")):
        waveform = decode(file)
        regions = [waveform[region.slice] for region in speech_regions(waveform)]
        found[f"voices/{file.stem}"] = np.concatenate(regions)
    return found


def trials(model: Any, people: list[Voiceprint]) -> list[Trial]:
    """Every piece of everybody's speech against the bank."""
    from scribe_assets.speech.compute import one_core_each

    ids = [person.person_id for person in people]
    prints = np.stack([person.embedding for person in people])
    speakers = voices()

    def of(name: str) -> list[Trial]:
        who = name.partition("/")[2]
        found = []
        for condition, change in CONDITIONS.items():
            changed = change(speakers[name])
            for seconds in SECONDS:
                length = seconds * SAMPLE_RATE
                for piece in range(min(MOST, len(changed) // length)):
                    voice = embed(model, [changed[piece * length : (piece + 1) * length]])
                    if voice is None:
                        continue
                    scores = prints @ voice
                    right = ids[int(scores.argmax())] == who
                    found.append(Trial(condition, seconds, who in ids, right, float(scores.max())))
        return found

    every: list[Trial] = []
    with one_core_each(model.device) as apply:
        for number, found in enumerate(apply(of, speakers), start=1):
            print(f"\r{number} of {len(speakers)} voices", end="", file=sys.stderr, flush=True)
            every += found
    print(file=sys.stderr)
    return every


def rates(some: list[Trial], threshold: float) -> tuple[float, float]:
    """False accept rate (a stranger named, or an enrolled person by another's name) and false
    reject rate (an enrolled person not named, or wrongly)."""
    strangers = [trial for trial in some if not trial.enrolled]
    enrolled = [trial for trial in some if trial.enrolled]
    named = sum(trial.score >= threshold for trial in strangers)
    missed = sum(not trial.right or trial.score < threshold for trial in enrolled)
    return named / max(1, len(strangers)), missed / max(1, len(enrolled))


def equal_error(some: list[Trial]) -> tuple[float, float]:
    """The equal error rate, and at which threshold."""
    at = [(abs(np.subtract(*rates(some, t))), t) for t in np.arange(0, 1, 0.005)]
    threshold = float(min(at)[1])
    return float(np.mean(rates(some, threshold))), threshold


def conversations(registry: ModelRegistry, people: list[Voiceprint]) -> list[dict[str, Any]]:
    """Diarize each conversation, identify its speakers, and compare with the reference by time."""
    found = []
    ids = {person.person_id for person in people}
    for rttm in sorted((DATA / "conversations").glob("*.rttm")):
        print(f"\r{rttm.stem} …", end="", file=sys.stderr, flush=True)
        waveform, expected = decode(rttm.with_suffix(".flac")), reference(rttm)
        with registry.diarizer() as pipeline:
            timeline = diarize(pipeline, waveform)
        with registry.embedder() as model:
            spoken = embed_speakers(model, waveform, timeline)
        named = {one.label: one.person_id for one in identify(spoken, people)}
        truth = {label: nearest(timeline, label, expected) for label in named}
        present = set(expected.speakers) & ids
        right = {who for label, who in named.items() if who and who == truth[label]}
        wrong = [
            f"{truth[label]} as {who}"
            for label, who in named.items()
            if who not in (None, truth[label])
        ]
        found.append(
            {
                "name": rttm.stem,
                "enrolled": len(present),
                "named": len(right),
                "missed": sorted(present - right),
                "wrong": wrong,
                "strangers": len(set(expected.speakers) - ids),
            }
        )
    print(file=sys.stderr)
    return found


def nearest(timeline: Timeline, label: str, expected: Timeline) -> str | None:
    """Who of the reference speaks most while a label does."""
    spoken: dict[str, float] = {}
    for turn in timeline.turns:
        for other in expected.turns:
            if turn.speaker == label:
                shared = min(turn.end, other.end) - max(turn.start, other.start)
                spoken[other.speaker] = spoken.get(other.speaker, 0.0) + max(0.0, shared)
    return max(spoken, key=lambda who: spoken[who], default=None)


def reidentification(count: int, home: Path) -> dict[str, Any]:
    """Seconds from an enrolment to the last of so many results with the name."""
    import soundfile

    with stack(home, default_launcher=False):
        os.environ["SCRIBE_HOME"] = str(home)
        storage = S3Storage.from_settings(Settings.load())
        first = RecordingRef.from_upload_key(f"{USER}/0.wav")
        storage.upload(sample(), storage.uploads_bucket, f"{USER}/0.wav", "audio/wav")
        wait(lambda: (s := read_status(storage, first)) is not None and s.state == "succeeded")
        # Processing does not depend on others: the rest are copies of its documents.
        prefix = processed_key(first, "")
        kept = {
            item.key.removeprefix(prefix): storage.read(item.bucket, item.key)
            for item in storage.objects(storage.processed_bucket, prefix)
        }
        refs = [first]
        for number in range(1, count):
            ref = RecordingRef.from_upload_key(f"{USER}/{number}.wav")
            for name, content in kept.items():
                if not name.endswith(".flac"):
                    content = content.replace(
                        first.recording_id.encode(), ref.recording_id.encode()
                    ).replace(f"{USER}/0.wav".encode(), f"{USER}/{number}.wav".encode())
                storage.write(storage.processed_bucket, processed_key(ref, name), content, "")
            refs.append(ref)
        speech = media.cut(decode(sample()), VOICES["Diane"])
        file = home / "diane.wav"
        soundfile.write(file, np.concatenate(speech), SAMPLE_RATE)
        check_sample(file)  # loads a model once, which is not what is measured
        started = time.perf_counter()
        enrol(storage, USER, "diane", [file], "Diane")
        waiting = set(refs)

        def all_named() -> bool:
            for ref in list(waiting):
                try:
                    result = read_document(storage, ref, Result)
                except MissingObjectError:
                    continue
                if "Diane" in {speaker.name for speaker in result.speakers}:
                    waiting.discard(ref)
                else:
                    break
            return not waiting

        wait(all_named)
        return {"recordings": count, "seconds": round(time.perf_counter() - started, 1)}


def wait(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {LIMIT_SECONDS:.0f} s")
        time.sleep(0.25)


def plot(found: list[Trial], target: Path) -> None:
    """False accept and false reject rates over thresholds, a panel a condition."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(CONDITIONS), figsize=(18, 4), sharey=True)
    thresholds = np.arange(0.2, 0.9, 0.01)
    for panel, condition in zip(panels, CONDITIONS, strict=True):
        for index, seconds in enumerate(SECONDS):
            some = [t for t in found if (t.condition, t.seconds) == (condition, seconds)]
            accepted, rejected = zip(*(rates(some, t) for t in thresholds), strict=True)
            panel.plot(thresholds, 100 * np.array(accepted), "--", color=f"C{index}")
            panel.plot(
                thresholds, 100 * np.array(rejected), color=f"C{index}", label=f"{seconds} s"
            )
        panel.axvline(THRESHOLD, color="black", linewidth=0.8)
        panel.set(title=condition, xlabel="threshold (cosine similarity)", ylim=(0, 60))
    panels[0].set_ylabel("% (dashed: false accepts, solid: false rejects)")
    panels[0].legend(title="speech")
    figure.tight_layout()
    figure.savefig(target, dpi=110)


def report(found: list[Trial]) -> list[dict[str, Any]]:
    """A row a condition and length."""
    rows = []
    for condition in CONDITIONS:
        for seconds in SECONDS:
            some = [t for t in found if (t.condition, t.seconds) == (condition, seconds)]
            accepted, rejected = rates(some, THRESHOLD)
            error, at = equal_error(some)
            rows.append(
                {
                    "condition": condition,
                    "seconds": seconds,
                    "enrolled_trials": sum(t.enrolled for t in some),
                    "stranger_trials": sum(not t.enrolled for t in some),
                    "false_accepts": round(accepted, 4),
                    "false_rejects": round(rejected, 4),
                    "equal_error_rate": round(error, 4),
                    "equal_error_threshold": round(at, 3),
                    "sweep": {
                        f"{t:.2f}": [round(rate, 4) for rate in rates(some, t)]
                        for t in np.arange(0.35, 0.71, 0.05)
                    },
                }
            )
    return rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=50)
    parser.add_argument("--skip-conversations", action="store_true")
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "machine": machine(),
        "threshold": THRESHOLD,
    }
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as folder:
        result["reidentification"] = reidentification(arguments.recordings, Path(folder) / "home")
        print("{recordings} recordings renamed in {seconds} s".format(**result["reidentification"]))
        if DATA.is_dir():
            registry = ModelRegistry(cache=Path(folder) / "models")
            with registry.embedder() as model:
                people = bank(model)
                found = trials(model, people)
            result["trials"] = report(found)
            plot(found, RESULTS / "identification.png")
            print(f"{len(people)} people enrolled; threshold {THRESHOLD}")
            print(f"{'':14}{'s':>3}{'own':>6}{'others':>8}{'FAR %':>8}{'FRR %':>8}{'EER %':>8}  at")
            for row in result["trials"]:
                print(
                    f"{row['condition']:14}{row['seconds']:3}{row['enrolled_trials']:6}"
                    f"{row['stranger_trials']:8}{100 * row['false_accepts']:8.1f}"
                    f"{100 * row['false_rejects']:8.1f}{100 * row['equal_error_rate']:8.1f}"
                    f"  {row['equal_error_threshold']:.2f}"
                )
            if not arguments.skip_conversations:
                result["conversations"] = conversations(registry, people)
                for row in result["conversations"]:
                    print(
                        "{name:18} {named} of {enrolled} named, {strangers} strangers, "
                        "missed {missed}, wrong {wrong}".format(**row)
                    )
        else:
            print(f"there is no evaluation data in {DATA}; set SCRIBE_EVAL_DATA")
    (RESULTS / "identification.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
