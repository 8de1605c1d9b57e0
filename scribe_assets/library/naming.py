"""Names for the speakers of recordings, from what is kept of their voices. No audio, no model.

The assets call this for one recording; `refresh_names` does it for all recordings of a user after
the identity bank has changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scribe_assets.artifacts.documents import (
    Diarization,
    Models,
    Recording,
    Result,
    Speaker,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
    Voiceprints,
)
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import Timeline, Transcription
from scribe_assets.speech.voices.identification import THRESHOLD, forgotten, identify
from scribe_assets.storage.bank import is_enrolled, read_voiceprints
from scribe_assets.storage.recordings import read_document, recordings_with, write_document
from scribe_assets.storage.s3 import S3Storage

MAX_PASSES = 5


@dataclass(frozen=True)
class Refreshed:
    """What became of a recording: its documents that were written anew, if any were; `problem` says
    why its speakers could not be compared."""

    ref: RecordingRef
    identities: SpeakerIdentities | None = None
    result: Result | None = None
    problem: str | None = None


def decide(
    embeddings: SpeakerEmbeddings, enrolled: Voiceprints | None, threshold: float | None
) -> SpeakerIdentities:
    """Who the speakers of a recording are.

    Args:
        embeddings: of the recording.
        enrolled: the people of its user.
        threshold: see `identify`; None: the one that was measured.
    """
    if threshold is None:
        threshold = THRESHOLD
    people = enrolled.voiceprints() if enrolled else []
    return SpeakerIdentities(
        recording_id=embeddings.recording_id,
        model=embeddings.model,
        threshold=threshold,
        enrolled=[person.person_id for person in people],
        identities=identify(embeddings.voices(), people, threshold),
    )


def without_forgotten(
    storage: S3Storage, user_id: str, identities: SpeakerIdentities
) -> SpeakerIdentities:
    """The same without those who are no longer in the bank: who is forgotten while a recording is
    being processed is not named in its result."""
    named = {one.person_id for one in identities.identities if one.person_id}
    gone = {person for person in named if not is_enrolled(storage, user_id, person)}
    if not gone:
        return identities
    return identities.model_copy(
        update={
            "enrolled": [person for person in identities.enrolled if person not in gone],
            "identities": [
                forgotten(one) if one.person_id in gone else one for one in identities.identities
            ],
        }
    )


def combine(
    recording: Recording,
    diarization: Diarization,
    identities: SpeakerIdentities,
    transcript: Transcript,
) -> Result:
    """Who said what when."""
    return Result(
        recording_id=recording.recording_id,
        user_id=recording.user_id,
        job_id=recording.options.job_id,
        source=recording.source,
        duration=recording.duration,
        language=transcript.language,
        language_probability=transcript.language_probability,
        models=Models(
            diarization=diarization.model,
            embedding=identities.model,
            transcription=transcript.model,
        ),
        speakers=[
            Speaker(
                label=identity.label,
                person_id=identity.person_id,
                name=identity.name,
                score=identity.score,
                speech_seconds=identity.speech_seconds,
            )
            for identity in identities.identities
        ],
        segments=fuse(
            Transcription(
                transcript.language, transcript.language_probability, transcript.segments
            ),
            Timeline(diarization.turns, diarization.exclusive),
        ),
    )


def refresh_names(
    storage: S3Storage,
    user_id: str,
    threshold: float | None,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Refreshed]:
    """Decide anew who speaks in every recording of a user, and write what changes.

    It is done again from the start when the voiceprints have changed meanwhile, so that of two that
    run at a time the last word is that of the newer bank.

    Args:
        storage: S3.
        user_id: whose recordings.
        threshold: see `decide`.
        progress: told the fraction of the recordings that is done.
    """
    for _ in range(MAX_PASSES):
        enrolled = read_voiceprints(storage, user_id)
        refs = recordings_with(storage, user_id, SpeakerIdentities)
        for number, ref in enumerate(refs, start=1):
            try:
                yield refresh_recording(storage, ref, enrolled, threshold)
            except (DocumentError, MissingObjectError) as error:
                yield Refreshed(ref, problem=str(error))
            progress(number / len(refs))
        if read_voiceprints(storage, user_id) == enrolled:
            return


def refresh_recording(
    storage: S3Storage, ref: RecordingRef, enrolled: Voiceprints | None, threshold: float | None
) -> Refreshed:
    """Decide anew who speaks in a recording, and write what changes.

    Raises:
        DocumentError: one of its documents was damaged.
        MissingObjectError: it was deleted meanwhile.
    """
    before = read_document(storage, ref, SpeakerIdentities)
    problem = None
    try:
        embeddings = read_document(storage, ref, SpeakerEmbeddings)
    except MissingObjectError:
        problem = "it has no speaker embeddings; materialise speaker_embeddings"
    else:
        if enrolled and embeddings.model != enrolled.model:
            problem = (
                f"its speakers are known to {embeddings.model}, the people to {enrolled.model}; "
                "materialise speaker_embeddings"
            )
    if problem is None:
        identities = decide(embeddings, enrolled, threshold)
    else:
        identities = without_forgotten(storage, ref.user_id, before)
    if identities == before:
        return Refreshed(ref, problem=problem)
    write_document(storage, ref, identities)
    try:
        old = read_document(storage, ref, Result)
    except MissingObjectError:  # its run goes on, and takes what is written now
        return Refreshed(ref, identities, problem=problem)
    result = combine(
        read_document(storage, ref, Recording),
        read_document(storage, ref, Diarization),
        identities,
        read_document(storage, ref, Transcript),
    )
    # While a newer version of the upload is being processed, the result is still the old one's.
    if result == old or result.source != old.source:
        return Refreshed(ref, identities, problem=problem)
    write_document(storage, ref, result)
    return Refreshed(ref, identities, result, problem)
