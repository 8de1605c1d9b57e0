"""Voice samples before they are in the identity bank: checked, and cut out of recordings."""

from pathlib import Path

from scribe_assets.artifacts.documents import Diarization, label_of
from scribe_assets.errors import MediaError, MissingObjectError, UsageError
from scribe_assets.keys import RecordingRef
from scribe_assets.library.combining import corrected_timeline
from scribe_assets.speech import media
from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.timeline import clean_spans, longest
from scribe_assets.speech.voices.samples import MAX_SPEECH_SECONDS, MIN_SPEECH_SECONDS
from scribe_assets.storage.layout import AUDIO, processed_key
from scribe_assets.storage.recordings import read_document
from scribe_assets.storage.s3 import S3Storage


def check_sample(file: Path) -> None:
    """Check that somebody could be recognised by a sample.

    Raises:
        UsageError: it is not audio or video, or has too little speech.
    """
    try:
        regions = speech_regions(decode(file))
    except MediaError as error:
        raise UsageError(f"{file}: {error}") from error
    seconds = sum(region.duration for region in regions) / media.SAMPLE_RATE
    if seconds < MIN_SPEECH_SECONDS:
        raise UsageError(f"{file}: {seconds:.1f} s of speech is too little; give 10 s or more")


def cut_sample(storage: S3Storage, ref: RecordingRef, speaker: str, folder: Path) -> Path:
    """Write what a speaker of a recording says while nobody else speaks, the longest pieces first.

    Args:
        storage: S3.
        ref: the recording.
        speaker: see `label_of`.
        folder: for the file.

    Returns:
        A FLAC file in the folder, 16 kHz mono, of at most `MAX_SPEECH_SECONDS`.

    Raises:
        UsageError: the recording has no such speaker, or this one never speaks alone.
    """
    import numpy as np
    import soundfile

    try:
        diarization = read_document(storage, ref, Diarization)
    except MissingObjectError as error:
        raise UsageError(
            f"{ref.recording_id} has not been diarized yet; see 'scribe status'"
        ) from error
    timeline = corrected_timeline(storage, ref, diarization)
    speaker = label_of(speaker)
    if speaker not in timeline.speakers:
        speakers = ", ".join(timeline.speakers) or "nobody"
        raise UsageError(f"{ref.recording_id} has no speaker {speaker!r}, but {speakers}")
    whole = folder / AUDIO
    storage.download(storage.processed_bucket, processed_key(ref, AUDIO), whole)
    spans = sorted(longest(clean_spans(timeline, speaker), MAX_SPEECH_SECONDS))
    with media.AudioFile(whole) as waveform:
        pieces = media.cut(waveform, spans)
    if not pieces:
        raise UsageError(f"{speaker} never speaks alone in {ref.recording_id}")
    sample = folder / f"{ref.recording_id}-{speaker}.flac"
    soundfile.write(sample, np.concatenate(pieces), media.SAMPLE_RATE)
    return sample
