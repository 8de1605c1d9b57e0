"""Timelines and transcriptions of several groups of channels, put together as of one recording."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

from scribe_assets.speech.timeline import (
    Timeline,
    Transcription,
    TranscriptSegment,
    Turn,
    Word,
    in_order_of_speech,
    subtract,
)
from scribe_assets.speech.words import join_words

GHOST_SECONDS = 2.0
"""A second voice in a group that speaks for less, and only while others speak in other groups, is
what is left of their bleed."""


GHOST_SHARE = 0.8
"""So much of such a voice lies within turns of other groups."""


SECOND_VOICE_SECONDS = 3.0
"""A second voice in a group that speaks for less is the first one. In a group one person is the
rule, and of so little speech a voice is not known well."""


ECHO_WORDS = 3
"""From so many same words in a row on, at the same time in two groups, nobody spoke in chorus."""


ECHO_SECONDS = 0.5
"""The same word has starts in two groups that differ by no more: Whisper's times are rough."""


def merge_timelines(timelines: Sequence[Timeline]) -> Timeline:
    """One timeline of all groups.

    Speakers of different groups get different labels, in order of speech. In `exclusive`, where
    several groups speak, the longest turn holds the moment: that of the one who has the floor.

    Args:
        timelines: of each group, in order; their number from 1 becomes `track` of their turns.
    """
    if len(timelines) == 1:
        return in_order_of_speech(timelines[0])
    labelled = [_labelled(timeline, number) for number, timeline in enumerate(timelines, 1)]
    kept = []
    for timeline in labelled:
        others = [turn for other in labelled if other is not timeline for turn in other.turns]
        kept.append(_with_main_voices(_without_ghosts(timeline, others)))
    turns = sorted(turn for timeline in kept for turn in timeline.turns)
    exclusive = _one_at_a_time([turn for timeline in kept for turn in timeline.exclusive])
    return in_order_of_speech(Timeline(turns, exclusive))


def merge_transcriptions(transcriptions: Sequence[Transcription]) -> Transcription:
    """One transcription of all groups, segments in order of time.

    The language is the one of most words. Words that two groups hold at the same time, bleed that
    was overheard, are kept where the model was surer of them; `removed` counts them as
    `said_twice`.

    Args:
        transcriptions: of each group, in order; their number from 1 becomes `track` of their
            segments.
    """
    if len(transcriptions) == 1:
        return transcriptions[0]
    removed: Counter[str] = Counter()
    for transcription in transcriptions:
        removed.update(transcription.removed)
    segments = [
        replace(segment, track=number, language=segment.language or transcription.language)
        for number, transcription in enumerate(transcriptions, 1)
        for segment in transcription.segments
    ]
    segments = _without_echoes(segments, removed)
    segments.sort(key=lambda segment: (segment.start, segment.end))
    words: Counter[str | None] = Counter()
    for segment in segments:
        words[segment.language] += len(segment.words)
    languages = [t.language for t in transcriptions if t.language]
    language = max(words, key=lambda code: words[code]) if words else next(iter(languages), None)
    sure = [
        t.language_probability
        for t in transcriptions
        if t.language == language and t.language_probability is not None
    ]
    probability = round(sum(sure) / len(sure), 3) if sure else None
    unheard = sorted(span for t in transcriptions for span in t.unheard)
    others = {t.language_heard for t in transcriptions}
    other = others.pop() if len(others) == 1 else None  # a track may be in another language
    return Transcription(language, probability, segments, dict(removed), unheard, other)


def _labelled(timeline: Timeline, number: int) -> Timeline:
    """The turns of a group, with labels that no other group has."""

    def of_group(turns: list[Turn]) -> list[Turn]:
        return [replace(t, speaker=f"{number}/{t.speaker}", track=number) for t in turns]

    return Timeline(of_group(timeline.turns), of_group(timeline.exclusive))


