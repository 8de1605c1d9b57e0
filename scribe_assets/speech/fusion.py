"""Who said what: each word of a transcript goes to a speaker of the timeline."""

import bisect
from collections import defaultdict
from dataclasses import replace

from scribe_assets.speech.timeline import (
    SpokenSegment,
    SpokenWord,
    Timeline,
    TimeSpan,
    Transcription,
    Turn,
    Word,
    subtract,
)
from scribe_assets.speech.words import join_words

MAX_PAUSE = 1.0
"""A speaker who is silent for longer, in seconds, begins a new segment."""


SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


SHORTEST_WORD = 0.01
"""Seconds that a word counts at the least."""


def fuse(transcription: Transcription, timeline: Timeline) -> list[SpokenSegment]:
    """Give every word to a speaker and group the words into segments.

    A word goes to the speaker with whom it shares most time on the exclusive timeline, and to the
    nearest turn where it shares none. While several people speak at once, time does not decide: the
    word goes to the one of them who says most of its sentence. Every word of the transcription is
    in exactly one segment.

    Where a recording is divided into tracks, the words of a track go to its own speakers, and its
    segments are made of its own words, so that two who speak at once do not cut each other short.

    Args:
        transcription: words with times, in seconds.
        timeline: turns of the same recording, in seconds.

    Returns:
        Segments in order of time, each of one speaker and in one language.
    """
    tracks = {segment.track: None for segment in transcription.segments}
    fused = [
        spoken
        for track in tracks
        for spoken in _fuse_track(
            replace(
                transcription,
                segments=[part for part in transcription.segments if part.track == track],
            ),
            _of_track(timeline, track),
            timeline.turns,
        )
    ]
    return fused if len(tracks) < 2 else sorted(fused, key=lambda part: (part.start, part.end))


def _of_track(timeline: Timeline, track: int | None) -> Timeline:
    """The turns of one track. Where the exclusive timeline gives a moment to another track, the
    speakers of this one have it here."""
    if track is None:
        return timeline
    own = [turn for turn in timeline.turns if turn.track == track]
    exclusive = [turn for turn in timeline.exclusive if turn.track == track]
    others = _Turns(exclusive)
    lost = [
        replace(turn, start=span.start, end=span.end)
        for turn in own
        for span in subtract([turn], others.during(turn))
    ]
    return Timeline(own, exclusive + lost)


def _fuse_track(
    transcription: Transcription, timeline: Timeline, turns: list[Turn]
) -> list[SpokenSegment]:
    """The segments of one track.

    Args:
        transcription: of the track.
        timeline: of the track; the speakers are its own.
        turns: of all tracks, for what counts as overlap.
    """
    heard = sorted(
        (
            (word, segment.language or transcription.language)
            for segment in transcription.segments
            for word in segment.words
        ),
        key=lambda pair: (pair[0].start, pair[0].end),
    )
    spoken = _with_speakers([word for word, _ in heard], timeline, _Turns(turns))
    languages = [language for _, language in heard]
    return [
        SpokenSegment(
            start=group[0].start,
            end=max(word.end for word in group),
            speaker=group[0].speaker,
            text=join_words([word.word for word in group], language),
            words=group,
            language=None if language == transcription.language else language,
        )
        for group, language in _groups(spoken, languages)
    ]


def _with_speakers(words: list[Word], timeline: Timeline, everybody: "_Turns") -> list[SpokenWord]:
    """Give every word to a speaker; see `fuse`.

    Args:
        words: in order of time.
        timeline: of the speakers whose words they can be.
        everybody: the turns of all speakers of the recording.

    Returns:
        The same words in the same order.
    """
    exclusive = _Turns(timeline.exclusive or timeline.turns)
    turns = _Turns(timeline.turns)
    spoken = []
    for sentence in _sentences(words):
        speakers = [exclusive.speaker_of(word) for word in sentence]
        active = [{turn.speaker for turn in turns.during(word)} for word in sentence]
        seconds: defaultdict[str | None, float] = defaultdict(float)
        for word, speaker, who in zip(sentence, speakers, active, strict=True):
            if len(who) < 2:
                seconds[speaker] += max(word.duration, SHORTEST_WORD)
        main = max(seconds, key=lambda speaker: seconds[speaker], default=None)
        for word, speaker, who in zip(sentence, speakers, active, strict=True):
            if len(who) > 1 and main in who:
                speaker = main
            overlap = any(turn.speaker != speaker for turn in everybody.during(word))
            spoken.append(
                SpokenWord(word.start, word.end, word.word, word.probability, speaker, overlap)
            )
    return spoken


def _sentences(words: list[Word]) -> list[list[Word]]:
    """Words up to a full stop, a question mark or the like, or a long pause."""
    sentences: list[list[Word]] = []
    for word in words:
        last = sentences[-1][-1] if sentences else None
        if (
            last is None
            or last.word.rstrip("\"'»”)").endswith(SENTENCE_ENDS)
            or word.start - last.end > MAX_PAUSE
        ):
            sentences.append([])
        sentences[-1].append(word)
    return sentences


def _groups(
    words: list[SpokenWord], languages: list[str | None]
) -> list[tuple[list[SpokenWord], str | None]]:
    """Words up to a change of speaker or of language, or a long pause, with their language."""
    groups: list[tuple[list[SpokenWord], str | None]] = []
    for word, language in zip(words, languages, strict=True):
        if groups:
            group, own = groups[-1]
            last = group[-1]
            pause = word.start - last.end
            if own == language and last.speaker == word.speaker and pause <= MAX_PAUSE:
                group.append(word)
                continue
        groups.append(([word], language))
    return groups


class _Turns:
    """Turns in order of time, searched by time."""

    def __init__(self, turns: list[Turn]):
        self.turns = sorted(turns)
        self.starts = [turn.start for turn in self.turns]
        self.longest = max((turn.duration for turn in turns), default=0.0)

    def during(self, word: TimeSpan) -> list[Turn]:
        """Turns that share time with the word."""
        first = bisect.bisect_left(self.starts, word.start - self.longest)
        last = bisect.bisect_left(self.starts, word.end)
        return [turn for turn in self.turns[first:last] if turn.shared(word) > 0]

    def speaker_of(self, word: Word) -> str | None:
        """The speaker who shares most time with the word, else the one of the nearest turn."""
        seconds: dict[str, float] = {}
        for turn in self.during(word):
            seconds[turn.speaker] = seconds.get(turn.speaker, 0.0) + turn.shared(word)
        if seconds:
            return max(seconds, key=lambda speaker: seconds[speaker])
        if not self.turns:
            return None
        return min(
            self.turns, key=lambda turn: max(turn.start - word.end, word.start - turn.end)
        ).speaker
