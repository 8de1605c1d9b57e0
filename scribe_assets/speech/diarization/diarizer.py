"""What every diarization can do, whichever models and clustering it uses."""

from typing import TYPE_CHECKING, Protocol, Self

from scribe_assets.speech.media import Waveform
from scribe_assets.speech.progress import Progress
from scribe_assets.speech.timeline import Timeline

if TYPE_CHECKING:
    import torch


class Diarizer(Protocol):
    """Finds who speaks when."""

    @property
    def networks(self) -> "list[torch.nn.Module]":
        """The networks it computes with, to tell how much memory they take."""

    def to(self, device: "torch.device") -> Self:
        """Move the networks to a device; to `meta`, to give their memory back."""

    def __call__(
        self,
        waveform: Waveform,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Timeline:
        """Find the turns of a recording.

        Args:
            waveform: (num_samples,) float32 at 16 kHz, in memory or in a file.
            num_speakers: how many there are, where that is known.
            min_speakers: at least so many.
            max_speakers: at most so many.
            progress: called with the done fraction.

        Returns:
            Turns in order of time with times of three decimals; speakers may have any labels.
        """
