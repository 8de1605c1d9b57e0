"""Networks as pyannote.audio models.

This module imports torch and pyannote at its top, because it defines a subclass of their classes;
everybody imports it inside a function."""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import torch
import torchaudio.compliance.kaldi as kaldi
from pyannote.audio import Model
from torch.nn import functional

# WeSpeaker's file of each family of networks (wespeaker/models/speaker_model.py).
WESPEAKER_FAMILIES = {
    "CAMPPlus": "campplus",
    "ECAPA_TDNN": "ecapa_tdnn",
    "ERes2Net": "eres2net",
    "Gemini": "gemini_dfresnet",
    "REPVGG": "repvgg",
    "ReDimNet2": "redimnet2",
    "ReDimNet": "redimnet",
    "Res2Net": "res2net",
    "ResNet": "resnet",
    "SimAM_ResNet": "samresnet",
    "XI_VEC": "xi_vector",
    "XVEC": "tdnn",
}


def wespeaker_network(name: str, **arguments: Any) -> torch.nn.Module:
    """Make one of WeSpeaker's networks that take fbank features, by the name in its config.yaml.

    Raises:
        ValueError: WeSpeaker has no such network, or it takes something else than fbank.
    """
    for prefix, module in WESPEAKER_FAMILIES.items():
        if name.startswith(prefix):
            network: torch.nn.Module = getattr(_wespeaker_module(module), name)(**arguments)
            return network
    raise ValueError(
        f"{name!r} is none of WeSpeaker's fbank networks: {', '.join(WESPEAKER_FAMILIES)}"
    )


def _wespeaker_module(name: str) -> ModuleType:
    """Import one file of `wespeaker.models` without running `wespeaker/__init__.py`.

    That file imports the whole toolkit, s3prl among it, which fails with torchaudio >= 2.9.
    """
    if "wespeaker" not in sys.modules:
        spec = importlib.util.find_spec("wespeaker")
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError("the package wespeaker-unofficial is not installed")
        package = ModuleType("wespeaker")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["wespeaker"] = package
    return importlib.import_module(f"wespeaker.models.{name}")


class WeSpeakerEmbedding(Model):
    """A WeSpeaker network as a pyannote.audio speaker embedding model.

    Features are those WeSpeaker trains on: 80 Kaldi mel filter banks, 25 ms every 10 ms, without
    dither, on 16 bit sample values, centred over the speech they come from
    (https://github.com/wenet-e2e/wespeaker, wespeaker/cli/speaker.py).

    With weights, a speaker's frames are selected before the network, not pooled after it: the
    context masking of CAM++ (https://arxiv.org/abs/2303.00332) averages over all frames it is
    given, so another speaker in the window would leak into the embedding.
    """

    MIN_FRAMES = 25
    """Fewer frames (0.25 s) of speech give no embedding, but NaN."""

    def __init__(self, network: torch.nn.Module, dimension: int):
        super().__init__(sample_rate=16_000, num_channels=1)
        self.network = network
        self._dimension = dimension

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._dimension

    def fbank(self, waveform: torch.Tensor) -> torch.Tensor:
        """(1, num_samples) in [-1, 1] -> (num_frames, 80), not centred.

        In full precision, whatever the network computes with: the power of a sound does not fit
        into 16 bit floats.
        """
        with torch.autocast(waveform.device.type, enabled=False):
            return kaldi.fbank(
                waveform.float() * (1 << 15),
                num_mel_bins=80,
                frame_length=25.0,
                frame_shift=10.0,
                dither=0.0,
                sample_frequency=16_000,
                window_type="hamming",
                use_energy=False,
            )

    def forward(  # type: ignore[override]
        self, waveforms: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Embed the speech of one speaker in each waveform.

        Args:
            waveforms: (batch, 1, num_samples) in [-1, 1].
            weights: (batch, num_weights), the frames where the speaker speaks (above 0.5).

        Returns:
            (batch, dimension); NaN where there are fewer than `MIN_FRAMES` frames of speech.
        """
        batch, _, num_samples = waveforms.shape
        embeddings = waveforms.new_full((batch, self.dimension), torch.nan)
        if num_samples < 400:  # less than one 25 ms frame
            return embeddings
        features: torch.Tensor | None = None
        for index in range(batch):
            if features is None or not torch.equal(waveforms[index], waveforms[index - 1]):
                features = self.fbank(waveforms[index])
            frames = features
            if weights is not None:
                mask = functional.interpolate(
                    weights[index][None, None], size=len(features), mode="nearest"
                )[0, 0]
                frames = features[mask > 0.5]
            if len(frames) < self.MIN_FRAMES:
                continue
            output = self.network((frames - frames.mean(dim=0))[None])
            # WeSpeaker's ResNets return (first embedding, second); the last is the one to use.
            embeddings[index] = (output[-1] if isinstance(output, tuple) else output)[0]
        return embeddings

    def frames(self, waveforms: torch.Tensor) -> torch.Tensor:
        """The network's view of each moment, before it is pooled over time.

        Args:
            waveforms: (batch, num_samples) in [-1, 1].

        Returns:
            (batch, num_frames, num_features), for CAM++ a frame every 20 ms.
        """
        features = torch.stack([self.fbank(waveform[None]) for waveform in waveforms])
        network: Any = self.network
        level: torch.Tensor = network.get_frame_level_feat(
            features - features.mean(dim=1, keepdim=True)
        )
        return level

    def pool(self, sums: torch.Tensor, squares: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        """Embed by the statistics of frames (CAM++).

        Args:
            sums: (batch, num_features) of the frames.
            squares: the same of their squares.
            number: (batch, 1) how many frames, at least 2.

        Returns:
            (batch, dimension).
        """
        mean = sums / number
        variance = ((squares - sums * mean) / (number - 1)).clamp(min=0)
        # The small number is the one WeSpeaker's pooling adds (wespeaker/models/pooling_layers.py).
        statistics = torch.cat([mean, torch.sqrt(variance + 1e-7)], dim=1)
        network: Any = self.network
        embedding: torch.Tensor = network.xvector.dense(statistics.float())
        return embedding
