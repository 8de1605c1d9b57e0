"""The words that a user has put right, and what is made of them: hot words of later transcriptions.

They are kept by user beside the voiceprints, so that a transcription reads one small file and not
the corrections of all recordings.
"""

from collections.abc import Iterable, Sequence

from scribe_assets.artifacts.documents import Corrections, Vocabulary
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech.corrections import AnyCorrection, TextCorrection
from scribe_assets.speech.words import folded
from scribe_assets.storage.bank import read_voiceprints
from scribe_assets.storage.changes import alone, change_document, read_corrections
from scribe_assets.storage.layout import vocabulary_key
from scribe_assets.storage.recordings import recordings_with
from scribe_assets.storage.s3 import S3Storage

MAX_KEPT = 500
"""Words that are kept for a user, the newest ones."""

MIN_LETTERS = 3
"""Shorter words say nothing, and Whisper knows them."""

MARKS = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()) + "«»“”„‘’…¿¡—–"


def taught(corrections: Iterable[AnyCorrection]) -> list[str]:
    """The words that corrections bring and that were not heard, each once.

    In a language without spaces, all that was written for one stretch is one word.
    """
    words: dict[str, str] = {}
    for one in corrections:
        if not isinstance(one, TextCorrection):
            continue
        heard = set(folded(one.words.text).split())
        for written in one.text.split():
            word = written.strip(MARKS)
            if len(word) >= MIN_LETTERS and not word.isdecimal() and folded(word) not in heard:
                words[folded(word)] = word
    return list(words.values())


def learn(
    storage: S3Storage,
    user_id: str,
    before: Sequence[AnyCorrection],
    after: Sequence[AnyCorrection],
) -> None:
    """Add the words of new corrections to a user's vocabulary, and take out those that no
    correction of the recording teaches any more.

    Only one may do so at a time; see `storage.changes.alone`.

    Args:
        storage: S3.
        user_id: whose vocabulary.
        before: all corrections of a recording.
        after: the same, after a change.
    """
    new = taught(one for one in after if one not in before)
    still = {folded(word) for word in taught(after)}
    old = {folded(word) for word in taught(before)} - still
    _change(storage, user_id, new, old)


def _change(storage: S3Storage, user_id: str, new: list[str], old: set[str]) -> None:
    """Add words to a vocabulary, as they are written, and take out others, folded."""
    if not new and not old:
        return
    without = old | {folded(word) for word in new}

    def changed(kept: Vocabulary | None) -> Vocabulary:
        known = kept or Vocabulary(user_id=user_id)
        words = [word for word in known.words if folded(word) not in without] + new
        return known.model_copy(update={"words": words[-MAX_KEPT:]})

    change_document(storage, vocabulary_key(user_id), Vocabulary, changed)


def unlearn(storage: S3Storage, ref: RecordingRef) -> None:
    """Take out of a user's vocabulary what only the corrections of one recording have taught.

    Damaged corrections teach nothing: nobody can tell which words they brought.
    """
    own = _corrections(storage, ref)
    if not taught(own):
        return
    others = recordings_with(storage, ref.user_id, Corrections)
    by_others = [one for other in others if other != ref for one in _corrections(storage, other)]
    still = {folded(word) for word in taught(by_others)}
    with alone(storage):
        _change(storage, ref.user_id, [], {folded(word) for word in taught(own)} - still)


def _corrections(storage: S3Storage, ref: RecordingRef) -> Sequence[AnyCorrection]:
    try:
        kept = read_corrections(storage, ref)
    except DocumentError:
        return []
    return kept.corrections if kept else []


def hot_words(storage: S3Storage, user_id: str, given: str | None, most: int) -> str | None:
    """What is expected in a recording of a user.

    Args:
        storage: S3.
        user_id: whose recording.
        given: with the options of the upload.
        most: of the vocabulary and of the names of the user's people, who are expected where there
            is a vocabulary. Too many hot words distract the model.

    Returns:
        Words with commas between them; None where nothing is expected.
    """
    key = vocabulary_key(user_id)
    words: list[str] = []
    try:
        kept = Vocabulary.from_json(storage.read(storage.processed_bucket, key), key).words
    except MissingObjectError:
        kept = []
    if kept and most:
        enrolled = read_voiceprints(storage, user_id)
        names = [person.name for person in enrolled.people] if enrolled else []
        words = [*reversed(kept), *names][:most]
    return ", ".join([*([given] if given else []), *words]) or None
