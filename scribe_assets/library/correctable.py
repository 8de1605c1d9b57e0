"""What somebody means who corrects a result: which speaker, which words, and by what they will be
known again."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scribe_assets.artifacts.documents import (
    Diarization,
    Recording,
    Result,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.artifacts.documents.text import looks, one_line
from scribe_assets.artifacts.formats.plain import clock
from scribe_assets.errors import MissingObjectError, UsageError, VersionError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.combining import combine, corrected_words
from scribe_assets.speech.anchors import context_of, speech_by_speaker, union
from scribe_assets.speech.correcting import Corrected
from scribe_assets.speech.corrections import SampleWord, SpeakerAnchor, Version, WordsAnchor
from scribe_assets.speech.timeline import Span, SpokenWord, Timeline, TimeSpan
from scribe_assets.speech.words import folded
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.recordings import read_document, read_status
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_versions

SAMPLE_WORDS = 24
"""Words by which a speaker is known again where the upload is another version."""

NEARBY = 1.0
"""Seconds from a word at which it is still meant: people read times in whole seconds."""


@dataclass(frozen=True)
class Correctable:
    """A recording that can be corrected, as its documents and corrections say."""

    ref: RecordingRef
    recording: Recording
    timeline: Timeline
    corrected: Corrected
    result: Result

    def base(self) -> dict[str, Any]:
        """The fields that every correction has."""
        version = Version(self.recording.source.etag, self.recording.duration)
        return {"id": secrets.token_hex(4), "made_at": datetime.now(UTC), "version": version}

    def speaker(self, typed: str) -> str:
        """The label of a speaker whom somebody calls by label, name, or id.

        Raises:
            UsageError: there is no such speaker, or several.
        """
        shown = self.result.display_names()
        if typed.upper() in {*shown, *self.corrected.merged}:
            return self.corrected.label(typed.upper())
        for names in (
            {s.label: shown[s.label] for s in self.result.speakers},
            {s.label: s.name or "" for s in self.result.speakers},
            {s.label: s.person_id or "" for s in self.result.speakers},
        ):
            found = [label for label, name in names.items() if looks(name) == looks(typed)]
            if len(found) == 1:
                return found[0]
            if found:
                raise UsageError(
                    f"{typed!r} may be any of {', '.join(found)}; give the label of one"
                )
        there_are = ", ".join(
            label if label == name else f"{label} ({name})" for label, name in shown.items()
        )
        raise UsageError(
            f"{self.ref.recording_id} has no speaker {one_line(typed)!r}, but "
            f"{there_are or 'nobody'}"
        )

    def found(self, typed: str) -> str:
        """As `speaker`, of those whom the diarization has found.

        Raises:
            UsageError: see `speaker`, or somebody has added this one.
        """
        label = self.speaker(typed)
        if label in self.corrected.added:
            raise UsageError(
                f"{one_line(typed)} was added by hand; undo that, and give the words to somebody "
                "else, with 'scribe correct'"
            )
        return label

    def anchor(self, label: str) -> SpeakerAnchor:
        """What is known of a speaker by time and text."""
        if label in self.corrected.added:
            return SpeakerAnchor(self.corrected.added[label], [], [])
        speech = speech_by_speaker(self.timeline)
        own = [other for other in speech if self.corrected.label(other) == label]
        words = [
            word
            for segment in self.result.segments
            for word in segment.words
            if word.speaker == label and not word.by_hand and folded(word.word)
        ]
        step = max(len(words) // SAMPLE_WORDS, 1)
        return SpeakerAnchor(
            label=label,
            speech=[TimeSpan(*span) for span in union(s for other in own for s in speech[other])],
            words=[SampleWord(word.start, word.word) for word in words[::step][:SAMPLE_WORDS]],
        )


def open_result(storage: S3Storage, ref: RecordingRef) -> Correctable:
    """Read all that is needed to correct a recording.

    Raises:
        UsageError: it is not finished, or is processed anew, or that has failed: the documents may
            be those of two runs, and what was meant in the result would be looked up in others.
    """
    opened, status = read_result(storage, ref), read_status(storage, ref)
    if status is None or status.state == "succeeded":
        return opened
    if status.state == "failed":
        raise UsageError(
            f"the last run of {ref.recording_id} has failed, and its result is an older one; "
            f"correct it after 'scribe rerun {ref.recording_id}'"
        )
    raise UsageError(
        f"{ref.recording_id} is being processed; correct it when 'scribe status' says succeeded"
    )


def read_result(storage: S3Storage, ref: RecordingRef) -> Correctable:
    """As `open_result`, to look at what was corrected, also while the recording is processed.

    Raises:
        UsageError: it is not finished, or a newer version of its upload is under way.
    """
    try:
        before = read_document(storage, ref, Result)
        recording = read_document(storage, ref, Recording)
        diarization = read_document(storage, ref, Diarization)
        transcript = read_document(storage, ref, Transcript)
        identities = read_document(storage, ref, SpeakerIdentities)
    except MissingObjectError as error:
        raise UsageError(
            f"{ref.recording_id} is not finished, and can be corrected when it is; see "
            "'scribe status'"
        ) from error
    try:
        check_versions(recording, diarization, transcript, identities, before)
    except VersionError as error:
        raise UsageError(
            f"{ref.recording_id} is processed anew, and can be corrected when that is done; see "
            "'scribe status'"
        ) from error
    corrections = read_corrections(storage, ref)
    version = Version(recording.source.etag, recording.duration)
    return Correctable(
        ref=ref,
        recording=recording,
        timeline=Timeline(diarization.turns, diarization.exclusive),
        corrected=corrected_words(diarization, transcript, corrections, version),
        result=combine(recording, diarization, identities, transcript, corrections),
    )


def meant_words(
    result: Result, at: float, until: float | None, words: str | None
) -> list[SpokenWord]:
    """The words that somebody means.

    Args:
        result: of the recording.
        at: a time in seconds. Alone it means the segment of that time, or the one that begins or
            ends within `NEARBY`.
        until: all words from `at` to this time.
        words: the ones of these that are called so; of several, those nearest to `at`.

    Raises:
        UsageError: there are none.
    """
    if until is None:
        near = min(result.segments, key=lambda one: one.distance(at), default=None)
        if near is None or near.distance(at) > NEARBY:
            raise UsageError(f"{result.recording_id} has no words at {clock(at)}")
        meant = near.words
    else:
        everything = [word for segment in result.segments for word in segment.words]
        place = [w for w in everything if at <= (w.start + w.end) / 2 < until]
        if not place:
            raise UsageError(
                f"{result.recording_id} has no words between {clock(at)} and {clock(until)}"
            )
        meant = place
    if words is None:
        return meant
    wanted = _letters(words)
    runs = [
        meant[i:j]
        for i in range(len(meant))
        for j in range(i + 1, min(i + len(wanted), len(meant)) + 1)
        if _letters(text_of(meant[i:j])) == wanted
    ]
    if not runs:
        raise UsageError(
            f"{one_line(words)!r} is not said at {clock(at)}; what is said is {text_of(meant)!r}"
        )
    return min(runs, key=lambda run: abs(run[0].start - at))


def _letters(text: str) -> str:
    """Text without spaces, which some languages do not have, accents, case and punctuation."""
    return folded(text).replace(" ", "")


def text_of(words: Sequence[SpokenWord]) -> str:
    """Words with spaces between them, as anchors have them."""
    return " ".join(word.word for word in words)


def language_of(result: Result, words: Sequence[SpokenWord]) -> str | None:
    """The language of words: that of the segment in which the first one stands."""
    own = (segment.language for segment in result.segments if words[0] in segment.words)
    return next(own, None) or result.language


def by_segment(result: Result, words: Sequence[SpokenWord]) -> list[list[SpokenWord]]:
    """Words of one segment each."""
    own = set(words)
    parts = [[word for word in segment.words if word in own] for segment in result.segments]
    return [part for part in parts if part]


def anchor_of(result: Result, words: Sequence[SpokenWord]) -> WordsAnchor:
    """What is known of words that stand one after the other."""
    everything = [word for segment in result.segments for word in segment.words]
    first = everything.index(words[0])
    before, after = context_of(everything, Span(first, first + len(words)))
    end = max(word.end for word in words)
    return WordsAnchor(words[0].start, end, text_of(words), before, after)
