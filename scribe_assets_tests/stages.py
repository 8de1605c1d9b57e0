"""The stages of a recording without models: the words and the labels of their documents are the
content of the upload. What reads, checks and writes them is the real thing."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dagster import AssetKey

from scribe_assets.artifacts.documents import (
    Diarization,
    Options,
    Recording,
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
)
from scribe_assets.assets.stage import stage
from scribe_assets.keys import RecordingRef
from scribe_assets.library.combining import combine
from scribe_assets.library.naming import decide
from scribe_assets.speech.media_info import MediaInfo
from scribe_assets.speech.timeline import TranscriptSegment, Turn, Word
from scribe_assets.speech.voices.voice import Voice
from scribe_assets.storage.bank import read_voiceprints
from scribe_assets.storage.io_managers import AudioIOManager, DocumentIOManager
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.recordings import ConvertedAudio, find_upload, to_source
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import check_versions
from scribe_assets_tests.people import MODEL, unit

INPUTS: dict[str, dict[str, type]] = {
    "converted_audio": {},
    "diarization": {"converted_audio": ConvertedAudio},
    "speaker_embeddings": {"converted_audio": ConvertedAudio, "diarization": Diarization},
    "speaker_identities": {
        "converted_audio": ConvertedAudio,
        "speaker_embeddings": SpeakerEmbeddings,
    },
    "transcript": {"converted_audio": ConvertedAudio},
    "fused_result": {
        "converted_audio": ConvertedAudio,
        "diarization": Diarization,
        "speaker_identities": SpeakerIdentities,
        "transcript": Transcript,
    },
}
VOICE = unit(1, 0)


@dataclass
class Stages:
    """The stages of one recording."""

    storage: S3Storage
    ref: RecordingRef
    folder: Path
    files: Iterator[int] = field(default_factory=itertools.count)

    def make(self, run_id: str, name: str) -> Any:
        """Load the inputs of a stage and make its output."""
        inputs: dict[str, Any] = {
            asset: self.io_manager(asset).load_input(self.context(asset, run_id, kind))
            for asset, kind in INPUTS[name].items()
        }
        context = self.context(name, run_id)
        if name == "converted_audio":
            with stage(context, self.storage):
                return self.converted_audio()
        audio = inputs.pop("converted_audio")
        with stage(context, self.storage, audio.recording.source, None):
            check_versions(audio.recording, *inputs.values())
            return getattr(self, name)(audio, **inputs)

    def write(self, name: str, made: Any) -> None:
        """Write the output of a stage."""
        self.io_manager(name).handle_output(self.context(name), made)

    def write_in_part(self, name: str, made: Any) -> None:
        """Die while writing the output of a stage."""
        if name == "converted_audio":
            bucket = self.storage.processed_bucket
            key = processed_key(self.ref, AUDIO)
            self.storage.upload(made.folder / AUDIO, bucket, key, "audio/flac")

    def context(self, asset: str, run_id: str = "", kind: type | None = None) -> Any:
        """What stages and IO managers use of Dagster's contexts, each of which would make a whole
        instance of Dagster for itself."""
        return SimpleNamespace(
            partition_key=self.ref.partition_key,
            run_id=run_id,
            asset_key=AssetKey(asset),
            dagster_type=SimpleNamespace(typing_type=kind),
            add_output_metadata=lambda _: None,
        )

    def io_manager(self, name: str) -> AudioIOManager | DocumentIOManager:
        kind = AudioIOManager if name == "converted_audio" else DocumentIOManager
        return kind(storage=self.storage)

    def new_file(self) -> Path:
        """A place for an `audio.flac`, each in a folder of its own."""
        folder = self.folder / str(next(self.files))
        folder.mkdir()
        return folder / AUDIO

    def converted_audio(self) -> ConvertedAudio:
        found = find_upload(self.storage, self.ref)
        file = self.new_file()
        upload = self.storage.download(found.bucket, found.key, file)
        recording = Recording(
            recording_id=self.ref.recording_id,
            user_id=self.ref.user_id,
            source=to_source(upload),
            media=MediaInfo("wav", 1, "pcm_s16le", 16_000, 1, None),
            duration=1,
            options=Options(),
            warnings="",
        )
        return ConvertedAudio(recording, folder=file.parent)

    def said(self, audio: ConvertedAudio) -> str:
        assert audio.fetch is not None
        file = self.new_file()
        audio.fetch(AUDIO, file)
        return file.read_text()

    def diarization(self, audio: ConvertedAudio) -> Diarization:
        turns = [Turn(0, 1, self.said(audio))]
        return Diarization(
            recording_id=self.ref.recording_id,
            source=audio.recording.source,
            model="d",
            duration=1,
            turns=turns,
            exclusive=turns,
        )

    def speaker_embeddings(
        self, audio: ConvertedAudio, diarization: Diarization
    ) -> SpeakerEmbeddings:
        assert self.said(audio) == diarization.turns[0].speaker
        voices = [Voice(turn.speaker, VOICE, 10, 10) for turn in diarization.turns]
        source = audio.recording.source
        return SpeakerEmbeddings.of(self.ref.recording_id, MODEL, voices, source)

    def speaker_identities(
        self, _: ConvertedAudio, speaker_embeddings: SpeakerEmbeddings
    ) -> SpeakerIdentities:
        enrolled = read_voiceprints(self.storage, self.ref.user_id)
        return decide(speaker_embeddings, enrolled, None)

    def transcript(self, audio: ConvertedAudio) -> Transcript:
        said = self.said(audio)
        return Transcript(
            recording_id=self.ref.recording_id,
            source=audio.recording.source,
            model="t",
            language="en",
            language_probability=1,
            segments=[TranscriptSegment(0, 1, said, [Word(0, 1, said, 1)], "en")],
        )

    def fused_result(self, audio: ConvertedAudio, **inputs: Any) -> Result:
        return combine(
            audio.recording,
            inputs["diarization"],
            inputs["speaker_identities"],
            inputs["transcript"],
        )
