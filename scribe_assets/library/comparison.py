"""What has changed in a recording since the result before: its words, and who said them."""

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

from scribe_assets.artifacts.documents import Result
from scribe_assets.errors import DocumentError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.search import folded
from scribe_assets.storage.bank import folders
from scribe_assets.storage.layout import PREVIOUS_RESULT
from scribe_assets.storage.previous import read_previous, write_previous
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage


@dataclass(frozen=True)
class Change:
    """Words in a place.

    Attributes:
        start: seconds from the start of the recording.
        before: the words as they were; empty where there were none.
        now: the words as they are; empty where there are none.
    """

    start: float
    before: str
    now: str


@dataclass(frozen=True)
class Renamed:
    """Words that are the same, and another speaker's: how many, whose, and since when."""

    words: int
    before: str
    now: str
    start: float


@dataclass(frozen=True)
class Comparison:
    """What has changed since the result before.

    Attributes:
        before: the number of words.
        now: the number of words.
        replaced: words that are other ones now.
        added: words where there were none.
        removed: words where there are none any more.
        changes: the words themselves, in the order of time.
        renamed: the most words first.
        models: of the result before, and of this one, where they differ; by stage.
        is_of_other_upload: the upload was replaced in between.
    """

    before: int
    now: int
    replaced: int
    added: int
    removed: int
    changes: list[Change]
    renamed: list[Renamed]
    models: dict[str, tuple[str, str]]
    is_of_other_upload: bool

    @property
    def distance(self) -> float:
        """Words that have changed, as a part of those before: 0 where none has. It is counted as
        the word error rate is, with the result before as the reference; punctuation, case and
        accents do not count."""
        return (self.replaced + self.added + self.removed) / max(self.before, 1)


@dataclass(frozen=True)
class _Spoken:
    text: str
    plain: str
    start: float
    speaker: str


def compare(before: Result, now: Result) -> Comparison:
    """Compare two results of one recording, word for word."""
    old, new = _words(before), _words(now)
    matcher = SequenceMatcher(
        None, [word.plain for word in old], [word.plain for word in new], autojunk=False
    )
    replaced = added = removed = 0
    changes: list[Change] = []
    moved: Counter[tuple[str, str]] = Counter()
    since: dict[tuple[str, str], float] = {}
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        was, is_now = old[i:i_end], new[j:j_end]
        if kind == "equal":
            for one, other in zip(was, is_now, strict=True):
                if one.speaker != other.speaker:
                    names = one.speaker, other.speaker
                    moved[names] += 1
                    since.setdefault(names, other.start)
            continue
        shared = min(len(was), len(is_now))
        replaced += shared
        removed += len(was) - shared
        added += len(is_now) - shared
        changes.append(Change((is_now or was)[0].start, _text(was), _text(is_now)))
    models = before.models.model_dump(), now.models.model_dump()
    return Comparison(
        before=len(old),
        now=len(new),
        replaced=replaced,
        added=added,
        removed=removed,
        changes=changes,
        renamed=[Renamed(n, *names, since[names]) for names, n in moved.most_common()],
        models={
            stage: (used, models[1][stage])
            for stage, used in models[0].items()
            if used != models[1][stage]
        },
        is_of_other_upload=before.source.etag != now.source.etag,
    )


def _words(result: Result) -> list[_Spoken]:
    """The words of a result, without those that are nothing but punctuation."""
    return [
        _Spoken(word.word, plain, word.start, result.display_name(word.speaker))
        for segment in result.segments
        for word in segment.words
        if (plain := folded(word.word))
    ]


def _text(words: list[_Spoken]) -> str:
    return " ".join(word.text for word in words)


def compare_with_previous(storage: S3Storage, ref: RecordingRef) -> Comparison:
    """Compare a result with the one before.

    Raises:
        UsageError: there are no two results.
    """
    try:
        now = read_document(storage, ref, Result)
        before = read_previous(storage, ref)
    except MissingObjectError as error:
        raise UsageError(
            f"{ref.recording_id} has no result before its last one; it gets one when it is "
            "processed again and says something else ('scribe rerun')"
        ) from error
    return compare(before, now)


def forget_in_previous(storage: S3Storage, user_id: str) -> None:
    """Take the names of people who are no longer in the bank out of a user's results before."""
    enrolled = {folder.person_id for folder in folders(storage, user_id)}
    suffix = f"/{PREVIOUS_RESULT}"
    for item in list(storage.objects(storage.processed_bucket, f"{user_id}/")):
        if not item.key.endswith(suffix):
            continue
        ref = RecordingRef(*item.key.rsplit("/", 2)[:2])
        try:
            before = read_previous(storage, ref)
        except (MissingObjectError, DocumentError):  # nobody can read it
            storage.delete(item.bucket, item.key)
            continue
        gone = {"person_id": None, "name": None}
        speakers = [
            speaker.model_copy(update=gone)
            if speaker.person_id and speaker.person_id not in enrolled
            else speaker
            for speaker in before.speakers
        ]
        if speakers != before.speakers:
            write_previous(storage, ref, before.model_copy(update={"speakers": speakers}))
