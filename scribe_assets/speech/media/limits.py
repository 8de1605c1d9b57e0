"""How much of this machine one file may take, whatever it says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MediaLimits:
    """Bounds of a conversion. A file that passes one is refused, with a sentence that names it.

    Attributes:
        hours: of sound, on the file's own timeline.
        channels: in all audio tracks together.
        min_sample_rate: in Hz; a header that says less is damaged.
        max_sample_rate: in Hz.
        decoded_gb: of disk that the decoded sound may take while it is looked at.
        memory_gb: of address space that ffmpeg may take.
        cpu_hours: of processor time that ffmpeg may take.
        stall_seconds: without a sound from ffmpeg, after which it is stopped.
    """

    hours: float = 24.0
    channels: int = 64
    min_sample_rate: int = 1_000
    max_sample_rate: int = 768_000
    decoded_gb: float = 64.0
    memory_gb: float = 4.0
    cpu_hours: float = 4.0
    stall_seconds: float = 120.0


DEFAULT_LIMITS = MediaLimits()
