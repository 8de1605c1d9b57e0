"""WeSpeaker's networks as pyannote models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_a_network_of_another_kind_is_refused() -> None:
    from scribe_assets.speech.voices.networks import wespeaker_network

    with pytest.raises(ValueError, match="none of WeSpeaker's fbank networks"):
        wespeaker_network("whisper_PMFA_large_v2")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ResNet34", {"feat_dim": 80, "embed_dim": 256, "pooling_func": "TSTP"}),
        ("ECAPA_TDNN_c512", {"feat_dim": 80, "embed_dim": 192, "pooling_func": "ASTP"}),
        ("SimAM_ResNet34_ASP", {"embed_dim": 256}),
    ],
)
def test_other_wespeaker_folders_load(tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    import torch
    import yaml

    from scribe_assets.speech.voices.embedding import embed, load_wespeaker
    from scribe_assets.speech.voices.networks import wespeaker_network

    network = wespeaker_network(name, **arguments)
    extra = {"projection.weight": torch.zeros(2, 2)}
    torch.save(network.state_dict() | extra, tmp_path / "avg_model.pt")
    (tmp_path / "config.yaml").write_text(yaml.dump({"model": name, "model_args": arguments}))
    model = load_wespeaker(tmp_path)
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    embedding = embed(model, [noise])
    assert embedding is not None
    assert embedding.shape == (arguments["embed_dim"],)
    assert np.isclose(np.linalg.norm(embedding), 1)


def test_a_wrong_folder_says_what_is_wrong(tmp_path: Path) -> None:
    from scribe_assets.errors import PermanentError
    from scribe_assets.speech.voices.embedding import load_wespeaker

    with pytest.raises(PermanentError, match="not a WeSpeaker model folder"):
        load_wespeaker(tmp_path)


def test_too_little_speech_gives_nan() -> None:
    import torch

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding, wespeaker_network

    model = WeSpeakerEmbedding(
        wespeaker_network("CAMPPlus", feat_dim=80, embed_dim=192), 192
    ).eval()
    waveforms = torch.randn(2, 1, 16_000) * 0.1
    weights = torch.zeros(2, 59)
    weights[1, :30] = 1
    with torch.inference_mode():
        embeddings = model(waveforms, weights)
    assert embeddings[0].isnan().all()
    assert not embeddings[1].isnan().any()


def test_in_half_precision_a_loud_voice_is_embedded_nearly_the_same() -> None:
    """Its power, squared 16 bit numbers, does not fit into 16 bit floats."""
    import torch

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding, wespeaker_network

    torch.manual_seed(0)
    model = WeSpeakerEmbedding(wespeaker_network("CAMPPlus", feat_dim=80, embed_dim=192), 192)
    noise = np.random.default_rng(0).normal(0, 0.3, (1, 32_000)).astype(np.float32)
    loud = torch.from_numpy(noise)
    with torch.inference_mode():
        full = model.eval().frames(loud)
        with torch.autocast("cpu", torch.float16):
            half = model.frames(loud).float()
    assert torch.isfinite(half).all()
    assert torch.cosine_similarity(full.mean(1), half.mean(1)).item() > 0.999
