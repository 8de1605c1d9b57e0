"""How far what was found is from the reference."""

from collections.abc import Sequence

from scribe_assets.speech.timeline import Turn


def diarization_error(reference: Sequence[Turn], found: Sequence[Turn]) -> dict[str, float]:
    """Seconds `missed`, of `false_alarm`, of `confusion`, and in `total` in the reference, as
    pyannote.metrics counts them: no collar, overlap scored."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: Sequence[Turn]) -> Annotation:
        made = Annotation()
        for number, turn in enumerate(turns):
            made[Segment(turn.start, turn.end), number] = turn.speaker
        return made

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    parts = metric(annotation(reference), annotation(found), detailed=True)
    return {
        "missed": parts["missed detection"],
        "false_alarm": parts["false alarm"],
        "confusion": parts["confusion"],
        "total": parts["total"],
    }
