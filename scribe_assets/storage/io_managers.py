"""IO managers: typed documents and audio between assets and the processed bucket.

Nothing is pickled: every artifact is a file that other programs can read. Each is written whole or
not at all. The forms of a result are written before `result.json`, so that whoever finds it finds
all of them. Nothing is written into a folder that has become another version's, and no sound is
given out as another version's (`versions.py`).
"""

from pathlib import Path
from typing import Any

from dagster import (
    ConfigurableIOManager,
    Failure,
    InputContext,
    OutputContext,
    ResourceDependency,
)

from scribe_assets.artifacts.documents import Document, Recording, Result
from scribe_assets.errors import DocumentError, MissingObjectError
from scribe_assets.failures import permanent_failures
from scribe_assets.keys import RecordingRef
from scribe_assets.storage.changes import check_not_corrected
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.metadata import places
from scribe_assets.storage.previous import keep_previous
from scribe_assets.storage.recordings import ConvertedAudio, read_document, write_document
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.storage.versions import (
    check_audio,
    check_not_overtaken,
    check_not_overwritten,
    with_digests,
)


class DocumentIOManager(ConfigurableIOManager):
    """Keeps a document as JSON in `processed/{user}/{recording}/`."""

    storage: ResourceDependency[S3Storage]

    def handle_output(self, context: OutputContext, obj: Document) -> None:
        """Write the readable forms, then the document."""
        ref = RecordingRef.from_partition_key(context.partition_key)
        with permanent_failures():
            check_not_overtaken(self.storage, ref, obj)
            check_not_corrected(self.storage, ref, obj)
            if isinstance(obj, Result):
                keep_previous(self.storage, ref, obj)
            write_document(self.storage, ref, obj)
            check_not_corrected(self.storage, ref, obj)
        context.add_output_metadata(places(self.storage, ref, obj.file_name))

    def load_input(self, context: InputContext) -> Any:
        """Read and check the document; the type of the input says which document it is."""
        kind = context.dagster_type.typing_type
        return load(context, lambda ref: read_document(self.storage, ref, kind))


class AudioIOManager(ConfigurableIOManager):
    """Keeps converted audio as `audio.flac`, which is streamed, and `recording.json`."""

    storage: ResourceDependency[S3Storage]

    def handle_output(self, context: OutputContext, obj: ConvertedAudio) -> None:
        """Write the audio, then the facts about it, with the digests of the audio."""
        if obj.folder is None:
            raise ValueError("converted audio has no files to keep")
        ref = RecordingRef.from_partition_key(context.partition_key)
        bucket = self.storage.processed_bucket
        recording = with_digests(obj.recording, obj.folder)
        with permanent_failures():
            check_not_overwritten(self.storage, recording)
            self._remove_without_digest(ref)
            for name in obj.files:
                key = processed_key(ref, name)
                self.storage.upload(obj.folder / name, bucket, key, "audio/flac")
            write_document(self.storage, ref, recording)
        context.add_output_metadata(places(self.storage, ref, AUDIO))

    def _remove_without_digest(self, ref: RecordingRef) -> None:
        """Remove a `recording.json` that cannot tell whether an `audio.flac` is its own, before
        that is replaced: a run may end between the two."""
        try:
            if read_document(self.storage, ref, Recording).audio_sha256 is not None:
                return
        except MissingObjectError:
            return
        except DocumentError:  # a damaged one tells nothing either
            pass
        key = processed_key(ref, Recording.file_name)
        self.storage.delete(self.storage.processed_bucket, key)

    def load_input(self, context: InputContext) -> ConvertedAudio:
        """Read the facts. The audio is fetched when a stage opens it, and is checked then."""

        def read(ref: RecordingRef) -> ConvertedAudio:
            recording = read_document(self.storage, ref, Recording)

            def fetch(name: str, target: Path) -> None:
                bucket = self.storage.processed_bucket
                self.storage.download(bucket, processed_key(ref, name), target)
                check_audio(recording, target)

            return ConvertedAudio(recording, fetch)

        return load(context, read)


def load(context: InputContext, read: Any) -> Any:
    """Read an input. If it is missing, the step fails for good and says what to materialise."""
    with permanent_failures():
        try:
            return read(RecordingRef.from_partition_key(context.partition_key))
        except MissingObjectError as error:
            asset = context.asset_key.to_user_string()
            raise Failure(
                description=f"{error}; materialise {asset} of this recording first",
                allow_retries=False,
            ) from error
