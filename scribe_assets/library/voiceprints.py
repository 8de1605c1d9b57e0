"""The voiceprints of a user's people, kept up to date with the samples in the identity bank."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scribe_assets.artifacts.documents import EnrolledPerson, EnrolledSample, Voiceprints, rounded
from scribe_assets.artifacts.documents.text import MAX_NAME, one_line
from scribe_assets.errors import MediaError, MissingObjectError
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.voices.samples import voice_sample
from scribe_assets.speech.voices.voice import VoiceSample
from scribe_assets.storage.bank import (
    Folder,
    folders,
    read_profile,
    read_voiceprints,
    write_voiceprints,
)
from scribe_assets.storage.s3 import S3Object, S3Storage

if TYPE_CHECKING:
    from pyannote.audio import Model

SampleVersion = tuple[str, str]
"""Key and ETag of a sample."""


def refresh_voiceprints(
    storage: S3Storage,
    user_id: str,
    model_name: str,
    embedder: Callable[[], AbstractContextManager["Model"]],
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Voiceprints, int]:
    """A user's voiceprints as the bank is now, written where they have changed.

    Only what is new is computed: samples that were added or replaced, or all of them where the
    voiceprints were made with another model.

    Args:
        storage: S3.
        user_id: whose bank.
        model_name: the embedding model.
        embedder: gives the model; not called where nothing is to be computed.
        progress: told the fraction of the new samples that is done.

    Returns:
        The voiceprints, and how many samples were new.
    """
    before = read_voiceprints(storage, user_id)
    people = folders(storage, user_id)
    samples: dict[SampleVersion, EnrolledSample] = {}
    if before and before.model == model_name:
        samples = {(s.key, s.etag): s for person in before.people for s in person.samples}
    wanted = [s for person in people if not person.problem for s in person.samples]
    new = [s for s in wanted if (s.key, s.etag) not in samples]
    if new:
        with embedder() as model:
            for sample in _embedded(storage, model, new, progress):
                samples[sample.key, sample.etag] = sample
        # Somebody may have been forgotten while the samples were computed.
        people = folders(storage, user_id)
    enrolled = [_enrolled(storage, folder, samples, before) for folder in people]
    document = Voiceprints(user_id=user_id, model=model_name, people=enrolled)
    if document != before and (before or enrolled):
        write_voiceprints(storage, document)
    return document, len(new)


def _embedded(
    storage: S3Storage,
    model: "Model",
    samples: list[S3Object],
    progress: Callable[[float], None],
) -> Iterator[EnrolledSample]:
    """Embed samples, but for those that were deleted meanwhile."""
    for number, sample in enumerate(samples, start=1):
        try:
            yield _embedded_sample(storage, model, sample)
        except MissingObjectError:
            continue
        progress(number / len(samples))


def _embedded_sample(storage: S3Storage, model: "Model", sample: S3Object) -> EnrolledSample:
    """Embed a sample of the bank; a bad one is kept, with what is wrong with it.

    Raises:
        MissingObjectError: it was deleted.
    """
    etag = sample.etag
    try:
        waveform, etag = _fetch_sample(storage, sample)
        voice = voice_sample(model, waveform)
    except MediaError as error:
        voice = VoiceSample(None, 0.0, problem=str(error))
    return EnrolledSample(
        key=sample.key,
        etag=etag,
        speech_seconds=round(voice.speech_seconds, 3),
        consistency=None if voice.consistency is None else round(voice.consistency, 3),
        problem=voice.problem,
        embedding=rounded(voice.embedding),
    )


def _fetch_sample(storage: S3Storage, sample: S3Object) -> tuple[np.ndarray, str]:
    """A sample as (num_samples,) float32 at 16 kHz, from any audio format, and its ETag.

    Raises:
        MediaError: it is not audio.
        MissingObjectError: it was deleted.
    """
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        file = Path(folder) / "sample"
        downloaded = storage.download(sample.bucket, sample.key, file)
        return decode(file), downloaded.etag


def _enrolled(
    storage: S3Storage,
    folder: Folder,
    samples: dict[SampleVersion, EnrolledSample],
    before: Voiceprints | None,
) -> EnrolledPerson:
    """A person as the bank has them.

    The profile is read only where it is not the one of before, where there was something wrong with
    it, and where the name was kept by a version that took names as they are.
    """
    etag = folder.profile.etag if folder.profile else None
    for person in before.people if before else []:
        same = (person.person_id, person.profile) == (folder.person_id, etag)
        if same and person.problem is None and person.name == one_line(person.name)[:MAX_NAME]:
            name, problem = person.name, None
            break
    else:
        name, problem = read_profile(storage, folder)
    own = (
        []
        if folder.problem
        else [samples.get((sample.key, sample.etag)) for sample in folder.samples]
    )
    return EnrolledPerson(
        person_id=folder.person_id,
        name=name,
        profile=etag,
        problem=problem,
        samples=[sample for sample in own if sample],
    )
