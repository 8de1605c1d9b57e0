"""Who speaks when, not yet by name: pyannote.audio's speaker diarization
(https://github.com/pyannote/pyannote-audio)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scribe_assets.errors import PermanentError
from scribe_assets.speech.media import SAMPLE_RATE, AudioFile, Progress, Waveform

if TYPE_CHECKING:
    from pyannote.audio import Pipeline
    from pyannote.audio.pipelines import SpeakerDiarization
    from pyannote.core import Annotation

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding
from scribe_assets.speech.timeline import Timeline, Turn, in_order_of_speech

# See docs/decisions/0003-diarization.md for what was measured.
CLUSTERING = {"threshold": 0.52, "min_seconds": 3.0, "change": 0.5}


SEGMENTATION_STEP = 0.2
"""Share of a window by which the next one is later: 2 s."""


BATCH_SIZE = 32


# Share of the time a stage of the pipeline takes, for one progress figure.
STAGES = {"segmentation": (0.0, 0.5), "embeddings": (0.5, 1.0)}


def default_pipeline(segmentation: Path, embedding: "WeSpeakerEmbedding") -> "Pipeline":
    """pyannote's pipeline with weights that need no token.

    Args:
        segmentation: checkpoint of pyannote's segmentation-3.0.
        embedding: the speaker embedding model to cluster with.
    """
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines.utils import get_model

    from scribe_assets.speech.diarization.one_pass import TurnDiarization

    pipeline = TurnDiarization(
        segmentation=get_model(str(segmentation)),
        embedding=embedding,
        # It insists on a PLDA object, which only VBx clustering uses.
        plda=PLDA.__new__(PLDA),
        segmentation_step=SEGMENTATION_STEP,
        segmentation_batch_size=BATCH_SIZE,
        embedding_batch_size=BATCH_SIZE,
    )
    pipeline.instantiate({"segmentation": {"min_duration_off": 0.0}, "clustering": CLUSTERING})
    return pipeline


def pretrained_pipeline(name: str, hf_token: str | None) -> "Pipeline":
    """A pyannote pipeline by its name on the Hugging Face hub, or from a folder.

    Raises:
        PermanentError: it cannot be had, or is not a speaker diarization pipeline.
    """
    from huggingface_hub.errors import HfHubHTTPError
    from pyannote.audio import Pipeline
    from pyannote.audio.pipelines import SpeakerDiarization

    advice = (
        "set SCRIBE_DIARIZATION_MODEL to 'default', a folder or a pyannote pipeline name, accept "
        "its conditions on huggingface.co and set HF_TOKEN where it is gated"
    )
    try:
        pipeline = Pipeline.from_pretrained(name, token=hf_token)
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise PermanentError(
            f"the diarization pipeline {name!r} cannot be loaded ({error}); {advice}"
        ) from error
    if not isinstance(pipeline, SpeakerDiarization):
        raise PermanentError(f"{name!r} gives no speaker diarization pipeline; {advice}")
    return one_pass(pipeline)


def one_pass(stock: "SpeakerDiarization") -> "Pipeline":
    """The same pipeline, with its models, clustering and parameters, at a fraction of the work."""
    from scribe_assets.speech.diarization.one_pass import OnePassDiarization

    pipeline = OnePassDiarization(
        segmentation=stock._segmentation.model,
        segmentation_step=stock.segmentation_step,
        embedding=stock._embedding.model_,
        embedding_exclude_overlap=stock.embedding_exclude_overlap,
        plda=cast(Any, stock._plda),
        clustering=stock.klustering,
        segmentation_batch_size=BATCH_SIZE,
        embedding_batch_size=BATCH_SIZE,
    )
    pipeline.instantiate(stock.parameters(instantiated=True))
    return pipeline


def diarize(
    pipeline: "Pipeline",
    waveform: Waveform,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    progress: Progress | None = None,
) -> Timeline:
    """Find the speakers' turns.

    Args:
        pipeline: see `default_pipeline` and `pretrained_pipeline`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        num_speakers: how many there are, where it is known.
        min_speakers: at least so many.
        max_speakers: at most so many.
        progress: called with the done fraction.
    """
    import torch

    def hook(stage: str, _: Any, file: Any = None, total: int = 0, completed: int = 0) -> None:
        del file
        if progress and stage in STAGES and total:
            first, last = STAGES[stage]
            progress(first + (last - first) * completed / total)

    file: dict[str, Any] = {"uri": "recording"}
    if isinstance(waveform, AudioFile):
        file["audio"] = str(waveform.path)
    else:
        file |= {"waveform": torch.from_numpy(waveform)[None], "sample_rate": SAMPLE_RATE}
    output: Any = pipeline(
        file,
        num_speakers=num_speakers,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        hook=hook,
    )
    duration = len(waveform) / SAMPLE_RATE
    return in_order_of_speech(
        Timeline(
            _turns(output.speaker_diarization, duration),
            _turns(output.exclusive_speaker_diarization, duration),
        )
    )


def _turns(annotation: "Annotation", duration: float) -> list[Turn]:
    """Turns in order of time, within the recording (the last window reaches beyond it)."""
    turns = [
        Turn(round(max(0.0, segment.start), 3), round(min(segment.end, duration), 3), str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    ]
    return sorted(turn for turn in turns if turn.end > turn.start)
