"""What people put right in a result: names, speakers, words and the language.

A correction goes into `corrections.json` and, from there, into the result, which is written anew at
once. What it holds on to are times and texts (`speech.corrections`), so that it holds after the
recording was processed with other models.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from scribe_assets.artifacts.documents import (
    Corrections,
    Result,
    SpeakerIdentities,
)
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.errors import UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.languages import language_code
from scribe_assets.library.combining import refresh_result
from scribe_assets.library.correctable import (
    Correctable,
    anchor_of,
    by_segment,
    language_of,
    meant_words,
    open_result,
    read_result,
    text_of,
)
from scribe_assets.library.person_ids import check_name
from scribe_assets.library.vocabulary import learn
from scribe_assets.speech.anchors import (
    ALIKE,
    likeness,
)
from scribe_assets.speech.corrections import (
    AnyCorrection,
    LanguageCorrection,
    MergeCorrection,
    NameCorrection,
    SpeakerAnchor,
    SpeakerCorrection,
    TextCorrection,
)
from scribe_assets.speech.rewording import blocks
from scribe_assets.speech.words import join_words, split_words
from scribe_assets.storage.changes import alone, change_document, read_corrections
from scribe_assets.storage.layout import processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage


@dataclass(frozen=True)
class Change:
    """What has been corrected.

    Attributes:
        ids: of the corrections that were made, by which they can be undone.
        before: the words or the name as they were.
        after: as they are now.
        result: as it is now.
        speaker: the label of whoever was named.
    """

    ids: list[str]
    before: str
    after: str
    result: Result
    speaker: str = ""


@dataclass(frozen=True)
class Listed:
    """A correction for people; `why` it fits nothing in the result as it is, or None."""

    id: str
    made_at: datetime
    kind: str
    what: str
    why: str | None


def rename(storage: S3Storage, ref: RecordingRef, speaker: str, name: str) -> Change:
    """Give a speaker of a recording a name, which no machine replaces.

    Args:
        storage: S3.
        ref: the recording.
        speaker: the label, or the name so far.
        name: for people.

    Raises:
        UsageError: there is no result yet, no such speaker, or this is no name.
    """
    checked = check_name(name)
    if checked is None:
        raise UsageError("give the name; 'scribe corrections' lists those that can be undone")
    opened = open_result(storage, ref)
    label = opened.found(speaker)
    made = NameCorrection(**opened.base(), speaker=opened.anchor(label), name=checked)
    before = opened.result.display_name(label)
    result = _add(storage, opened, [made])
    return Change([made.id], before, result.display_name(label), result, label)


def merge(storage: S3Storage, ref: RecordingRef, speaker: str, into: str) -> Change:
    """Say that two speakers of a recording are one.

    Args:
        storage: S3.
        ref: the recording.
        speaker: who is somebody else, by label or name.
        into: who that is.

    Raises:
        UsageError: there is no result yet, no such speaker, or both are one already.
    """
    opened = open_result(storage, ref)
    one, other = opened.found(speaker), opened.found(into)
    if one == other:
        raise UsageError(f"{one_line(speaker)} and {one_line(into)} are one speaker already")
    made = MergeCorrection(**opened.base(), speaker=opened.anchor(one), into=opened.anchor(other))
    before = opened.result.display_name(one)
    result = _add(storage, opened, [made])
    return Change([made.id], before, result.display_name(other), result)


def give(
    storage: S3Storage,
    ref: RecordingRef,
    speaker: str,
    at: float,
    until: float | None = None,
    words: str | None = None,
    *,
    is_new: bool = False,
) -> Change:
    """Say who said some words; see `meant_words` for which ones.

    Args:
        storage: S3.
        ref: the recording.
        speaker: the label or the name.
        at: see `meant_words`, as `until` and `words`.
        until: up to when.
        words: which of them.
        is_new: `speaker` is the name of somebody whom the diarization has not found.

    Raises:
        UsageError: there is no result yet, no such speaker, or no words at that time.
    """
    opened = open_result(storage, ref)
    if is_new:
        shown = check_name(speaker) or ""
        who = SpeakerAnchor(shown, [], [])
    else:
        label = opened.speaker(speaker)
        who, shown = opened.anchor(label), opened.result.display_name(label)
    meant = meant_words(opened.result, at, until, words)
    made = [
        SpeakerCorrection(**opened.base(), words=anchor_of(opened.result, part), speaker=who)
        for part in by_segment(opened.result, meant)
    ]
    result = _add(storage, opened, made)
    return Change([one.id for one in made], text_of(meant), shown, result)


def set_text(
    storage: S3Storage,
    ref: RecordingRef,
    text: str,
    at: float,
    until: float | None = None,
    words: str | None = None,
) -> Change:
    """Say what was said; see `meant_words` for which words. Only those that change are kept as
    corrections, each by itself, so that the others stay those of the model.

    Raises:
        UsageError: there is no result yet, no words at that time, or the text is empty, or nothing
            like the segment where no words were named.
    """
    text = one_line(text)
    if not text:
        raise UsageError("give the words that were said; the text is empty")
    opened = open_result(storage, ref)
    meant = meant_words(opened.result, at, until, words)
    old = text_of(meant)
    if until is None and words is None and likeness(old, text) < ALIKE:
        raise UsageError(
            f"what is said at {clock(at)} is {old!r}, which is not much like {text!r}; say which "
            "words are meant, with --words or --until"
        )
    language = language_of(opened.result, meant)
    made = [
        TextCorrection(
            **opened.base(),
            words=anchor_of(opened.result, changed),
            text=join_words(instead, language),
        )
        for changed, instead in blocks(meant, split_words(text, language))
        if [word.word for word in changed] != instead
    ]
    if not made:
        raise UsageError(f"what is said at {clock(at)} is {old!r} already")
    result = _add(storage, opened, made)
    return Change([one.id for one in made], old, text, result)


def set_language(storage: S3Storage, ref: RecordingRef, language: str) -> Change:
    """Say in which language a recording is.

    Raises:
        UsageError: there is no result yet, or no such language.
    """
    try:
        code = language_code(language)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if code is None:
        raise UsageError("give a language such as fr")
    opened = open_result(storage, ref)
    made = LanguageCorrection(**opened.base(), language=code)
    before = opened.result.language or "none"
    return Change([made.id], before, code, _add(storage, opened, [made]))


def undo(storage: S3Storage, ref: RecordingRef, ids: Sequence[str]) -> Change:
    """Take corrections back.

    Raises:
        UsageError: there is no such correction.
    """
    opened = open_result(storage, ref)

    def without(kept: Corrections | None) -> Corrections:
        known = kept or _none(ref)
        if unknown := {*ids} - {one.id for one in known.corrections}:
            raise UsageError(
                f"{ref.recording_id} has no correction {', '.join(sorted(unknown))}; "
                "'scribe corrections' lists them"
            )
        left = [one for one in known.corrections if one.id not in ids]
        return known.model_copy(update={"corrections": left})

    return Change([*ids], "", "", _change(storage, opened, without))


def list_corrections(storage: S3Storage, ref: RecordingRef) -> list[Listed]:
    """All corrections of a recording, in the order in which they were made.

    Raises:
        UsageError: there is no result yet.
    """
    opened = read_result(storage, ref)
    kept = read_corrections(storage, ref) or _none(ref)
    return [
        Listed(
            id=one.id,
            made_at=one.made_at,
            kind=one.kind,
            what=described(one),
            why=opened.corrected.unfitting.get(one.id),
        )
        for one in kept.corrections
    ]


def described(correction: AnyCorrection) -> str:
    """A correction in a line, for people."""
    match correction:
        case NameCorrection(speaker=speaker, name=name):
            return f"{speaker.label} is {name}"
        case MergeCorrection(speaker=speaker, into=into):
            return f"{speaker.label} is {into.label}"
        case SpeakerCorrection(words=words, speaker=speaker):
            return f"{clock(words.start)} {words.text!r} is said by {speaker.label}"
        case TextCorrection(words=words, text=text):
            return f"{clock(words.start)} {words.text!r} is {text!r}"
        case LanguageCorrection(language=language):
            return f"the language is {language}"


def _none(ref: RecordingRef) -> Corrections:
    return Corrections(recording_id=ref.recording_id, user_id=ref.user_id)


def _add(storage: S3Storage, opened: Correctable, made: Sequence[AnyCorrection]) -> Result:
    """Keep corrections, write the result anew, and return it."""

    def added(kept: Corrections | None) -> Corrections:
        known = kept or _none(opened.ref)
        return known.model_copy(update={"corrections": [*known.corrections, *made]})

    return _change(storage, opened, added)


def _change(
    storage: S3Storage, opened: Correctable, change: Callable[[Corrections | None], Corrections]
) -> Result:
    """Change the corrections, what they teach, and the result, which is returned."""
    key = processed_key(opened.ref, Corrections.file_name)
    before: list[AnyCorrection] = []

    def noted(kept: Corrections | None) -> Corrections:
        before[:] = kept.corrections if kept else []
        return change(kept)

    with alone(storage):
        left = change_document(storage, key, Corrections, noted).corrections
        identities = read_document(storage, opened.ref, SpeakerIdentities)
        result = refresh_result(storage, opened.ref, identities)
        learn(storage, opened.ref.user_id, before, left)
    return result or read_document(storage, opened.ref, Result)
