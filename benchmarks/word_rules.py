"""Rules that give words to speakers: those of others, and Scribe's former one."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from benchmarks.peers import by_whisperx_rule
from scribe_assets.speech.fusion import fuse
from scribe_assets.speech.timeline import Timeline, TimeSpan, Transcription, Turn, Word

Rule = Callable[[Transcription, Timeline], list[str | None]]
"""The speaker of each word, in order of time."""


SENTENCE_ENDS = (".", "?", "!")


LONGEST_SENTENCE = 50
"""In words, as whisper-diarization has it by default."""


def words_of(said: Transcription) -> list[Word]:
    """All words in order of time."""
    words = [word for segment in said.segments for word in segment.words]
    return sorted(words, key=lambda word: (word.start, word.end))


def whisperx(said: Transcription, timeline: Timeline) -> list[str | None]:
    """See `peers`."""
    segments = [[(w.start, w.end, w.word) for w in part.words] for part in said.segments]
    spoken = by_whisperx_rule(segments, timeline.turns)
    spoken.sort(key=lambda word: (word["start"], word["end"]))
    return [word["speaker"] for word in spoken]


def nearest_turn(said: Transcription, timeline: Timeline) -> list[str | None]:
    """The turn that the middle of a word is in, or is nearest to."""
    return [
        min(timeline.turns, key=lambda turn: turn.distance((word.start + word.end) / 2)).speaker
        for word in words_of(said)
    ]


def sentence_majority(said: Transcription, timeline: Timeline) -> list[str | None]:
    """As whisper-diarization does it: a word goes to the turn in which it begins; where the speaker
    changes inside a sentence, all of it goes to the one who has most of its words, if that is half
    of them or more."""
    words, turns = words_of(said), sorted(timeline.turns)
    speakers: list[str | None] = []
    number = 0
    for word in words:
        while number < len(turns) - 1 and word.start > turns[number].end:
            number += 1
        speakers.append(turns[number].speaker)
    ends = [word.word.endswith(SENTENCE_ENDS) for word in words]
    at = 0
    while at < len(words) - 1:
        if speakers[at] != speakers[at + 1] and not ends[at]:
            first = at
            while (
                first > 0
                and at - first < LONGEST_SENTENCE
                and speakers[first - 1] == speakers[first]
                and not ends[first - 1]
            ):
                first -= 1
            last = at
            while last < len(words) - 1 and last - first < LONGEST_SENTENCE and not ends[last]:
                last += 1
            whole = (first == 0 or ends[first - 1]) and (last == len(words) - 1 or ends[last])
            main, count = Counter(speakers[first : last + 1]).most_common(1)[0]
            if whole and 2 * count >= last + 1 - first:
                speakers[first : last + 1] = [main] * (last + 1 - first)
                at = last
        at += 1
    return speakers


def most_shared(said: Transcription, timeline: Timeline) -> list[str | None]:
    """Scribe's rule until now: the speaker who shares most time with the word on the exclusive
    timeline, else the nearest one; while several speak, the one of them who says most of the
    sentence."""
    exclusive = timeline.exclusive or timeline.turns
    speakers: list[str | None] = []
    for sentence in _sentences(words_of(said)):
        own = [_most_shared(word, exclusive) for word in sentence]
        active = [{t.speaker for t in timeline.turns if t.shared(word) > 0} for word in sentence]
        seconds: defaultdict[str, float] = defaultdict(float)
        for word, speaker, who in zip(sentence, own, active, strict=True):
            if len(who) < 2:
                seconds[speaker] += max(word.duration, 0.01)
        main = max(seconds, key=lambda speaker: seconds[speaker], default="")
        speakers += [
            main if len(who) > 1 and main in who else speaker
            for speaker, who in zip(own, active, strict=True)
        ]
    return speakers


def ours(said: Transcription, timeline: Timeline) -> list[str | None]:
    """Scribe's."""
    return [word.speaker for segment in fuse(said, timeline) for word in segment.words]


def _most_shared(word: TimeSpan, turns: Sequence[Turn]) -> str:
    seconds: defaultdict[str, float] = defaultdict(float)
    for turn in turns:
        seconds[turn.speaker] += max(turn.shared(word), 0.0)
    best = max(seconds, key=lambda speaker: seconds[speaker])
    return best if seconds[best] else max(turns, key=lambda turn: turn.shared(word)).speaker


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = []
    for word in words:
        last = sentences[-1][-1] if sentences else None
        ended = last is None or last.word.rstrip("\"'»”)").endswith(SENTENCE_ENDS)
        if ended or (last and word.start - last.end > 1.0):
            sentences.append([])
        sentences[-1].append(word)
    return sentences
