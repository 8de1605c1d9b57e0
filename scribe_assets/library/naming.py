"""Who the speakers of recordings are, decided from what is kept of their voices.

No audio and no model is needed. The assets call `decide` and `without_forgotten` for one recording;
`refresh_names` does all of it for every recording of a user, after the identity bank or the
threshold has changed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from scribe_assets.artifacts.documents import (
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Voiceprints,
)
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.combining import refresh_result
from scribe_assets.library.comparison import forget_in_previous
from scribe_assets.speech.voices.identification import (
    SAME_VOICE_AS,
    THRESHOLD,
    forgotten,
    identify,
)
from scribe_assets.speech.voices.voice import Identity, Voiceprint
from scribe_assets.storage.bank import folders, read_voiceprints
from scribe_assets.storage.recordings import (
    read_document,
    recordings_with,
    write_document,
)
from scribe_assets.storage.s3 import S3Storage

MAX_PASSES = 5
"""How often `refresh_names` begins again because the bank has changed meanwhile."""


@dataclass(frozen=True)
class Refreshed:
    """What became of a recording.

    Attributes:
        ref: the recording.
        identities: as they were written anew; None where they stayed.
        result: as it was written anew; None where it stayed.
        problem: why its speakers could not be compared with the enrolled people.
    """

    ref: RecordingRef
    identities: SpeakerIdentities | None = None
    result: Result | None = None
    problem: str | None = None


def decide(
    embeddings: SpeakerEmbeddings,
    enrolled: Voiceprints | None,
    threshold: float | None,
    people: list[Voiceprint] | None = None,
) -> SpeakerIdentities:
    """Who the speakers of a recording are.

    Args:
        embeddings: of the recording.
        enrolled: the people of its user.
        threshold: see `identify`; None: the one that was measured.
        people: the voiceprints of the enrolled, where they were made already.
    """
    if threshold is None:
        threshold = THRESHOLD
    if people is None:
        people = enrolled.voiceprints() if enrolled else []
    return SpeakerIdentities(
        recording_id=embeddings.recording_id,
        source=embeddings.source,
        model=embeddings.model,
        threshold=threshold,
        enrolled=[person.person_id for person in people],
        identities=identify(embeddings.voices(), people, threshold),
    )


def without_forgotten(
    storage: S3Storage, user_id: str, identities: SpeakerIdentities
) -> SpeakerIdentities:
    """The same without people who are no longer in the bank.

    Somebody may be forgotten while a recording is being processed, or may have been enrolled with
    another embedding model, so that a new decision is not possible. Then this takes out every trace
    of the person: the name, the id among the enrolled, as a runner-up, and in the reason.
    """
    enrolled = {folder.person_id for folder in folders(storage, user_id)}
    mentioned = {*identities.enrolled}
    for identity in identities.identities:
        mentioned |= {who for who in (identity.person_id, identity.runner_up) if who}
    gone = mentioned - enrolled
    if not gone:
        return identities
    return identities.model_copy(
        update={
            "enrolled": [person for person in identities.enrolled if person not in gone],
            "identities": [
                _without(gone, mentioned, identity) for identity in identities.identities
            ],
        }
    )


def _without(gone: set[str], people: set[str], identity: Identity) -> Identity:
    """A decision without people who are gone, of whom the reason may speak too.

    Args:
        gone: their ids.
        people: the ids that may be found in a reason.
        identity: the decision.
    """
    reason = identity.reason
    if gone & _mentioned(people, reason):
        reason = reason.partition(SAME_VOICE_AS)[0]
    if identity.person_id in gone or gone & _mentioned(people, reason):
        return forgotten(identity)
    if identity.runner_up in gone:
        identity = replace(identity, runner_up=None, runner_up_score=None)
    return replace(identity, reason=reason)


def _mentioned(people: set[str], reason: str) -> set[str]:
    """Which people a reason speaks of; where an id is a part of another one, it is the longer."""
    ids = "|".join(re.escape(person) for person in sorted(people, key=len, reverse=True))
    return set(re.findall(rf"(?<![\w.-])(?:{ids})(?![\w-])", reason))


def refresh_names(
    storage: S3Storage,
    user_id: str,
    threshold: float | None,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[Refreshed]:
    """Decide anew who speaks in every recording of a user, and write what changes.

    It begins again when the voiceprints have changed meanwhile. So the newer bank has the last word
    where two of these run at the same time.

    Args:
        storage: S3.
        user_id: whose recordings.
        threshold: see `decide`.
        progress: told the fraction of the recordings that is done.

    Yields:
        Each recording that has been identified before, in every pass.
    """
    for _ in range(MAX_PASSES):
        enrolled = read_voiceprints(storage, user_id)
        people = enrolled.voiceprints() if enrolled else []
        refs = recordings_with(storage, user_id, SpeakerIdentities)
        for number, ref in enumerate(refs, start=1):
            try:
                yield refresh_recording(storage, ref, enrolled, threshold, people)
            except (DocumentError, MissingObjectError) as error:
                yield Refreshed(ref, problem=str(error))
            progress(number / len(refs))
        forget_in_previous(storage, user_id)
        if read_voiceprints(storage, user_id) == enrolled:
            return


def refresh_recording(
    storage: S3Storage,
    ref: RecordingRef,
    enrolled: Voiceprints | None,
    threshold: float | None,
    people: list[Voiceprint] | None = None,
) -> Refreshed:
    """Decide anew who speaks in a recording, and write what changes; see `decide`.

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
        identities = decide(embeddings, enrolled, threshold, people)
    else:
        identities = without_forgotten(storage, ref.user_id, before)
    changed = None
    if identities != before:
        changed = identities
        write_document(storage, ref, identities)
    result = refresh_result(storage, ref, identities)
    return Refreshed(ref, changed, result, problem)
