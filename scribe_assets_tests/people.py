"""Enrolled people and processed recordings without sound: documents with voices of our choice."""

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np

from scribe_assets.artifacts.documents import (
    Diarization,
    EnrolledPerson,
    EnrolledSample,
    Options,
    Recording,
    SpeakerEmbeddings,
    Transcript,
    Voiceprints,
    rounded,
)
from scribe_assets.keys import RecordingRef
from scribe_assets.library.combining import combine
from scribe_assets.library.naming import decide
from scribe_assets.library.status import queued
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media_info import MediaInfo
from scribe_assets.speech.timeline import Turn
from scribe_assets.speech.voices.voice import Voice
from scribe_assets.storage import bank
from scribe_assets.storage.layout import AUDIO, processed_key, voice_prefix
from scribe_assets.storage.recordings import to_source, write_document, write_status
from scribe_assets.storage.s3 import S3Object, S3Storage

MODEL = ModelRegistry(cache=Path("nowhere")).names["embedding"]
SPEECH_SECONDS = 10.0


def unit(*values: float) -> np.ndarray:
    """The direction of a vector, as a voice of length 1."""
    return np.array(values) / np.linalg.norm(values)


def enrol_voices(
    storage: S3Storage, user_id: str, voices: dict[str, np.ndarray], model: str = MODEL
) -> Voiceprints:
    """Put people into the bank whose samples are computed already."""
    people = []
    for person_id, voice in voices.items():
        key = f"{voice_prefix(user_id, person_id)}sample.wav"
        storage.write(storage.identity_bucket, key, f"the voice of {person_id}", "audio/wav")
        sample = EnrolledSample(
            key=key,
            etag=storage.head(storage.identity_bucket, key).etag,
            speech_seconds=SPEECH_SECONDS,
            consistency=None,
            problem=None,
            embedding=rounded(voice),
        )
        people.append(
            EnrolledPerson(
                person_id=person_id, name=person_id, profile=None, problem=None, samples=[sample]
            )
        )
    document = Voiceprints(user_id=user_id, model=model, people=people)
    bank.write_voiceprints(storage, document)
    return document


def put(storage: S3Storage, key: str, content: str, at: datetime) -> S3Object:
    """An upload by a client that keeps the time of the file: the embedded server takes it from the
    metadata."""
    storage.get_client().put_object(
        Bucket=storage.uploads_bucket,
        Key=key,
        Body=content.encode(),
        Metadata={"mtime": str(int(at.timestamp()))},
    )
    return storage.head(storage.uploads_bucket, key)


def uploaded(storage: S3Storage, key: str) -> S3Object:
    """An upload that the sensor has seen; its content is not sound."""
    storage.write(storage.uploads_bucket, key, f"the sound of {key}", "audio/wav")
    upload = storage.head(storage.uploads_bucket, key)
    write_status(storage, queued(to_source(upload), None))
    return upload


def processed(
    storage: S3Storage,
    key: str,
    voices: dict[str, np.ndarray],
    enrolled: Voiceprints | None = None,
    model: str = MODEL,
) -> RecordingRef:
    """A recording with all its documents, in which each of these voices has one turn, and which was
    identified against the people enrolled then."""
    source = to_source(uploaded(storage, key))
    ref = RecordingRef.from_upload_key(key)
    duration = SPEECH_SECONDS * len(voices)
    recording = Recording(
        recording_id=ref.recording_id,
        user_id=ref.user_id,
        source=source,
        media=MediaInfo("wav", duration, "pcm_s16le", 16_000, 1, None),
        duration=duration,
        options=Options(),
        warnings="",
        audio_sha256=hashlib.sha256(b"").hexdigest(),
    )
    turns = [
        Turn(number * SPEECH_SECONDS, (number + 1) * SPEECH_SECONDS, label)
        for number, label in enumerate(voices)
    ]
    diarization = Diarization(
        recording_id=ref.recording_id,
        source=source,
        model="d",
        duration=duration,
        turns=turns,
        exclusive=turns,
    )
    embeddings = SpeakerEmbeddings.of(
        ref.recording_id,
        model,
        [Voice(label, voice, SPEECH_SECONDS, SPEECH_SECONDS) for label, voice in voices.items()],
        source,
    )
    transcript = Transcript(
        recording_id=ref.recording_id,
        source=source,
        model="t",
        language=None,
        language_probability=None,
        segments=[],
    )
    identities = decide(embeddings, enrolled, None)
    storage.write(storage.processed_bucket, processed_key(ref, AUDIO), b"", "audio/flac")
    for document in (recording, diarization, embeddings, transcript, identities):
        write_document(storage, ref, document)
    write_document(storage, ref, combine(recording, diarization, identities, transcript))
    return ref
