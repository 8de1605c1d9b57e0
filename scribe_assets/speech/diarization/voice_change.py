"""CAM++ on stretches of speech, with an eye on changes of speaker that segmentation has missed.

CAM++ (https://arxiv.org/abs/2303.00332) computes features of every 20 ms and pools their mean and
standard deviation into an embedding. From running sums of the features, the embeddings of both
sides of any moment cost next to nothing; where the two sides are unlike, the speaker has changed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scribe_assets.speech.compute import half_precision_on_gpu
from scribe_assets.speech.diarization.embedding import Embedded

if TYPE_CHECKING:
    import torch

    from scribe_assets.speech.voices.networks import WeSpeakerEmbedding

SIDE_SECONDS = 1.0
"""How much speech there must be on either side of a moment to compare the voices."""


HOP_SECONDS = 0.2
"""A stretch is tried for a change of speaker every so often."""


class WatchedForChange:
    """Embeds stretches with CAM++, and says where the speaker changes.

    Args:
        model: CAM++.
        change: cosine similarity of the two sides of a moment below which the speaker has changed.
    """

    def __init__(self, model: "WeSpeakerEmbedding", change: float):
        self.model = model
        self._change = change

    def __call__(self, waveforms: "torch.Tensor", seconds: Sequence[float]) -> list[Embedded]:
        """See `StretchNetwork`."""
        import torch

        with torch.inference_mode():
            with half_precision_on_gpu(self.model.device):
                features = self.model.frames(waveforms)
            return [
                self._pool(own, duration)
                for own, duration in zip(features.float(), seconds, strict=True)
            ]

    def _pool(self, frames: "torch.Tensor", seconds: float) -> Embedded:
        """Embed a stretch as a whole, and both sides of each moment that is tried in it.

        Args:
            frames: (num_frames, num_features) of the stretch.
            seconds: how long it is.
        """
        import torch

        per_second = len(frames) / seconds
        side, hop = round(SIDE_SECONDS * per_second), round(HOP_SECONDS * per_second)
        places = range(side, len(frames) - side + 1, hop)
        tried = torch.tensor(places, dtype=torch.long, device=frames.device)
        sums, squares = frames.double().cumsum(0), frames.double().square().cumsum(0)
        whole = torch.tensor([len(frames)], device=frames.device)
        ends = torch.cat([whole, tried]) - 1
        before = [sums[ends], squares[ends], (ends + 1)[:, None]]
        after = [part[:1] - part[1:] for part in before]
        stacked = [torch.cat(parts) for parts in zip(before, after, strict=True)]
        vectors = self.model.pool(*stacked)
        embedding = vectors[0].cpu().numpy()
        if len(tried) == 0:
            return Embedded(embedding)
        left, right = vectors[1 : len(tried) + 1], vectors[len(tried) + 1 :]
        similarity = torch.cosine_similarity(left, right)
        lowest = int(similarity.argmin())
        if float(similarity[lowest]) < self._change:
            return Embedded(embedding, float(tried[lowest]) / per_second)
        return Embedded(embedding)
