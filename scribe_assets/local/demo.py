"""The demonstration: the telephone call that pyannote.audio ships, and its two speakers."""

import tempfile
from pathlib import Path

from scribe_assets.library import people
from scribe_assets.speech import media
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.engine.weights import package_folder
from scribe_assets.speech.timeline import Span
from scribe_assets.storage.s3 import S3Object, S3Storage

USER = "demo"
"""A user of its own, so that the two strangers are in nobody else's identity bank."""

KEY = f"{USER}/telephone-call.wav"

# Turns of the recording (seconds), from the transcript that lies beside it.
VOICES = {
    "Diane": [Span(10.78, 14.18), Span(17.79, 21.47)],
    "Sheila": [Span(14.44, 17.76), Span(24.06, 28.42)],
}


def sample() -> Path:
    """The recording: 30 s, two speakers."""
    return package_folder("pyannote") / "audio" / "sample" / "sample.wav"


def enrol(storage: S3Storage, user: str = USER) -> None:
    """Put both voices into the identity bank."""
    import soundfile

    waveform = decode(sample())
    for name, turns in VOICES.items():
        with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
            files = []
            for number, samples in enumerate(media.cut(waveform, turns), start=1):
                file = Path(folder) / f"sample-{number}.wav"
                soundfile.write(file, samples, media.SAMPLE_RATE)
                files.append(file)
            people.enrol(storage, user, name.lower(), files, name)


def upload(storage: S3Storage) -> S3Object:
    """Upload the recording."""
    storage.upload(sample(), storage.uploads_bucket, KEY, "audio/wav")
    return storage.head(storage.uploads_bucket, KEY)
