"""What Scribe is measured against, with the same weights: pyannote.audio's stock pipeline, plain
faster-whisper, and WhisperX's rule that gives words to speakers."""

from pathlib import Path
from typing import Any

import numpy as np

from scribe_assets.speech.diarization.pipelines import BATCH_SIZE
from scribe_assets.speech.engine.weights import CAMPPLUS, SEGMENTATION
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Timeline, Turn
from scribe_assets.speech.voices.embedding import load_campplus

STOCK_CLUSTERING = {"method": "centroid", "min_cluster_size": 12, "threshold": 0.7}
"""The best that was found for CAM++ in pyannote's own clustering."""


def stock_pipeline(select_frames: bool) -> Any:
    """pyannote.audio's `SpeakerDiarization`, unchanged.

    Args:
        select_frames: whether the network is shown only the frames of the local speaker it embeds,
            as pyannote does it for WeSpeaker's ONNX models, or the whole window, pooled by the
            speaker's frames, as it does it for WeSpeaker's ResNets in torch.
    """
    import torch
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization
    from pyannote.audio.pipelines.utils import get_model
    from torch.nn import functional

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding

    class WholeWindow(WeSpeakerEmbedding):
        def forward(self, waveforms: Any, weights: Any = None, **_: Any) -> Any:
            frames = self.frames(waveforms[:, 0])
            if weights is None:
                weights = frames.new_ones(frames.shape[:2])
            shape = frames.shape[1]
            mask = functional.interpolate(weights[:, None], size=shape, mode="nearest")[
                :, 0, :, None
            ]
            number = mask.sum(dim=1)
            enough = number.clamp(min=2)
            embedded = self.pool((frames * mask).sum(1), (frames.square() * mask).sum(1), enough)
            return torch.where(number >= 2, embedded, torch.nan)

    embedding = load_campplus(CAMPPLUS.find())
    if not select_frames:
        embedding = WholeWindow(embedding.network, embedding.dimension).eval()
    pipeline = SpeakerDiarization(
        segmentation=get_model(str(SEGMENTATION.find())),
        embedding=embedding,
        plda=PLDA.__new__(PLDA),
        clustering="AgglomerativeClustering",
        segmentation_batch_size=BATCH_SIZE,
        embedding_batch_size=BATCH_SIZE,
    )
    pipeline.instantiate(
        {"segmentation": {"min_duration_off": 0.0}, "clustering": STOCK_CLUSTERING}
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return pipeline.to(device)


def stock_timeline(pipeline: Any, waveform: np.ndarray) -> Timeline:
    """Diarize as pyannote's README does."""
    import torch

    found = pipeline({"waveform": torch.from_numpy(waveform)[None], "sample_rate": SAMPLE_RATE})

    def turns(annotation: Any) -> list[Turn]:
        tracks = annotation.itertracks(yield_label=True)
        return [Turn(segment.start, segment.end, str(label)) for segment, _, label in tracks]

    return Timeline(turns(found.speaker_diarization), turns(found.exclusive_speaker_diarization))


def stock_turns(pipeline: Any, waveform: np.ndarray) -> list[Turn]:
    """Turns that may overlap; see `stock_timeline`."""
    return stock_timeline(pipeline, waveform).turns


def load_plain_whisper(folder: Path) -> Any:
    """faster-whisper with all cores for one recording, as its README does."""
    import torch
    from faster_whisper import WhisperModel

    if torch.cuda.is_available():
        return WhisperModel(str(folder), device="cuda", compute_type="float16")
    return WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=torch.get_num_threads()
    )


def plain_segments(model: Any, waveform: np.ndarray) -> list[list[tuple[float, float, str]]]:
    """(start, end, word) of each segment, with faster-whisper's voice activity filter."""
    found, _ = model.transcribe(waveform, beam_size=5, vad_filter=True, word_timestamps=True)
    return [[(w.start, w.end, w.word) for w in segment.words or []] for segment in found]


def by_whisperx_rule(
    segments: list[list[tuple[float, float, str]]], turns: list[Turn]
) -> list[dict[str, Any]]:
    """Words with speakers as WhisperX assigns them (`whisperx/diarize.py`): a segment, and each of
    its words, goes to the speaker whose turns it shares most time with; a word that shares none
    stays with its segment."""
    spoken = []
    for words in segments:
        if not words:
            continue
        own = _most_shared(words[0][0], words[-1][1], turns)
        for start, end, word in words:
            speaker = _most_shared(start, end, turns) or own or "unknown"
            spoken.append({"start": start, "end": end, "words": word.strip(), "speaker": speaker})
    return spoken


def _most_shared(start: float, end: float, turns: list[Turn]) -> str | None:
    shared: dict[str, float] = {}
    for turn in turns:
        seconds = min(end, turn.end) - max(start, turn.start)
        if seconds > 0:
            shared[turn.speaker] = shared.get(turn.speaker, 0.0) + seconds
    return max(shared, key=lambda speaker: shared[speaker]) if shared else None
