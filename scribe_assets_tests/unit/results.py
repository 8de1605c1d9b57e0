"""A small result to render, and how to read the page that is made of one."""

from datetime import UTC, datetime
from html.parser import HTMLParser

from scribe_assets.artifacts.documents import Models, Result, Source, Speaker
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord


def segment(
    start: float,
    speaker: str | None,
    *words: str,
    step: float = 0.5,
    text: str | None = None,
    language: str | None = None,
) -> SpokenSegment:
    """A segment of words, `step` seconds each; its text is theirs with spaces, if not given."""
    spoken = [
        SpokenWord(start + i * step, start + (i + 1) * step, word, 0.9, speaker, overlap=False)
        for i, word in enumerate(words)
    ]
    return SpokenSegment(start, spoken[-1].end, speaker, text or " ".join(words), spoken, language)


RESULT = Result(
    recording_id="meeting-mp4-abc",
    user_id="default",
    job_id="7",
    source=Source(
        bucket="uploads",
        key="default/meeting_1.mp4",
        etag="e",
        size=1,
        last_modified=datetime(2026, 1, 1, tzinfo=UTC),
    ),
    duration=3700.25,
    language="en",
    language_probability=0.99,
    models=Models(diarization="d", embedding="e", transcription="t"),
    speakers=[
        Speaker(
            label="SPEAKER_00", person_id="anne-b", name="Anne B.", score=0.8, speech_seconds=2
        ),
        Speaker(label="SPEAKER_01", person_id=None, name=None, score=0.2, speech_seconds=1),
    ],
    segments=[
        segment(1.5, "SPEAKER_00", "Hello,", "*R&D*", "<people>!"),
        segment(3600.0, "SPEAKER_01", "Bonjour", "à", "tous."),
    ],
)


class PageText(HTMLParser):
    """What a page shows: its text, without style and script."""

    def __init__(self, page: str):
        super().__init__()
        self._unseen = 0
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, _attrs: list) -> None:
        self._unseen += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.shown += "" if self._unseen else data
