"""What people do with an identity bank: enrol a voice, list who is known, forget somebody.

The names in recordings follow from it: `naming.refresh_names` writes them anew, and where a stack
runs, its sensor on the bank does that within seconds.
"""

import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scribe_assets.artifacts.documents import (
    Diarization,
    EnrolledPerson,
    Profile,
    Result,
)
from scribe_assets.errors import DocumentError, MediaError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech import media
from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.timeline import Timeline, clean_spans, longest
from scribe_assets.speech.voices.samples import MAX_SPEECH_SECONDS, MIN_SPEECH_SECONDS
from scribe_assets.storage import bank
from scribe_assets.storage.layout import (
    AUDIO,
    person_prefix,
    processed_key,
    profile_key,
    voice_prefix,
)
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage

PERSON_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_SEARCHED = 500
"""Results that are read at most to find out when somebody was last heard."""

READERS = 16


def check_ids(user_id: str, person_id: str) -> None:
    """Check that a person can be enrolled by this id.

    Raises:
        UsageError: the id of the person or of the user cannot be one.
    """
    if not PERSON_ID.fullmatch(person_id):
        raise UsageError(f"{person_id!r} is no person id; use letters, digits, dots, _ and -")
    if "/" in user_id or user_id in (".", ".."):
        raise UsageError(f"{user_id!r} is no user; a user is the first folder of an upload key")


def enrol(
    storage: S3Storage,
    user_id: str,
    person_id: str,
    samples: Sequence[Path],
    name: str | None = None,
) -> list[str]:
    """Enrol a person from files in which nobody else speaks, or add samples to one who is enrolled.

    Args:
        storage: S3; missing buckets are made.
        user_id: in whose recordings the person is to be named.
        person_id: a short id, such as `emmanuel`.
        samples: any audio or video; each keeps its name.
        name: the name to show; None: the one that the person has, or the id.

    Returns:
        The URIs of the samples in S3.

    Raises:
        UsageError: an id cannot be one, two samples have the same name, or there is not enough
            speech in one. Then nothing is written.
    """
    check_ids(user_id, person_id)
    names = [sample.name for sample in samples]
    if len(set(names)) < len(names) or any(name.startswith(".") for name in names):
        raise UsageError("give each sample a name of its own that does not begin with a dot")
    for sample in samples:
        check_sample(sample)
    storage.ensure_buckets()
    bucket, folder = storage.identity_bucket, voice_prefix(user_id, person_id)
    uris = [
        storage.upload(sample, bucket, f"{folder}{sample.name}", "application/octet-stream")
        for sample in samples
    ]
    profile = profile_key(user_id, person_id)
    if name or not storage.exists(bucket, profile):
        document = Profile(name=name or person_id, created_at=datetime.now(UTC))
        storage.write(bucket, profile, document.to_json(), "application/json")
    return uris


def enrol_from_recording(
    storage: S3Storage, ref: RecordingRef, speaker: str, person_id: str, name: str | None = None
) -> list[str]:
    """Enrol a speaker of a processed recording, by what this speaker says while nobody else speaks.

    Args:
        storage: S3.
        ref: the recording; the person is enrolled for its user.
        speaker: the label, such as `SPEAKER_01`.
        person_id: see `enrol`.
        name: see `enrol`.

    Returns:
        The URI of the sample in S3.

    Raises:
        UsageError: as `enrol`, or there is no such speaker, or this one never speaks alone.
    """
    check_ids(ref.user_id, person_id)
    with tempfile.TemporaryDirectory(prefix="scribe-") as folder:
        sample = cut_sample(storage, ref, speaker, Path(folder))
        return enrol(storage, ref.user_id, person_id, [sample], name)


def check_sample(file: Path) -> None:
    """Check that somebody could be recognised by a sample.

    Raises:
        UsageError: it is not audio or video, or has too little speech.
    """
    try:
        regions = speech_regions(decode(file))
    except MediaError as error:
        raise UsageError(f"{file}: {error}") from error
    seconds = sum(region.duration for region in regions) / media.SAMPLE_RATE
    if seconds < MIN_SPEECH_SECONDS:
        raise UsageError(f"{file}: {seconds:.1f} s of speech is too little; give 10 s or more")


def cut_sample(storage: S3Storage, ref: RecordingRef, speaker: str, folder: Path) -> Path:
    """Write what a speaker of a recording says while nobody else speaks, the longest pieces first.

    Returns:
        A FLAC file in the folder, 16 kHz mono, of at most `MAX_SPEECH_SECONDS`.

    Raises:
        UsageError: the recording has no such speaker, or this one never speaks alone.
    """
    import numpy as np
    import soundfile

    try:
        diarization = read_document(storage, ref, Diarization)
    except MissingObjectError as error:
        raise UsageError(
            f"{ref.recording_id} has not been diarized yet; see 'scribe status'"
        ) from error
    timeline = Timeline(diarization.turns, diarization.exclusive)
    if speaker not in timeline.speakers:
        speakers = ", ".join(timeline.speakers) or "nobody"
        raise UsageError(f"{ref.recording_id} has no speaker {speaker!r}, but {speakers}")
    whole = folder / AUDIO
    storage.download(storage.processed_bucket, processed_key(ref, AUDIO), whole)
    spans = sorted(longest(clean_spans(timeline, speaker), MAX_SPEECH_SECONDS))
    with media.AudioFile(whole) as waveform:
        pieces = media.cut(waveform, spans)
    if not pieces:
        raise UsageError(f"{speaker} never speaks alone in {ref.recording_id}")
    sample = folder / f"{ref.recording_id}-{speaker}.flac"
    soundfile.write(sample, np.concatenate(pieces), media.SAMPLE_RATE)
    return sample


