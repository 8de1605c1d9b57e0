"""Who said what: each word of a transcript goes to a speaker of the timeline."""

from dataclasses import dataclass, replace

from scribe_assets.speech.timeline import (
    SpokenSegment,
    SpokenWord,
    Timeline,
    Transcription,
    Turn,
    Word,
    subtract,
)
from scribe_assets.speech.word_speakers import MAX_PAUSE, near, speakers_of, units_of
from scribe_assets.speech.words import join_words


def fuse(transcription: Transcription, timeline: Timeline) -> list[SpokenSegment]:
    """Give every word to a speaker and group the words into segments.

    Who says a word is decided by time, pauses and the ends of sentences and clauses, over the whole
    sequence of words (`speakers_of`). Every word of the transcription is in exactly one segment.

    Where a recording is divided into tracks, the words of a track go to its own speakers, and its
    segments are made of its own words, so that two who speak at once do not cut each other short.

    Args:
        transcription: words with times, in seconds.
        timeline: turns of the same recording, in seconds.

    Returns:
        Segments in order of time, each of one speaker and in one language.
    """
    return segments_of(spoken_words(transcription, timeline), transcription.language)


@dataclass(frozen=True)
class SpokenTrack:
    """The words of a track in order of time, each with its speaker, and the language of each."""

    words: list[SpokenWord]
    languages: list[str | None]


def spoken_words(transcription: Transcription, timeline: Timeline) -> list[SpokenTrack]:
    """Every word with its speaker, by track; one track where a recording is not divided."""
    tracks = {segment.track: None for segment in transcription.segments}
    return [
        _spoken_track(
            replace(
                transcription,
                segments=[part for part in transcription.segments if part.track == track],
            ),
            _of_track(timeline, track),
            timeline.turns,
        )
        for track in tracks
    ]


def segments_of(tracks: list[SpokenTrack], main_language: str | None) -> list[SpokenSegment]:
    """The segments of words with speakers, in order of time.

    Args:
        tracks: each has segments of its own.
        main_language: that of the recording, which segments do not name.
    """
    fused = [
        SpokenSegment(
            start=group[0].start,
            end=max(word.end for word in group),
            speaker=group[0].speaker,
            text=join_words([word.word for word in group], language),
            words=group,
            language=None if language == main_language else language,
        )
        for track in tracks
        for group, language in _groups(track.words, track.languages)
    ]
    return fused if len(tracks) < 2 else sorted(fused, key=lambda part: (part.start, part.end))


def _of_track(timeline: Timeline, track: int | None) -> Timeline:
    """The turns of one track. Where the exclusive timeline gives a moment to another track, the
    speakers of this one have it here."""
    if track is None:
        return timeline
    own = [turn for turn in timeline.turns if turn.track == track]
    exclusive = [turn for turn in timeline.exclusive if turn.track == track]
    lost = [
        replace(turn, start=span.start, end=span.end)
        for turn, others in zip(sorted(own), near(sorted(own), exclusive, 0), strict=True)
        for span in subtract([turn], others)
    ]
    return Timeline(own, exclusive + lost)


def _spoken_track(
    transcription: Transcription, timeline: Timeline, turns: list[Turn]
) -> SpokenTrack:
    """The words of one track.

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
    spoken = _with_speakers([word for word, _ in heard], timeline, turns)
    return SpokenTrack(spoken, [language for _, language in heard])


def _with_speakers(
    words: list[Word], timeline: Timeline, everybody: list[Turn]
) -> list[SpokenWord]:
    """The same words in the same order, each with who says it.

    Args:
        words: in order of time.
        timeline: of the speakers whose words they can be.
        everybody: the turns of all speakers of the recording, for what counts as overlap.
    """
    return [
        SpokenWord(
            word.start,
            word.end,
            word.word,
            word.probability,
            speaker,
            overlap=any(turn.speaker != speaker and turn.shared(word) > 0 for turn in around),
        )
        for word, speaker, around in zip(
            words, speakers_of(words, timeline), near(words, everybody, 0), strict=True
        )
    ]


def _groups(
    words: list[SpokenWord], languages: list[str | None]
) -> list[tuple[list[SpokenWord], str | None]]:
    """Words up to a change of speaker or of language, or a long pause, with their language.

    Punctuation that stands alone stays with its word, whatever its own time and language.
    """
    groups: list[tuple[list[SpokenWord], str | None]] = []
    last: SpokenWord | None = None
    for unit in units_of([word.word for word in words]):
        main, language = words[unit.main], languages[unit.main]
        if (
            last
            and groups[-1][1] == language
            and last.speaker == main.speaker
            and main.start - last.end <= MAX_PAUSE
        ):
            groups[-1][0].extend(words[unit.slice])
        else:
            groups.append((words[unit.slice], language))
        last = main
    return groups
