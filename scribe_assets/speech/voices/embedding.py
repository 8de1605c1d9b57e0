"""Speaker embeddings: a voice as a point, by WeSpeaker's networks
(https://github.com/wenet-e2e/wespeaker)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.errors import PermanentError
from scribe_assets.speech.compute import one_core_each
from scribe_assets.speech.media import SAMPLE_RATE

if TYPE_CHECKING:
    from pyannote.audio import Model

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding

WINDOW = 10 * SAMPLE_RATE
"""Samples embedded at once. The embedding of more speech is a mean over windows of this length, so
that memory stays bounded."""


MIN_SAMPLES = SAMPLE_RATE // 4
"""Less speech (0.25 s) gives no embedding."""


def load_campplus(checkpoint: Path) -> "WeSpeakerEmbedding":
    """3D-Speaker's CAM++ for Chinese and English (192 numbers), in WeSpeaker's network."""
    import torch

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding, wespeaker_network

    network = wespeaker_network("CAMPPlus", feat_dim=80, embed_dim=192)
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    return WeSpeakerEmbedding(network, 192).eval()


def load_wespeaker(folder: Path) -> "WeSpeakerEmbedding":
    """Any fbank model of WeSpeaker's, from a folder with `avg_model.pt` and `config.yaml`.

    Raises:
        PermanentError: the folder does not hold such a model.
    """
    import torch
    import yaml

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding, wespeaker_network

    try:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        network = wespeaker_network(config["model"], **config["model_args"])
        weights = torch.load(folder / "avg_model.pt", map_location="cpu", weights_only=True)
        # Checkpoints also carry the projection used in training, which has no place here.
        result = network.load_state_dict(weights, strict=False)
        if result.missing_keys:
            raise ValueError(f"avg_model.pt lacks {result.missing_keys[0]}")
        dimension = config["model_args"]["embed_dim"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, yaml.YAMLError) as error:
        raise PermanentError(
            f"{folder} is not a WeSpeaker model folder with avg_model.pt and config.yaml "
            f"({error}); check SCRIBE_EMBEDDING_MODEL"
        ) from error
    return WeSpeakerEmbedding(network, dimension).eval()


def embed(model: "Model", speech: list[np.ndarray]) -> np.ndarray | None:
    """Embed the speech of one voice; see `embed_voices`."""
    return embed_voices(model, [speech])[0]


def embed_voices(model: "Model", voices: Sequence[list[np.ndarray]]) -> list[np.ndarray | None]:
    """Embed the speech of several voices, on a CPU several windows at a time.

    Args:
        model: a pyannote.audio speaker embedding model, such as those loaded here.
        voices: of each, parts of (num_samples,) float32 at 16 kHz.

    Returns:
        Of each, (dimension,) float64 of length 1, the mean of the windows' embeddings weighted by
        their length; None where there is too little speech (less than 0.25 s).
    """
    import torch

    def embedded(item: tuple[int, np.ndarray]) -> tuple[int, np.ndarray]:
        number, window = item
        with torch.inference_mode():
            output = model(torch.from_numpy(window)[None, None].to(model.device))[0]
        embedding = output.cpu().numpy().astype(np.float64)
        norm = np.linalg.norm(embedding)
        known = np.isfinite(norm) and norm > 0
        return number, embedding / norm * len(window) if known else np.zeros_like(embedding)

    totals: list[np.ndarray | None] = [None] * len(voices)
    with one_core_each(model.device) as apply:
        for number, part in apply(embedded, _windows(voices)):
            total = totals[number]
            totals[number] = part if total is None else total + part
    return [
        total / np.linalg.norm(total) if total is not None and total.any() else None
        for total in totals
    ]


def _windows(voices: Sequence[list[np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
    """The number of each voice with each of its windows; none of too little speech."""
    for number, speech in enumerate(voices):
        if sum(map(len, speech)) >= MIN_SAMPLES:
            voice = np.concatenate(speech)
            count = max(1, round(len(voice) / WINDOW))
            yield from ((number, window) for window in np.array_split(voice, count))
