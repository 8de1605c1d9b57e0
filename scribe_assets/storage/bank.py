"""The identity bank in S3: who is enrolled, their voice samples, and the voiceprints made of them.

The bank is written by people, with any program; Scribe only reads it. What it makes of the samples
is one document a user, `voiceprints.json` in the processed bucket.
"""

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.artifacts.documents import (
    EnrolledPerson,
    EnrolledSample,
    Profile,
    Voiceprints,
    rounded,
)
from scribe_assets.errors import DocumentError, MediaError, MissingObjectError
from scribe_assets.speech import media
from scribe_assets.speech.voices.samples import voice_sample
from scribe_assets.speech.voices.voice import VoiceSample
from scribe_assets.storage.layout import voiceprints_key
from scribe_assets.storage.s3 import S3Object, S3Storage

if TYPE_CHECKING:
    from pyannote.audio import Model


@dataclass
class Folder:
    """A person's folder in the bank."""

    person_id: str
    profile: S3Object | None = None
    samples: list[S3Object] = field(default_factory=list)


def folders(storage: S3Storage, user_id: str) -> list[Folder]:
    """Everybody enrolled by a user, in order of their ids. Other users' people are never seen."""
    listed = list(storage.objects(storage.identity_bucket, f"{user_id}/"))
    return by_user(listed).get(user_id, [])


def by_user(listed: list[S3Object]) -> dict[str, list[Folder]]:
    """The people of each user among the objects of a bank."""
    found: dict[str, dict[str, Folder]] = {}
    for item in listed:
        user_id, _, rest = item.key.partition("/")
        person_id, _, path = rest.partition("/")
        name = PurePosixPath(path).name
        if path != "profile.json" and (not path.startswith("voice/") or name.startswith(".")):
            continue
        people = found.setdefault(user_id, {})
        person = people.setdefault(person_id, Folder(person_id))
        if path == "profile.json":
            person.profile = item
        elif not path.endswith("/"):
            person.samples.append(item)
    return {user: [people[key] for key in sorted(people)] for user, people in found.items()}


def version(people: list[Folder]) -> str:
    """Changes when anything does that the people's names and voiceprints are made of."""
    objects = [item for person in people for item in (person.profile, *person.samples) if item]
    told = "\n".join(f"{item.key}\0{item.etag}\0{item.size}" for item in objects)
    folders_ = "\0".join(person.person_id for person in people)
    named = f"{folders_}\n{told}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(named).hexdigest()[:16]


def fetch_sample(storage: S3Storage, sample: S3Object) -> tuple[np.ndarray, str]:
    """A voice sample as (num_samples,) float32 at 16 kHz, from any audio format, and its ETag.

    Raises:
        MediaError: it is not audio.
        MissingObjectError: it was deleted.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        file = Path(folder) / "sample"
        found = storage.download(sample.bucket, sample.key, file)
        return media.decode(file), found.etag


def read_voiceprints(storage: S3Storage, user_id: str) -> Voiceprints | None:
    """A user's voiceprints as they were last computed; None where there are none yet, or where
    somebody has damaged the file: they are computed anew then."""
    key = voiceprints_key(user_id)
    try:
        return Voiceprints.from_json(storage.read(storage.processed_bucket, key), key)
    except (MissingObjectError, DocumentError):
        return None


def write_voiceprints(storage: S3Storage, document: Voiceprints) -> None:
    """Keep a user's voiceprints; where nobody is enrolled, nothing is kept."""
    bucket, key = storage.processed_bucket, voiceprints_key(document.user_id)
    if document.people:
        storage.write(bucket, key, document.to_json(), "application/json")
    else:
        storage.delete(bucket, key)


def refresh_voiceprints(
    storage: S3Storage,
    user_id: str,
    model_name: str,
    embedder: Callable[[], AbstractContextManager["Model"]],
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Voiceprints, int]:
    """A user's voiceprints as the bank is now. Only what is new is computed: samples that were
    added or changed, or all of them for another model.

    Args:
        storage: S3.
        user_id: whose bank.
        model_name: the embedding model.
        embedder: gives the model; not called where nothing is to be computed.
        progress: told the fraction of the samples that is done.

    Returns:
        The voiceprints, and how many samples were embedded.
    """
    known = read_voiceprints(storage, user_id)
    people = folders(storage, user_id)
    samples = {
        (sample.key, sample.etag): sample
        for person in (known.people if known and known.model == model_name else [])
        for sample in person.samples
    }
    missing = [
        sample
        for person in people
        for sample in person.samples
        if (sample.key, sample.etag) not in samples
    ]
    if missing:
        with embedder() as model:
            for number, sample in enumerate(missing, start=1):
                try:
                    found = enrolled_sample(storage, model, sample)
                except MissingObjectError:  # deleted meanwhile
                    continue
                samples[found.key, found.etag] = found
                progress(number / len(missing))
        people = folders(storage, user_id)  # nobody is kept who was forgotten meanwhile
    profiles = {
        (person.person_id, person.profile): person for person in (known.people if known else [])
    }
    enrolled = []
    for folder in people:
        etag = folder.profile.etag if folder.profile else None
        before = profiles.get((folder.person_id, etag))
        name, problem = (before.name, before.problem) if before else read_profile(storage, folder)
        own = [samples.get((sample.key, sample.etag)) for sample in folder.samples]
        enrolled.append(
            EnrolledPerson(
                person_id=folder.person_id,
                name=name,
                profile=etag,
                problem=problem,
                samples=[sample for sample in own if sample],
            )
        )
    document = Voiceprints(user_id=user_id, model=model_name, people=enrolled)
    if document != known and (known or enrolled):
        write_voiceprints(storage, document)
    return document, len(missing)


def read_profile(storage: S3Storage, folder: Folder) -> tuple[str, str | None]:
    """A person's name, and what is wrong with the profile, if anything is."""
    if folder.profile is None:
        return folder.person_id, None
    key = folder.profile.key
    try:
        return Profile.from_json(storage.read(storage.identity_bucket, key), key).name, None
    except DocumentError as error:
        return folder.person_id, f"{error}; the name is {folder.person_id}"
    except MissingObjectError:  # deleted meanwhile
        return folder.person_id, None


def enrolled_sample(storage: S3Storage, model: "Model", sample: S3Object) -> EnrolledSample:
    """Embed a sample of the bank; a bad one is kept with what is wrong with it.

    Raises:
        MissingObjectError: it was deleted.
    """
    etag = sample.etag
    try:
        waveform, etag = fetch_sample(storage, sample)
        found = voice_sample(model, waveform)
    except MediaError as error:
        found = VoiceSample(None, 0.0, problem=str(error))
    return EnrolledSample(
        key=sample.key,
        etag=etag,
        speech_seconds=round(found.speech_seconds, 3),
        consistency=None if found.consistency is None else round(found.consistency, 3),
        problem=found.problem,
        embedding=rounded(found.embedding),
    )
