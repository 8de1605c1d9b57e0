"""The documents: one pydantic model, one JSON file, one schema each.

All times are seconds from the start of the recording with three decimals. What belongs here: the
shape of each document and the checks of its values. What does not: how a value is computed, where a
document is kept, and code that needs a model or a media library. Of `speech`, only modules of plain
dataclasses are imported.
"""

from scribe_assets.artifacts.documents.base import Document
from scribe_assets.artifacts.documents.corrections import (
    Corrections,
    CorrectionsApplied,
    Unfitting,
    Vocabulary,
)
from scribe_assets.artifacts.documents.diarization import Diarization
from scribe_assets.artifacts.documents.embeddings import (
    SpeakerEmbedding,
    SpeakerEmbeddings,
    as_array,
    rounded,
)
from scribe_assets.artifacts.documents.people import (
    EnrolledPerson,
    EnrolledSample,
    Profile,
    SpeakerIdentities,
    Voiceprints,
)
from scribe_assets.artifacts.documents.recording import (
    Options,
    Recording,
    Sound,
    Source,
    TakenTrack,
    TracksTaken,
)
from scribe_assets.artifacts.documents.result import Models, Result, Speaker, label_of
from scribe_assets.artifacts.documents.status import ENDED, State, Status
from scribe_assets.artifacts.documents.transcript import Transcript

__all__ = [
    "DOCUMENTS",
    "ENDED",
    "Corrections",
    "CorrectionsApplied",
    "Diarization",
    "Document",
    "EnrolledPerson",
    "EnrolledSample",
    "Models",
    "Options",
    "Profile",
    "Recording",
    "Result",
    "Sound",
    "Source",
    "Speaker",
    "SpeakerEmbedding",
    "SpeakerEmbeddings",
    "SpeakerIdentities",
    "State",
    "Status",
    "TakenTrack",
    "TracksTaken",
    "Transcript",
    "Unfitting",
    "Vocabulary",
    "Voiceprints",
    "as_array",
    "label_of",
    "rounded",
]

DOCUMENTS: dict[str, type[Document]] = {
    **{
        document.file_name.removesuffix(".json"): document
        for document in (
            Recording,
            Diarization,
            SpeakerEmbeddings,
            SpeakerIdentities,
            Transcript,
            Corrections,
            Result,
            Status,
            Voiceprints,
            Vocabulary,
        )
    },
    "options": Options,
    "profile": Profile,
}
"""Every document Scribe reads or writes, by the name of its schema."""