def _without_ghosts(timeline: Timeline, others: list[Turn]) -> Timeline:
    """Without voices that are what is left of the bleed of other groups."""
    seconds: defaultdict[str, float] = defaultdict(float)
    alone: defaultdict[str, float] = defaultdict(float)
    for turn in timeline.turns:
        seconds[turn.speaker] += turn.duration
        alone[turn.speaker] += sum(span.duration for span in subtract([turn], others))
    main = max(seconds, key=lambda label: seconds[label], default=None)
    ghosts = {
        label
        for label, spoken in seconds.items()
        if label != main and spoken < GHOST_SECONDS and alone[label] < (1 - GHOST_SHARE) * spoken
    }
    return Timeline(
        [turn for turn in timeline.turns if turn.speaker not in ghosts],
        [turn for turn in timeline.exclusive if turn.speaker not in ghosts],
    )


def _with_main_voices(timeline: Timeline) -> Timeline:
    """With the turns of voices that are hardly heard given to the one that is heard most."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for turn in timeline.turns:
        seconds[turn.speaker] += turn.duration
    main = max(seconds, key=lambda label: seconds[label], default="")

    def named(turns: list[Turn]) -> list[Turn]:
        return [
            turn if seconds[turn.speaker] >= SECOND_VOICE_SECONDS else replace(turn, speaker=main)
            for turn in turns
        ]

    return Timeline(named(timeline.turns), named(timeline.exclusive))


def _one_at_a_time(turns: list[Turn]) -> list[Turn]:
    """Turns without overlap: where there are several, the longest one stays."""
    taken: list[Turn] = []
    edges = sorted({edge for turn in turns for edge in turn})
    waiting = sorted(turns, reverse=True)
    active: list[Turn] = []
    for start, end in pairwise(edges):
        while waiting and waiting[-1].start <= start:
            active.append(waiting.pop())
        active = [turn for turn in active if turn.end > start]
        if not active:
            continue
        holder = max(active, key=lambda turn: (turn.duration, -turn.start))
        last = taken[-1] if taken else None
        if last and last.end == start and last.speaker == holder.speaker:
            taken[-1] = replace(last, end=end)
        else:
            taken.append(replace(holder, start=start, end=end))
    return taken


def _without_echoes(
    segments: list[TranscriptSegment], removed: Counter[str]
) -> list[TranscriptSegment]:
    """Without words that another group holds at the same time with more probability.

    Args:
        segments: of all groups, in any order.
        removed: the words removed are added to it as `said_twice`.
    """
    segments = sorted(segments, key=lambda segment: segment.start)
    gone: list[set[int]] = [set() for _ in segments]
    active: list[int] = []
    for number, segment in enumerate(segments):
        active = [n for n in active if segments[n].end > segment.start - ECHO_SECONDS]
        for other in active:
            if segments[other].track != segment.track:
                for mine, theirs in _echoes(segment.words, segments[other].words):
                    ours = sum(segment.words[i].probability for i in mine)
                    if ours < sum(segments[other].words[i].probability for i in theirs):
                        gone[number].update(mine)
                    else:
                        gone[other].update(theirs)
        active.append(number)
    kept = []
    for segment, lost in zip(segments, gone, strict=True):
        removed["said_twice"] += len(lost)
        words = [word for index, word in enumerate(segment.words) if index not in lost]
        if words and lost:
            text = join_words([word.word for word in words], segment.language)
            segment = replace(
                segment, start=words[0].start, end=words[-1].end, text=text, words=words
            )
        if words:
            kept.append(segment)
    return kept


def _echoes(mine: list[Word], theirs: list[Word]) -> list[tuple[range, range]]:
    """Runs of the same words at the same time, as indices in both."""
    matcher = SequenceMatcher(None, [*map(_plain, mine)], [*map(_plain, theirs)], autojunk=False)
    runs = []
    for block in matcher.get_matching_blocks():
        near = all(
            abs(mine[block.a + i].start - theirs[block.b + i].start) <= ECHO_SECONDS
            for i in range(block.size)
        )
        if block.size >= ECHO_WORDS and near:
            runs.append(
                (range(block.a, block.a + block.size), range(block.b, block.b + block.size))
            )
    return runs


def _plain(word: Word) -> str:
    return "".join(character for character in word.word.casefold() if character.isalnum())
