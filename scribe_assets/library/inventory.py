"""What lies in S3 already, for an instance of Dagster that does not know it (`instance.rebuild`).

A recording is known by its `status.json`: what the upload was, and whether the recording has ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from scribe_assets.artifacts.content import content_version
from scribe_assets.artifacts.documents import (
    Corrections,
    Diarization,
    Document,
    Recording,
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Status,
    Transcript,
)
from scribe_assets.artifacts.facts import Facts, facts
from scribe_assets.keys import RecordingRef
from scribe_assets.library.recordings import UNREADABLE, is_outcome
from scribe_assets.storage.bank import by_user, read_voiceprints
from scribe_assets.storage.layout import AUDIO, processed_key, voiceprints_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage

STAGES: dict[str, type[Document]] = {
    "converted_audio": Recording,
    "diarization": Diarization,
    "speaker_embeddings": SpeakerEmbeddings,
    "speaker_identities": SpeakerIdentities,
    "transcript": Transcript,
    "fused_result": Result,
}
"""The document that each stage leaves, by the name of its asset, from the upload to the result."""


@dataclass(frozen=True)
class Artifact:
    """What a stage has made.

    Attributes:
        asset: its name.
        facts: where it lies (`uri`), the version of the upload it was made from (`upload_etag`),
            and what the document itself says.
        content: what stands for its content; see `content_version`.
        models: by the asset that used it, the models that it was made with.
    """

    asset: str
    facts: Facts
    content: str
    models: dict[str, str]


@dataclass
class Inventory:
    """What there is of a recording.

    Attributes:
        ref: the recording.
        status: as it is; None where it cannot be read.
        artifacts: in the order of the stages.
        corrections: what people have put right; None where nobody has.
        problems: sentences about what cannot be read.
    """

    ref: RecordingRef
    status: Status | None = None
    artifacts: list[Artifact] = field(default_factory=list)
    corrections: Corrections | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether the recording has a result, or failed, so that it needs no run."""
        return self.status is not None and is_outcome(self.status)


def recordings_in(storage: S3Storage) -> dict[RecordingRef, set[str]]:
    """All recordings that have a status, each with the names of its files.

    Raises:
        PassingError: S3 does not answer.
    """
    files: dict[RecordingRef, set[str]] = {}
    for item in storage.objects(storage.processed_bucket):
        folder, _, name = item.key.rpartition("/")
        user_id, _, recording_id = folder.partition("/")
        if recording_id:
            files.setdefault(RecordingRef(user_id, recording_id), set()).add(name)
    return {ref: names for ref, names in files.items() if Status.file_name in names}


def take_inventory(storage: S3Storage, ref: RecordingRef, names: set[str]) -> Inventory:
    """Read what there is of a recording; a file that cannot be read holds up no other.

    Args:
        storage: S3.
        ref: the recording.
        names: of its files.

    Raises:
        PassingError: S3 does not answer.
    """
    found = Inventory(ref)
    try:
        found.status = read_document(storage, ref, Status)
    except UNREADABLE as error:
        found.problems.append(str(error))
    if not found.is_done:
        return found
    if Corrections.file_name in names:
        try:
            found.corrections = read_document(storage, ref, Corrections)
        except UNREADABLE as error:
            found.problems.append(str(error))
    for asset, kind in STAGES.items():
        if kind.file_name not in names:
            continue
        try:
            document = read_document(storage, ref, kind)
        except UNREADABLE as error:
            found.problems.append(str(error))
            continue
        name = AUDIO if kind is Recording else kind.file_name
        known: Facts = {"uri": f"s3://{storage.processed_bucket}/{processed_key(ref, name)}"}
        if source := getattr(document, "source", None):
            known["upload_etag"] = source.etag
        found.artifacts.append(artifact(asset, document, known))
    return found


def banks_in(storage: S3Storage) -> Iterator[tuple[str, Artifact | None]]:
    """The users who have enrolled somebody, each with the voiceprints that were made.

    Raises:
        PassingError: S3 does not answer.
    """
    for user_id in sorted(by_user(list(storage.objects(storage.identity_bucket)))):
        document = read_voiceprints(storage, user_id)
        if document is None:
            yield user_id, None
            continue
        uri = f"s3://{storage.processed_bucket}/{voiceprints_key(user_id)}"
        yield user_id, artifact("voiceprints", document, {"uri": uri})


def artifact(asset: str, document: Document, known: Facts) -> Artifact:
    """A document as an artifact of an asset.

    Args:
        asset: its name.
        document: what it has made.
        known: what the document does not say itself.
    """
    models = {asset: document.model} if hasattr(document, "model") else {}
    if isinstance(document, Result):
        used = document.models
        models = {
            "diarization": used.diarization,
            "speaker_embeddings": used.embedding,
            "transcript": used.transcription,
        }
    return Artifact(asset, known | facts(document), content_version(document), models)
