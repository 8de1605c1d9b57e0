"""The private attributes of pyannote.audio's pipelines that are used here, each with its reason.

After an upgrade of pyannote.audio, look here first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyannote.audio import Inference, Model
    from pyannote.audio.pipelines import SpeakerDiarization


def segmentation_of(pipeline: "SpeakerDiarization") -> "Inference":
    """Its segmentation model, with device, step and batch size: the public `segmentation_model` may
    be only a name."""
    inference: Inference = pipeline._segmentation
    return inference


def embedding_of(pipeline: "SpeakerDiarization") -> "Model":
    """Its embedding model as a network: what stands around it embeds with masks only, and the
    public `embedding` may be only a name."""
    model: Model = pipeline._embedding.model_
    return model


def plda_of(pipeline: "SpeakerDiarization") -> Any:
    """Its loaded PLDA model, for VBx clustering: the public `plda` may be only a name."""
    return pipeline._plda
