"""The diarizations there are, ready to use, and the call that everybody makes: `diarize`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribe_assets.errors import PermanentError
from scribe_assets.speech.diarization.diarizer import Diarizer
from scribe_assets.speech.diarization.embedding import StretchEmbedder
from scribe_assets.speech.diarization.pyannote_internals import (
    embedding_of,
    plda_of,
    segmentation_of,
)
from scribe_assets.speech.diarization.segmentation import WindowSegmentation
from scribe_assets.speech.diarization.turns import TurnDiarization, TurnParameters
from scribe_assets.speech.diarization.voice_change import WatchedForChange
from scribe_assets.speech.media import Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Timeline, in_order_of_speech

if TYPE_CHECKING:
    from pyannote.audio.pipelines import SpeakerDiarization

    from scribe_assets.speech.diarization.pyannote_pipeline import PyannoteDiarization
    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding

SEGMENTATION_STEP = 0.2
"""Share of a window by which the next one is later: 2 s."""


BATCH_SIZE = 32
"""Windows, or stretches of the same length, that a GPU computes at once."""


def default_diarizer(segmentation: Path, embedding: "WeSpeakerEmbedding") -> TurnDiarization:
    """The default diarization, with weights that need no token.

    Args:
        segmentation: checkpoint of pyannote's segmentation-3.0.
        embedding: CAM++, to cluster with.
    """
    from pyannote.audio import Inference
    from pyannote.audio.pipelines.utils import get_model

    model: Any = get_model(str(segmentation))
    duration = model.specifications.duration
    inference = Inference(
        model,
        duration=duration,
        step=SEGMENTATION_STEP * duration,
        skip_aggregation=True,
        batch_size=BATCH_SIZE,
    )
    parameters = TurnParameters()
    return TurnDiarization(
        WindowSegmentation(inference),
        StretchEmbedder(WatchedForChange(embedding, parameters.change), BATCH_SIZE),
        parameters,
    )


def pretrained_diarizer(name: str, hf_token: str | None) -> Diarizer:
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


def one_pass(stock: "SpeakerDiarization") -> "PyannoteDiarization":
    """The same pipeline, with its models, clustering and parameters, at a fraction of the work."""
    from scribe_assets.speech.diarization.pyannote_pipeline import (
        OnePassPipeline,
        PyannoteDiarization,
    )

    pipeline = OnePassPipeline(
        segmentation=segmentation_of(stock).model,
        segmentation_step=stock.segmentation_step,
        embedding=embedding_of(stock),
        embedding_exclude_overlap=stock.embedding_exclude_overlap,
        plda=plda_of(stock),
        clustering=stock.klustering,
        segmentation_batch_size=BATCH_SIZE,
        embedding_batch_size=BATCH_SIZE,
    )
    pipeline.instantiate(stock.parameters(instantiated=True))
    return PyannoteDiarization(pipeline)


def diarize(
    diarizer: Diarizer,
    waveform: Waveform,
    num_speakers: int | None = None,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
    progress: Progress | None = None,
) -> Timeline:
    """Find the speakers' turns.

    Args:
        diarizer: see `default_diarizer` and `pretrained_diarizer`.
        waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
        num_speakers: how many there are, where that is known.
        min_speakers: at least so many.
        max_speakers: at most so many.
        progress: called with the done fraction.

    Returns:
        Turns with times of three decimals; speakers are labelled in the order of their speech.
    """
    return in_order_of_speech(
        diarizer(waveform, num_speakers, min_speakers, max_speakers, progress)
    )
