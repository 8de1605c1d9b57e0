"""The one author of results: what the stages found, and what people have put right of it."""

from bisect import bisect_left
from dataclasses import replace
from typing import Any

from scribe_assets.artifacts.documents import (
    Corrections,
    CorrectionsApplied,
    Diarization,
    Models,
    Recording,
    Result,
    Source,
    Speaker,
    SpeakerIdentities,
    Transcript,
    Unfitting,
)
from scribe_assets.artifacts.documents.text import looks
from scribe_assets.errors import MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech.anchors import is_as_long
from scribe_assets.speech.correcting import Corrected, correct
from scribe_assets.speech.corrections import LanguageCorrection, Version
from scribe_assets.speech.timeline import Timeline, Transcription, Turn, subtract
from scribe_assets.speech.voices.voice import Identity
from scribe_assets.storage.changes import read_corrections
from scribe_assets.storage.recordings import is_same_version, read_document, write_document
from scribe_assets.storage.s3 import S3Storage

MAX_PASSES = 5
"""How often a result is written once more because it was corrected meanwhile."""

LONGEST_WORD = 30.0
"""Seconds: what Whisper hears at a time."""


def combine(
    recording: Recording,
    diarization: Diarization,
    identities: SpeakerIdentities,
    transcript: Transcript,
    corrections: Corrections | None = None,
) -> Result:
    """Who said what when; the documents are of one version of the upload (`check_versions`)."""
    version = Version(recording.source.etag, recording.duration)
    corrected = corrected_words(diarization, transcript, corrections, version)
    return Result(
        recording_id=recording.recording_id,
        user_id=recording.user_id,
        job_id=recording.options.job_id,
        source=recording.source,
        duration=recording.duration,
        warnings=[*recording.damage, *_warnings(recording.recording_id, transcript, corrected)],
        **_content(diarization, identities, transcript, corrections, corrected),
    )


def corrected_words(
    diarization: Diarization,
    transcript: Transcript,
    corrections: Corrections | None,
    version: Version,
) -> Corrected:
    """The words with their speakers, after all corrections; see `correct`."""
    return correct(
        Transcription(transcript.language, transcript.language_probability, transcript.segments),
        Timeline(diarization.turns, diarization.exclusive),
        corrections.corrections if corrections else [],
        version,
    )


def _content(
    diarization: Diarization,
    identities: SpeakerIdentities,
    transcript: Transcript,
    corrections: Corrections | None,
    corrected: Corrected,
) -> dict[str, Any]:
    """The fields of a result that do not come from the recording."""
    is_heard = corrected.language == transcript.language
    return {
        "language": corrected.language,
        "language_probability": transcript.language_probability if is_heard else 1.0,
        "models": Models(
            diarization=diarization.model,
            embedding=identities.model,
            transcription=transcript.model,
        ),
        "speakers": speakers_of(identities, corrected),
        "segments": corrected.segments,
        "corrections": _applied(corrections, corrected),
    }


def _warnings(recording_id: str, transcript: Transcript, corrected: Corrected) -> list[str]:
    """What a reader of the words should know. Who has set the language knows it."""
    if not corrected.language_by_hand:
        return transcript.warnings
    if corrected.language == transcript.language:
        return transcript.warnings if transcript.language_heard else []
    return [
        f"the language was corrected to {corrected.language}, and the words were transcribed as "
        f"{transcript.language or 'none'}; 'scribe rerun {recording_id} --from transcript' "
        "does it anew"
    ]


def _applied(corrections: Corrections | None, corrected: Corrected) -> CorrectionsApplied | None:
    if corrections is None or not corrections.corrections:
        return None
    return CorrectionsApplied(
        version=corrections.version,
        applied=len(corrected.applied),
        unfitting=[
            Unfitting(id=one.id, kind=one.kind, why=corrected.unfitting[one.id])
            for one in corrections.corrections
            if one.id in corrected.unfitting
        ],
    )


def speakers_of(identities: SpeakerIdentities, corrected: Corrected | None = None) -> list[Speaker]:
    """The speakers of a result. A name that was set by hand stands before whomever the voice was
    taken for; who was merged into somebody lends the name where that one has none."""
    corrected = corrected or Corrected()
    members: dict[str, list[Identity]] = {}
    for identity in identities.identities:
        members.setdefault(corrected.label(identity.label), []).append(identity)
    found = [_speaker(label, own, corrected.names.get(label)) for label, own in members.items()]
    added = [
        Speaker(
            label=label,
            person_id=None,
            name=name,
            score=None,
            speech_seconds=round(
                sum(
                    word.duration
                    for segment in corrected.segments
                    for word in segment.words
                    if word.speaker == label
                ),
                3,
            ),
            by_hand=True,
        )
        for label, name in corrected.added.items()
    ]
    return found + added


def _speaker(label: str, members: list[Identity], name: str | None) -> Speaker:
    """A speaker of a result.

    Args:
        label: of the speaker.
        members: the speakers of the diarization that are this one.
        name: set by hand.
    """
    # The one called so comes first, but for somebody who is known.
    who = min(members, key=lambda one: (one.person_id is None, one.label != label))
    known = Speaker(
        label=label,
        person_id=who.person_id,
        name=who.name,
        score=who.score,
        speech_seconds=sum(one.speech_seconds for one in members)
        if len(members) > 1
        else who.speech_seconds,
    )
    if name is None:
        return known
    is_same = who.name is not None and looks(who.name) == looks(name)
    other = {} if is_same else {"person_id": None, "score": None}
    return known.model_copy(update={"name": name, "by_hand": True} | other)


