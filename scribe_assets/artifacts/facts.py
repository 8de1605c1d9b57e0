"""What a document says in a few numbers and words: the metadata of an asset, in Dagster and after a
rebuild."""

import math
from collections.abc import Sequence

from scribe_assets.artifacts.documents import (
    Diarization,
    Document,
    Recording,
    Result,
    Sound,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
    Voiceprints,
)
from scribe_assets.artifacts.formats import plain
from scribe_assets.speech.timeline import Turn, Word

UNLIKELY = 0.5
"""Probability below which a word is more likely another one."""

Facts = dict[str, str | int | float]


def facts(document: Document) -> Facts:
    """The facts of a document by name; none of a kind that no asset makes."""
    match document:
        case Recording():
            return _recording(document)
        case Diarization():
            between = document.speakers_between or ["not known"]
            return {
                "model": document.model,
                "speakers": len({turn.speaker for turn in document.turns}),
                "speakers_between": " and ".join(map(str, between)),
                "turns": len(document.turns),
                "share_of_speech": _share(document.exclusive, document.duration),
            }
        case SpeakerEmbeddings():
            return {
                "model": document.model,
                "speakers": len(document.speakers),
                "with_enough_speech": sum(s.embedding is not None for s in document.speakers),
            }
        case SpeakerIdentities():
            return {
                "model": document.model,
                "identified": sum(i.person_id is not None for i in document.identities),
                "speakers": len(document.identities),
                "enrolled": len(document.enrolled),
                "threshold": document.threshold,
            }
        case Transcript():
            words = [word for segment in document.segments for word in segment.words]
            return {
                "model": document.model,
                "language": document.language or "none",
                "words": len(words),
                **_certainty(words),
                "unheard_seconds": round(sum(span.duration for span in document.unheard), 3),
            }
        case Result():
            spoken = [word for segment in document.segments for word in segment.words]
            return {
                "length": plain.clock(document.duration),
                "segments": len(document.segments),
                "words": len(spoken),
                "words_in_overlap": sum(word.overlap for word in spoken),
                "number_of_speakers": len(document.speakers),
                "named_speakers": sum(s.person_id is not None for s in document.speakers),
                "speakers": plain.facts(document),
                **_corrections(document),
            }
        case Voiceprints():
            return {
                "model": document.model,
                "people": len(document.people),
                "recognisable": len(document.voiceprints()),
                "samples": sum(len(person.samples) for person in document.people),
            }
    return {}


def _corrections(result: Result) -> Facts:
    """How many corrections are in a result, and which fit nothing; nothing where there are none."""
    if result.corrections is None:
        return {}
    unfitting = [f"{one.kind} {one.id}: {one.why}" for one in result.corrections.unfitting]
    return {
        "corrections": result.corrections.applied,
        "corrections_unfitting": "; ".join(unfitting) or "none",
    }


def _share(turns: Sequence[Turn], seconds: float) -> float:
    return round(sum(turn.duration for turn in turns) / seconds, 3) if seconds > 0 else 0.0


def _certainty(words: Sequence[Word]) -> Facts:
    """How sure words are, as numbers that can be followed from recording to recording."""
    if not words:
        return {}
    return {
        "mean_word_probability": round(float(sum(w.probability for w in words)) / len(words), 3),
        "unlikely_words": round(sum(map(is_unlikely, words)) / len(words), 3),
    }


def is_unlikely(word: Word) -> bool:
    """Whether another word is more likely than this one."""
    return bool(word.probability < UNLIKELY)


def _loudness(sound: Sound | None) -> Facts:
    if sound is None:
        return {}
    peak = max(sound.peaks, default=0.0)
    return {
        "peak_dbfs": round(20 * math.log10(max(peak, 1e-5)), 1),
        "clipped_share": sound.clipped,
    }


def _recording(recording: Recording) -> Facts:
    media = recording.media
    return {
        "duration": recording.duration,
        "length": plain.clock(recording.duration),
        **_loudness(recording.sound),
        "upload": f"s3://{recording.source.bucket}/{recording.source.key}",
        "container": media.container,
        "codec": media.audio_codec,
        "channels": media.channels,
        "sample_rate": media.sample_rate,
        "starts_at": recording.timeline.start,
        "gaps": len(recording.timeline.gaps),
        "tracks": recording.tracks.reason if recording.tracks else "not known",
        "ffmpeg_warnings": recording.warnings or "none",
    }
