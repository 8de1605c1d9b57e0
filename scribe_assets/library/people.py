"""What people do with an identity bank: enrol a voice, list who is known, forget somebody.

The names in recordings follow from it: `naming.refresh_names` writes them anew, and where a stack
runs, its sensor on the bank does that within seconds.
"""

import tempfile
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from scribe_assets.artifacts.documents import EnrolledPerson, Profile, Result
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.errors import DocumentError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.bank_problems import bank_problems, name_problems, sample_problems
from scribe_assets.library.person_ids import check_ids, check_name, same_folder
from scribe_assets.library.samples import check_sample, cut_sample
from scribe_assets.speech.voices.enrolment import Judgement
from scribe_assets.storage import bank
from scribe_assets.storage.layout import AUDIO, person_prefix, profile_key, voice_prefix
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage

MAX_KEY_BYTES = 1024
"""Of a key in S3."""

MAX_SEARCHED = 500
"""Results that are read at most to find out when somebody was last heard."""

READERS = 16


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
        person_id: a short id, such as `emmanuel`; of somebody who is enrolled, as it looks.
        samples: any audio or video; each keeps its name.
        name: the name to show; None: the one that the person has, or the id.

    Returns:
        The URIs of the samples in S3.

    Raises:
        UsageError: an id or the name cannot be one, two samples have the same name, or there is
            not enough speech in one. Then nothing is written.
    """
    check_ids(user_id, person_id)
    name = check_name(name)
    names = [sample.name for sample in samples]
    if len(set(names)) < len(names) or any(name.startswith(".") for name in names):
        raise UsageError("give each sample a name of its own that does not begin with a dot")
    for sample in samples:
        check_sample(sample)
    storage.ensure_buckets()
    known = [folder.person_id for folder in bank.folders(storage, user_id)]
    person_id = same_folder(person_id, known) or unicodedata.normalize("NFC", person_id)
    bucket, folder = storage.identity_bucket, voice_prefix(user_id, person_id)
    keys = {sample: f"{folder}{sample.name}" for sample in samples}
    for sample, key in keys.items():
        if len(key.encode()) > MAX_KEY_BYTES:
            raise UsageError(f"{sample.name!r} and {person_id!r} are too long for a key in S3")
    uris = [
        storage.upload(sample, bucket, key, "application/octet-stream")
        for sample, key in keys.items()
    ]
    profile = profile_key(user_id, person_id)
    if name or not storage.exists(bucket, profile):
        document = Profile(name=name or one_line(person_id), created_at=datetime.now(UTC))
        storage.write(bucket, profile, document.to_json(), "application/json")
    return uris


def enrol_from_recording(
    storage: S3Storage, ref: RecordingRef, speaker: str, person_id: str, name: str | None = None
) -> list[str]:
    """Enrol a speaker of a processed recording, by what this speaker says while nobody else speaks.

    Args:
        storage: S3.
        ref: the recording; the person is enrolled for its user.
        speaker: the label, such as `SPEAKER_01`, or `Speaker 2` as people read it.
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
        same_voice_as: the ids of those who are taken for the same person, by voice.
        problems: a sentence for each thing that is wrong.
    """

    person_id: str
    name: str
    samples: int
    speech_seconds: float
    consistency: float | None
    same_voice_as: list[str]
    problems: list[str]


def list_people(storage: S3Storage, user_id: str) -> list[ListedPerson]:
    """Everybody in a user's identity bank, in the order of their ids."""
    folders = bank.folders(storage, user_id)
    document = bank.read_voiceprints(storage, user_id)
    computed = {person.person_id: person for person in document.people} if document else {}
    problems = bank_problems(document)
    judged = document.judged() if document else {}
    listed = [
        _listed(storage, folder, computed.get(folder.person_id), judged.get(folder.person_id))
        for folder in folders
    ]
    names = name_problems({person.person_id: person.name for person in listed})
    return [
        replace(
            person,
            same_voice_as=problems.same.get(person.person_id, []),
            problems=[
                *person.problems,
                *problems.voices.get(person.person_id, []),
                *names.get(person.person_id, []),
            ],
        )
        for person in listed
    ]


def _listed(
    storage: S3Storage,
    folder: bank.Folder,
    person: EnrolledPerson | None,
    judged: Judgement | None,
) -> ListedPerson:
    """A folder of the bank, with what was computed of it."""
    versions = {(sample.key, sample.etag) for sample in folder.samples}
    used = [person.samples[index] for index in judged.used] if person and judged else []
    used = [sample for sample in used if (sample.key, sample.etag) in versions]
    known = {(sample.key, sample.etag) for sample in person.samples} if person else set()
    if folder.problem:
        problems = []
    elif not versions:
        problems = ["no voice sample"]
    elif not versions <= known:
        problems = ["not yet computed; is 'scribe up' running?"]
    else:
        problems = sample_problems(person, judged) if person and judged else []
    name, problem = bank.read_profile(storage, folder)
    if problem and problem not in problems:
        problems = [problem, *problems]
    return ListedPerson(
        person_id=folder.person_id,
        name=name,
        samples=len(folder.samples),
        speech_seconds=sum(sample.speech_seconds for sample in used),
        consistency=min((s.consistency for s in used if s.consistency is not None), default=None),
        same_voice_as=[],
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


def find_person(storage: S3Storage, user_id: str, person_id: str) -> str:
    """The id of somebody who is enrolled, or of whom a voiceprint is left.

    Args:
        storage: S3.
        user_id: in whose bank.
        person_id: as `list_people` has it, or as it looks; see `same_folder`.

    Raises:
        UsageError: nobody is enrolled by this id, or it is not clear who.
    """
    document = bank.read_voiceprints(storage, user_id)
    prefix = f"{user_id}/"
    below = (
        item.key.removeprefix(prefix) for item in storage.objects(storage.identity_bucket, prefix)
    )
    known = {key.partition("/")[0] for key in below if "/" in key}
    known |= {person.person_id for person in document.people} if document else set()
    found = same_folder(person_id, known)
    if found is None:
        raise UsageError(
            f"nobody called {person_id!r} is enrolled for {user_id}; see 'scribe people'"
        )
    return found


def forget(storage: S3Storage, user_id: str, person_id: str) -> int:
    """Remove a person's folder from the bank, and the voiceprint made of it.

    The name in the user's results is taken out by `naming.refresh_names`.

    Args:
        storage: S3.
        user_id: in whose bank.
        person_id: see `find_person`.

    Returns:
        How many files were removed.

    Raises:
        UsageError: see `find_person`.
    """
    found = find_person(storage, user_id, person_id)
    own = list(storage.objects(storage.identity_bucket, person_prefix(user_id, found)))
    for item in own:
        storage.delete(item.bucket, item.key)
    document = bank.read_voiceprints(storage, user_id)
    people = document.people if document else []
    left = [person for person in people if person.person_id != found]
    if document is not None and left != people:
        bank.write_voiceprints(storage, document.model_copy(update={"people": left}))
    return len(own)