def corrected_timeline(storage: S3Storage, ref: RecordingRef, diarization: Diarization) -> Timeline:
    """Who speaks when, after all corrections: speakers who were merged are one, and nobody's turns
    hold the words of somebody else. So a voice can be cut out of them."""
    timeline = Timeline(diarization.turns, diarization.exclusive)
    corrections = read_corrections(storage, ref)
    if corrections is None:
        return timeline
    try:
        recording = read_document(storage, ref, Recording)
        transcript = read_document(storage, ref, Transcript)
    except MissingObjectError:  # there is nothing yet that was corrected
        return timeline
    version = Version(recording.source.etag, recording.duration)
    corrected = corrected_words(diarization, transcript, corrections, version)
    words = sorted(
        (word for segment in corrected.segments for word in segment.words),
        key=lambda word: (word.start, word.end),
    )

    def own(turns: list[Turn]) -> list[Turn]:
        renamed = sorted(replace(turn, speaker=corrected.label(turn.speaker)) for turn in turns)
        around = (
            words[
                bisect_left(
                    words, turn.start - LONGEST_WORD, key=lambda word: word.start
                ) : bisect_left(words, turn.end, key=lambda word: word.start)
            ]
            for turn in renamed
        )
        return [
            replace(turn, start=span.start, end=span.end)
            for turn, said in zip(renamed, around, strict=True)
            for span in subtract([turn], [word for word in said if word.speaker != turn.speaker])
        ]

    return Timeline(own(timeline.turns), own(timeline.exclusive))


def language_by_hand(corrections: Corrections | None, recording: Recording) -> str | None:
    """The language that a person has set, in which the recording is transcribed the next time; not
    where the upload is another recording now."""
    version = Version(recording.source.etag, recording.duration)
    languages = [
        one.language
        for one in (corrections.corrections if corrections else ())
        if isinstance(one, LanguageCorrection) and is_as_long(one.version, version)
    ]
    return languages[-1] if languages else None


def refresh_result(
    storage: S3Storage, ref: RecordingRef, identities: SpeakerIdentities
) -> Result | None:
    """Write a result that is not what its identities and corrections say, and return it; None where
    it stays.

    The result itself is compared, and not only the identities with what they were: when writing a
    result fails after its identities were written, the next try finds them unchanged. The same is
    true when a run writes its result while the names are refreshed. Where somebody corrects the
    recording meanwhile, the result is written once more.
    """
    written = None
    for _ in range(MAX_PASSES):
        try:
            before = read_document(storage, ref, Result)
        except MissingObjectError:  # its run goes on, and takes what is written now
            return None
        corrections = read_corrections(storage, ref)
        result = _refreshed(storage, ref, before, identities, corrections)
        if result == before:
            return written
        # A run may have written the result of a newer version in the meantime.
        if read_document(storage, ref, Result) != before:
            continue
        write_document(storage, ref, result)
        written = result
        if read_corrections(storage, ref) == corrections:
            return written
    return written


def _refreshed(
    storage: S3Storage,
    ref: RecordingRef,
    before: Result,
    identities: SpeakerIdentities,
    corrections: Corrections | None,
) -> Result:
    """A result as its identities and corrections say; as it is where it was made from another
    version of the upload than they, and, but for forgotten names, where they are of another
    diarization."""
    is_corrected = corrections is not None or before.corrections is not None
    if not is_corrected and before.speakers == speakers_of(identities):
        return before
    diarization = read_document(storage, ref, Diarization)
    transcript = read_document(storage, ref, Transcript)
    # While a newer version of the upload is being processed, the result is still the old one's.
    if not all(
        is_same_version(_source(storage, ref, document), before.source)
        for document in (diarization, identities, transcript)
    ):
        return before
    # While the recording is processed anew, or after that has failed, the speakers may be others.
    labels = {turn.speaker for turn in diarization.turns}
    if labels != {identity.label for identity in identities.identities}:
        return _without_unknown(before, identities)
    version = Version(before.source.etag, before.duration)
    corrected = corrected_words(diarization, transcript, corrections, version)
    content = _content(diarization, identities, transcript, corrections, corrected)
    if is_corrected:
        recording = read_document(storage, ref, Recording)
        if is_same_version(recording.source, before.source):
            content["warnings"] = [
                *recording.damage,
                *_warnings(recording.recording_id, transcript, corrected),
            ]
    return before.model_copy(update=content)


def _without_unknown(before: Result, identities: SpeakerIdentities) -> Result:
    """A result without the people who are in none of its recording's identities any more: who was
    forgotten is named nowhere, however its last run ended."""
    known = {identity.person_id for identity in identities.identities}
    nobody = {"person_id": None, "score": None}
    return before.model_copy(
        update={
            "speakers": [
                one
                if one.person_id is None or one.person_id in known
                else one.model_copy(update=nobody if one.by_hand else nobody | {"name": None})
                for one in before.speakers
            ]
        }
    )


def _source(
    storage: S3Storage,
    ref: RecordingRef,
    document: Diarization | SpeakerIdentities | Transcript,
) -> Source:
    """The version of the upload that a document was made from; for one that an older Scribe made,
    and that does not name it, the version that the recording is of."""
    return document.source or read_document(storage, ref, Recording).source
