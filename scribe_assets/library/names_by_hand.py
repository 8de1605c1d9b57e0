"""Where people have set somebody's name by hand: forgetting the voice does not take it out."""

from concurrent.futures import ThreadPoolExecutor

from scribe_assets.artifacts.documents import Corrections
from scribe_assets.artifacts.documents.text import looks
from scribe_assets.errors import DocumentError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech.corrections import NameCorrection, SpeakerCorrection
from scribe_assets.storage import bank
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.recordings import recordings_with
from scribe_assets.storage.s3 import S3Storage

READERS = 16


def named_by_hand(storage: S3Storage, user_id: str, person_id: str) -> list[RecordingRef]:
    """A user's recordings in which somebody was given the name of an enrolled person by hand.

    Args:
        storage: S3.
        user_id: whose recordings.
        person_id: of the person, who has not been forgotten yet; see `people.find_person`.
    """
    enrolled = bank.read_voiceprints(storage, user_id)
    people = enrolled.people if enrolled else []
    names = {person_id, *(one.name for one in people if one.person_id == person_id)}
    wanted = {looks(name) for name in names}
    refs = recordings_with(storage, user_id, Corrections)
    with ThreadPoolExecutor(READERS) as readers:
        given = readers.map(lambda ref: _names(storage, ref), refs)
        return [ref for ref, own in zip(refs, given, strict=True) if own & wanted]


def _names(storage: S3Storage, ref: RecordingRef) -> set[str]:
    """The names in the corrections of a recording, as they look."""
    try:
        kept = read_corrections(storage, ref)
    except DocumentError:  # refreshing the names tells it, and nobody stays known because of it
        return set()
    names = set()
    for one in kept.corrections if kept else ():
        match one:
            case NameCorrection(name=name):
                names.add(looks(name))
            case SpeakerCorrection(speaker=speaker) if not speaker.speech:
                names.add(looks(speaker.label))
    return names
