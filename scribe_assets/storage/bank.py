"""The identity bank in S3: who is enrolled, with which samples, and the voiceprints made of them.

The bank is written by people, with any program. What Scribe makes of it is one document for each
user, `voiceprints.json` in the processed bucket.
"""

import hashlib
from dataclasses import dataclass, field

from scribe_assets.artifacts.documents import Profile, Voiceprints
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.errors import DocumentError, MissingObjectError, StorageRefusedError
from scribe_assets.keys import person_id_problem
from scribe_assets.storage.layout import MAX_WRITTEN_BYTES, is_clutter, voiceprints_key
from scribe_assets.storage.s3 import S3Object, S3Storage


@dataclass
class Folder:
    """A person's folder in the bank: profile.json, if there is one, and the voice samples.

    Where its name cannot be a person's id, `problem` says why, and nobody is recognised by it.
    """

    person_id: str
    profile: S3Object | None = None
    samples: list[S3Object] = field(default_factory=list)

    @property
    def problem(self) -> str | None:
        """A sentence; None where the name of the folder can be an id."""
        problem = person_id_problem(self.person_id)
        return problem and f"the folder {self.person_id!r} is nobody's: {problem}; rename it"


def folders(storage: S3Storage, user_id: str) -> list[Folder]:
    """Everybody enrolled by a user, in order of their ids. Other users' people are never seen."""
    listed = list(storage.objects(storage.identity_bucket, f"{user_id}/"))
    return by_user(listed).get(user_id, [])


def by_user(listed: list[S3Object]) -> dict[str, list[Folder]]:
    """The people of each user among the objects of a bank, in order of their ids.

    A folder counts that has a profile or something in `voice/`; what programs leave there does not.
    """
    banks: dict[str, dict[str, Folder]] = {}
    for item in listed:
        user_id, _, rest = item.key.partition("/")
        person_id, _, path = rest.partition("/")
        if path != "profile.json" and (not path.startswith("voice/") or is_clutter(path)):
            continue
        folder = banks.setdefault(user_id, {}).setdefault(person_id, Folder(person_id))
        if path == "profile.json":
            folder.profile = item
        elif not path.endswith("/"):
            folder.samples.append(item)
    return {user: [people[key] for key in sorted(people)] for user, people in banks.items()}


def version(people: list[Folder]) -> str:
    """A digest of all that names and voiceprints are made of: it changes when any of that does."""
    objects = [item for person in people for item in (person.profile, *person.samples) if item]
    contents = "\n".join(f"{item.key}\0{item.etag}\0{item.size}" for item in objects)
    ids = "\0".join(person.person_id for person in people)
    return hashlib.sha256(f"{ids}\n{contents}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_profile(storage: S3Storage, folder: Folder) -> tuple[str, str | None]:
    """A person's name, and what is wrong with the folder or the profile; None where nothing is."""
    name = one_line(folder.person_id) or folder.person_id
    if folder.profile is None or folder.problem:
        return name, folder.problem
    key = folder.profile.key
    try:
        text = storage.read(storage.identity_bucket, key, MAX_WRITTEN_BYTES)
        return Profile.from_json(text, key).name, None
    except (DocumentError, StorageRefusedError) as error:
        return name, f"{error}; the name is {name}"
    except MissingObjectError:  # deleted meanwhile
        return name, None


def read_voiceprints(storage: S3Storage, user_id: str) -> Voiceprints | None:
    """A user's voiceprints as they were last computed.

    None where there are none yet, and where somebody has damaged the file: then they are computed
    anew.
    """
    key = voiceprints_key(user_id)
    try:
        return Voiceprints.from_json(storage.read(storage.processed_bucket, key), key)
    except (MissingObjectError, DocumentError):
        return None


def write_voiceprints(storage: S3Storage, document: Voiceprints) -> None:
    """Write a user's voiceprints. Where nobody is enrolled any more, the file is deleted."""
    bucket, key = storage.processed_bucket, voiceprints_key(document.user_id)
    if document.people:
        storage.write(bucket, key, document.to_json(), "application/json")
    else:
        storage.delete(bucket, key)
