"""The demonstration: the telephone call that pyannote.audio ships, and its two speakers."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from scribe_assets.artifacts.documents import Profile
from scribe_assets.speech import media
from scribe_assets.speech.engine.weights import package_folder
from scribe_assets.storage.layout import profile_key, voice_prefix
from scribe_assets.storage.s3 import S3Object, S3Storage

USER = "demo"
"""A user of its own, so that nobody's bank has two strangers in it."""

KEY = f"{USER}/telephone-call.wav"

# Turns of the recording (seconds), from the transcript that lies beside it.
VOICES = {
    "Diane": [(10.78, 14.18), (17.79, 21.47)],
    "Sheila": [(14.44, 17.76), (24.06, 28.42)],
}


def sample() -> Path:
    """The recording: 30 s, two speakers."""
    return package_folder("pyannote") / "audio" / "sample" / "sample.wav"


def enrol(storage: S3Storage, user: str = USER) -> None:
    """Put both voices into the identity bank."""
    import soundfile

    waveform = media.decode(sample())
    bucket = storage.identity_bucket
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        for name, turns in VOICES.items():
            person = name.lower()
            for number, samples in enumerate(media.cut(waveform, turns), start=1):
                clip = Path(folder) / f"sample-{number}.wav"
                soundfile.write(clip, samples, media.SAMPLE_RATE)
                key = f"{voice_prefix(user, person)}{clip.name}"
                storage.upload(clip, bucket, key, "audio/wav")
            profile = Profile(name=name, created_at=datetime.now(UTC))
            storage.write(bucket, profile_key(user, person), profile.to_json(), "application/json")


def upload(storage: S3Storage) -> S3Object:
    """Upload the recording."""
    storage.upload(sample(), storage.uploads_bucket, KEY, "audio/wav")
    return storage.head(storage.uploads_bucket, KEY)