@dataclass(frozen=True)
class ListedPerson:
    """A person of an identity bank.

    Attributes:
        person_id: the name of the folder.
        name: the name to show.
        samples: number of files.
        speech_seconds: of the samples that are used.
        consistency: cosine similarity of the pieces of the least consistent sample; None where
            nothing could be compared.
        problems: a sentence for each thing that is wrong.
    """

    person_id: str
    name: str
    samples: int
    speech_seconds: float
    consistency: float | None
    problems: list[str]


def list_people(storage: S3Storage, user_id: str) -> list[ListedPerson]:
    """Everybody in a user's identity bank, in the order of their ids."""
    folders = bank.folders(storage, user_id)
    document = bank.read_voiceprints(storage, user_id)
    computed = {person.person_id: person for person in document.people} if document else {}
    return [_listed(storage, folder, computed.get(folder.person_id)) for folder in folders]


def _listed(storage: S3Storage, folder: bank.Folder, person: EnrolledPerson | None) -> ListedPerson:
    """A folder of the bank, with what was computed of it."""
    versions = {(sample.key, sample.etag) for sample in folder.samples}
    samples = [s for s in person.samples if (s.key, s.etag) in versions] if person else []
    used = [sample for sample in samples if not sample.problem]
    problems = person.problems if person and len(samples) == len(versions) else []
    if len(samples) < len(versions):
        problems = [*problems, "not yet computed; is 'scribe up' running?"]
    elif not versions:
        problems = ["no voice sample"]
    name, problem = bank.read_profile(storage, folder)
    if problem and problem not in problems:
        problems = [problem, *problems]
    return ListedPerson(
        person_id=folder.person_id,
        name=name,
        samples=len(folder.samples),
        speech_seconds=sum(sample.speech_seconds for sample in used),
        consistency=min((s.consistency for s in used if s.consistency is not None), default=None),
        problems=problems,
    )


@dataclass(frozen=True)
class LastHeard:
    """When people were last heard, as far as was searched.

    Attributes:
        dates: by person, when the recording was uploaded in which the person was last named.
        searched: how many recordings were searched, the newest ones.
        complete: whether these are all recordings of the user that have a result.
    """

    dates: dict[str, datetime] = field(default_factory=dict)
    searched: int = 0
    complete: bool = True


def last_heard(
    storage: S3Storage, user_id: str, person_ids: Sequence[str], most: int = MAX_SEARCHED
) -> LastHeard:
    """When people were last heard.

    Results are read from the recording that was processed last backwards, until everybody has been
    found. When a recording was processed is told by its `audio.flac`, because its result is written
    anew whenever a name in it changes.

    Args:
        storage: S3.
        user_id: whose recordings.
        person_ids: of whom to find out.
        most: how many results to read at most.
    """
    refs = _newest_first(storage, user_id)
    dates: dict[str, datetime] = {}
    searched = 0
    with ThreadPoolExecutor(READERS) as readers:
        while searched < min(most, len(refs)) and not dates.keys() >= set(person_ids):
            batch = refs[searched : min(searched + READERS, most)]
            for named in readers.map(lambda ref: _named(storage, ref), batch):
                for person_id in named.keys() & set(person_ids):
                    date = named[person_id]
                    dates[person_id] = max(dates.get(person_id, date), date)
            searched += len(batch)
    return LastHeard(dates, searched, searched == len(refs))


def _newest_first(storage: S3Storage, user_id: str) -> list[RecordingRef]:
    """A user's recordings that have a result, the one that was processed last first."""
    processed_at: dict[str, datetime] = {}
    done = set()
    for item in storage.objects(storage.processed_bucket, f"{user_id}/"):
        folder, _, file = item.key.rpartition("/")
        if file == AUDIO:
            processed_at[folder] = item.last_modified
        elif file == Result.file_name:
            done.add(folder)
    folders = sorted(done & processed_at.keys(), key=lambda name: processed_at[name], reverse=True)
    return [RecordingRef(*folder.split("/", 1)) for folder in folders]


def _named(storage: S3Storage, ref: RecordingRef) -> dict[str, datetime]:
    """By person who is named in a result, when its upload was made. Damaged results name nobody."""
    try:
        result = read_document(storage, ref, Result)
    except (MissingObjectError, DocumentError):
        return {}
    return {s.person_id: result.source.last_modified for s in result.speakers if s.person_id}


def forget(storage: S3Storage, user_id: str, person_id: str) -> int:
    """Remove a person's folder from the bank, and the voiceprint made of it.

    The name in the user's results is taken out by `naming.refresh_names`.

    Returns:
        How many files were removed.

    Raises:
        UsageError: nobody is enrolled by this id.
    """
    document = bank.read_voiceprints(storage, user_id)
    files = list(storage.objects(storage.identity_bucket, person_prefix(user_id, person_id)))
    has_voiceprint = document is not None and person_id in {p.person_id for p in document.people}
    if not files and not has_voiceprint:
        raise UsageError(
            f"nobody called {person_id!r} is enrolled for {user_id}; see 'scribe people'"
        )
    for item in files:
        storage.delete(item.bucket, item.key)
    if document is not None and has_voiceprint:
        left = [person for person in document.people if person.person_id != person_id]
        bank.write_voiceprints(storage, document.model_copy(update={"people": left}))
    return len(files)
