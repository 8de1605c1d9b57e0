"""How uploads are converted in an installation, as a resource."""

from dataclasses import dataclass
from typing import Self

from scribe_assets.settings import Settings
from scribe_assets.speech.media.limits import MediaLimits
from scribe_assets.speech.tracks.channels import Wish


@dataclass(frozen=True)
class MediaRules:
    """What an upload may take of this machine, and which of its tracks are taken where its options
    say nothing."""

    limits: MediaLimits
    tracks: Wish

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The rules of an installation."""
        return cls(
            limits=MediaLimits(
                hours=settings.max_hours,
                channels=settings.max_channels,
                min_sample_rate=settings.min_sample_rate,
                max_sample_rate=settings.max_sample_rate,
                decoded_gb=settings.max_decoded_gb,
                memory_gb=settings.ffmpeg_memory_gb,
                cpu_hours=settings.ffmpeg_cpu_hours,
                stall_seconds=settings.ffmpeg_stall_seconds,
            ),
            tracks=settings.tracks,
        )
