"""The identity bank in S3: who is enrolled, and their voice samples."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from scribe_assets.artifacts.documents import DocumentError, Profile
from scribe_assets.speech import audio
from scribe_assets.storage.layout import profile_key
from scribe_assets.storage.s3 import S3Object, S3Storage


@dataclass(frozen=True)
class Person:
    """An enrolled person; `problem` says what is wrong with the profile, if anything is."""

    user_id: str
    person_id: str
    name: str
    samples: list[S3Object] = field(default_factory=list)
    problem: str | None = None


def people(storage: S3Storage, user_id: str) -> list[Person]:
    """Everybody enrolled by a user, in order of their ids. Other users' people are never seen."""
    samples: dict[str, list[S3Object]] = {}
    profiles: set[str] = set()
    for item in storage.objects(storage.identity_bucket, f"{user_id}/"):
        person_id, _, path = item.key.removeprefix(f"{user_id}/").partition("/")
        if path == "profile.json":
            profiles.add(person_id)
        elif path.startswith("voice/") and not PurePosixPath(path).name.startswith("."):
            samples.setdefault(person_id, [])
            if not path.endswith("/"):
                samples[person_id].append(item)
    found = []
    for person_id in sorted(profiles | samples.keys()):
        name, problem = person_id, None
        if person_id in profiles:
            key = profile_key(user_id, person_id)
            try:
                name = Profile.from_json(storage.read(storage.identity_bucket, key), key).name
            except DocumentError as error:
                problem = str(error)
        found.append(Person(user_id, person_id, name, samples.get(person_id, []), problem))
    return found


def fetch_sample(storage: S3Storage, sample: S3Object) -> np.ndarray:
    """A voice sample as (num_samples,) float32 at 16 kHz, from any audio format.

    Raises:
        MediaError: it is not audio.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        file = Path(folder) / "sample"
        storage.download(sample.bucket, sample.key, file)
        return audio.decode(file)
