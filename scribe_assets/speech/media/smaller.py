"""Converted audio in a file small enough to be sent with a page."""

import subprocess
from pathlib import Path

from scribe_assets.errors import MediaError
from scribe_assets.speech.media.ffmpeg import ffmpeg_binary

CONTENT_TYPE = "audio/mpeg"
"""MP3, which every browser plays and finds its place in."""

BIT_RATES = (32_000, 24_000, 16_000)
"""Bits a second, of speech at 16 kHz; the more, the better it sounds."""


def bit_rate_for(seconds: float, most_bytes: int) -> int | None:
    """The best bit rate with which so much sound fits; None where it does not fit with any.

    >>> [bit_rate_for(3600 * hours, 24_000_000) for hours in (1, 2, 10)]
    [32000, 24000, None]
    """
    return next((rate for rate in BIT_RATES if seconds * rate / 8 <= most_bytes), None)


def make_smaller(source: Path, target: Path, bit_rate: int) -> None:
    """Write converted audio as MP3, on the same timeline: the header says how many samples the
    encoder put before it, which needs a target that is a file.

    Raises:
        MediaError: the audio cannot be read.
    """
    command = [
        *(ffmpeg_binary(), "-nostdin", "-v", "error", "-y", "-i", str(source)),
        *("-c:a", "libmp3lame", "-b:a", str(bit_rate), "-f", "mp3", str(target)),
    ]
    made = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if made.returncode:
        why = made.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise MediaError(f"{source.name} cannot be made smaller: {why}")
