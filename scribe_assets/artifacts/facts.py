"""What a document says in a few numbers and words: the metadata of an asset, in Dagster and after a
rebuild."""

from scribe_assets.artifacts.documents import (
    Diarization,
    Document,
    Recording,
    Result,
    SpeakerEmbeddings,
    SpeakerIdentities,
    Transcript,
    Voiceprints,
)
from scribe_assets.artifacts.formats import plain

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
            }
        case Transcript():
            return {
                "model": document.model,
                "language": document.language or "none",
                "words": sum(len(segment.words) for segment in document.segments),
                "unheard_seconds": round(sum(span.duration for span in document.unheard), 3),
            }
        case Result():
            words = [word for segment in document.segments for word in segment.words]
            return {
                "segments": len(document.segments),
                "words": len(words),
                "words_in_overlap": sum(word.overlap for word in words),
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


def _recording(recording: Recording) -> Facts:
    media = recording.media
    return {
        "duration": recording.duration,
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
