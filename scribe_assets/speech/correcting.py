"""Corrections in what the models found: who said what, as a person has put it right.

The models' output is corrected anew each time, so that nothing is applied twice, and whatever the
models say the next time, what a person said still holds. Corrections are applied in the order in
which they were made, but for merges, which come first: whoever two labels are, they are one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from scribe_assets.speech.anchors import (
    ALIKE,
    find_words,
    holder_of,
    is_as_long,
    is_heard,
    speaker_like,
    speech_by_speaker,
    union,
    words_between,
)
from scribe_assets.speech.corrections import (
    AnyCorrection,
    LanguageCorrection,
    MergeCorrection,
    NameCorrection,
    SpeakerAnchor,
    SpeakerCorrection,
    TextCorrection,
    Version,
    WordsAnchor,
)
from scribe_assets.speech.fusion import SpokenTrack, segments_of, spoken_words
from scribe_assets.speech.rewording import nearest, replaced
from scribe_assets.speech.timeline import (
    Span,
    SpokenSegment,
    Timeline,
    Transcription,
    Word,
)
from scribe_assets.speech.words import split_words

NO_SPEAKER = "no speaker now speaks when {} did"
NO_PAIR = "{} and {} are not found as two speakers or as one"
NO_WORDS = "nothing like {!r} is heard at that time"
OTHER_RECORDING = "the upload is another recording now"


@dataclass
class Corrected:
    """A result after its corrections.

    Attributes:
        segments: in order of time.
        language: of the recording.
        language_by_hand: a person has set it.
        names: set by hand, by label.
        merged: by label that is no more, the one that it belongs to.
        added: names of speakers whom the diarization has not found, by the labels they get.
        applied: ids of the corrections that hold.
        unfitting: by id of a correction that fits nothing, a sentence why.
    """

    segments: list[SpokenSegment] = field(default_factory=list)
    language: str | None = None
    language_by_hand: bool = False
    names: dict[str, str] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    unfitting: dict[str, str] = field(default_factory=dict)

    def label(self, label: str) -> str:
        """The speaker that a label of the diarization belongs to."""
        while label in self.merged:
            label = self.merged[label]
        return label


def correct(
    transcription: Transcription,
    timeline: Timeline,
    corrections: Sequence[AnyCorrection],
    version: Version,
) -> Corrected:
    """Who said what when, as `fuse` finds it, with corrections.

    Every word is in exactly one segment; only the words that a person has replaced are others.

    Args:
        transcription: words with times, in seconds.
        timeline: turns of the same recording, in seconds.
        corrections: in the order in which they were made.
        version: of the upload that both were made from.
    """
    return _Correcting(transcription, timeline, version).run(corrections)


class _Correcting:
    """The state of `correct`: what is known of the speakers, and the words so far."""

    def __init__(self, transcription: Transcription, timeline: Timeline, version: Version) -> None:
        self.transcription = transcription
        self.timeline = timeline
        self.version = version
        self.speech = speech_by_speaker(timeline)
        self.speakers = self.speech
        self.heard: list[Word] = sorted(
            (word for segment in transcription.segments for word in segment.words),
            key=lambda word: word.start,
        )
        self.tracks: list[SpokenTrack] = []
        self.done = Corrected(language=transcription.language)

    def run(self, corrections: Sequence[AnyCorrection]) -> Corrected:
        done, merges = self.done, [c for c in corrections if isinstance(c, MergeCorrection)]
        for merge in merges:
            self._tell(merge, self._merge(merge))
        turns = [
            [replace(turn, speaker=done.label(turn.speaker)) for turn in part]
            for part in (self.timeline.turns, self.timeline.exclusive)
        ]
        self.tracks = spoken_words(self.transcription, Timeline(turns[0], turns[1]))
        for correction in corrections:
            match correction:
                case TextCorrection():
                    self._tell(correction, self._set_text(correction))
                case SpeakerCorrection():
                    self._tell(correction, self._set_speaker(correction))
                case LanguageCorrection():
                    self._tell(correction, self._set_language(correction))
        self._set_names([c for c in corrections if isinstance(c, NameCorrection)], merges)
        _forget_superseded(done, corrections)
        done.segments = segments_of(self.tracks, done.language)
        return done

    def _tell(self, correction: AnyCorrection, problem: str | None) -> None:
        if problem is None:
            self.done.applied.append(correction.id)
        else:
            self.done.unfitting[correction.id] = problem

    def _is_same_recording(self, version: Version, *anchors: SpeakerAnchor) -> bool:
        """Whether anchors of a version of the upload mean anything in this one: it may be the same
        sound in another container, and it may be something else under the old name."""
        if version.etag == self.version.etag:
            return True
        return is_as_long(version, self.version) and all(
            is_heard(anchor, self.heard) for anchor in anchors
        )

    def _merge(self, merge: MergeCorrection) -> str | None:
        anchors = merge.speaker, merge.into
        if not self._is_same_recording(merge.version, *anchors):
            return OTHER_RECORDING
        found = [self._label(anchor) for anchor in anchors]
        if all(found):
            one, other = map(str, found)
            if one != other:
                self.done.merged[one] = other
                self.speakers = self._merged_speech()
            return None
        holders = {holder_of(union(anchor.speech), self.speech) for anchor in anchors}
        if None not in holders and len(holders) == 1:  # this diarization has not parted them
            return None
        return NO_PAIR.format(*(anchor.label for anchor in anchors))

    def _merged_speech(self) -> dict[str, list[Span[float]]]:
        """The speech of each speaker, with what was merged into it."""
        merged: dict[str, list[Span[float]]] = {}
        for label, spans in self.speech.items():
            merged.setdefault(self.done.label(label), []).extend(spans)
        return {label: union(spans) for label, spans in merged.items()}

    def _label(self, anchor: SpeakerAnchor, more: Sequence[SpeakerAnchor] = ()) -> str | None:
        """The speaker that an anchor means: as merged, or else as the diarization has them.

        Args:
            anchor: of the speaker.
            more: other anchors of the same speaker.
        """
        speech = union(span for one in (anchor, *more) for span in one.speech)
        found = speaker_like(speech, self.speakers) or speaker_like(speech, self.speech)
        return None if found is None else self.done.label(found)

    def _set_text(self, correction: TextCorrection) -> str | None:
        if not is_as_long(correction.version, self.version):
            return OTHER_RECORDING
        found = self._find(correction.words, correction.text)
        if found is None:
            return NO_WORDS.format(correction.words.text)
        track, span = found
        old, languages = track.words[span.slice], track.languages[span.slice]
        new = replaced(old, split_words(correction.text, languages[0] or self.done.language))
        track.words[span.slice] = new
        track.languages[span.slice] = [
            languages[nearest(old, word)] if word.by_hand else languages[old.index(word)]
            for word in new
        ]
        return None

    def _set_speaker(self, correction: SpeakerCorrection) -> str | None:
        is_new = not correction.speaker.speech
        anchors = () if is_new else (correction.speaker,)
        if not self._is_same_recording(correction.version, *anchors):
            return OTHER_RECORDING
        label = None if is_new else self._label(correction.speaker)
        if label is None and not is_new:
            return NO_SPEAKER.format(correction.speaker.label)
        found = self._find(correction.words)
        if found is None and correction.version.etag == self.version.etag:
            found = self._between(correction.words)
        if found is None:
            return NO_WORDS.format(correction.words.text)
        track, span = found
        label = label or self._added(correction.speaker.label)
        track.words[span.slice] = [replace(word, speaker=label) for word in track.words[span.slice]]
        return None

    def _added(self, name: str) -> str:
        """The label of a speaker whom only people have heard: the next one that is free."""
        for label, known in self.done.added.items():
            if known == name:
                return label
        numbers = (f"SPEAKER_{number:02d}" for number in count())
        label = next(n for n in numbers if n not in self.speech and n not in self.done.added)
        self.done.added[label] = name
        return label

    def _find(
        self, anchor: WordsAnchor, text: str | None = None
    ) -> tuple[SpokenTrack, Span[int]] | None:
        """The words that are most like those of an anchor, and their track."""
        places = [(find_words(track.words, anchor, text), track) for track in self.tracks]
        found = [(place.score, place, track) for place, track in places if place]
        if not found:
            return None
        _, place, track = max(found, key=lambda one: one[0])
        return (track, place) if place.likeness >= ALIKE else None

    def _between(self, span: Span[float]) -> tuple[SpokenTrack, Span[int]] | None:
        """The words at a time, in the track that has most of them."""
        places = [(words_between(track.words, span), track) for track in self.tracks]
        found = [(place, track) for place, track in places if place]
        if not found:
            return None
        place, track = max(found, key=lambda one: one[0].duration)
        return track, place

    def _set_language(self, correction: LanguageCorrection) -> str | None:
        if not is_as_long(correction.version, self.version):
            return OTHER_RECORDING
        before, self.done.language = self.done.language, correction.language
        self.done.language_by_hand = True
        self.tracks = [
            SpokenTrack(
                track.words,
                [correction.language if one == before else one for one in track.languages],
            )
            for track in self.tracks
        ]
        return None

    def _set_names(
        self, corrections: Sequence[NameCorrection], merges: Sequence[MergeCorrection]
    ) -> None:
        """Names by label. The last one counts; one of a speaker who was merged into another counts
        where the other has none."""
        own: dict[str, str] = {}
        inherited: dict[str, str] = {}
        for correction in corrections:
            if not self._is_same_recording(correction.version, correction.speaker):
                self._tell(correction, OTHER_RECORDING)
                continue
            label = self._label(correction.speaker)
            if label is None:
                # Who was merged afterwards may be found as one speaker now.
                more = list(_merged_with(correction.speaker, merges))
                label = self._label(correction.speaker, more)
            if label is None:
                self._tell(correction, NO_SPEAKER.format(correction.speaker.label))
                continue
            raw = speaker_like(union(correction.speaker.speech), self.speech)
            (own if raw in (None, label) else inherited)[label] = correction.name
            self._tell(correction, None)
        self.done.names = inherited | own | self.done.added


def _merged_with(
    anchor: SpeakerAnchor, merges: Sequence[MergeCorrection]
) -> Iterator[SpeakerAnchor]:
    """The anchors of those who were said to be the same speaker."""
    own = {"": union(anchor.speech)}
    for merge in merges:
        pair = merge.speaker, merge.into
        if any(speaker_like(union(one.speech), own) is not None for one in pair):
            yield from pair


def _forget_superseded(done: Corrected, corrections: Sequence[AnyCorrection]) -> None:
    """A correction that fits nothing because a later one of the same words does is no problem."""
    later: list[TextCorrection | SpeakerCorrection] = []
    for correction in reversed(corrections):
        if not isinstance(correction, TextCorrection | SpeakerCorrection):
            continue
        words = correction.words
        if any(
            other.kind == correction.kind and other.words.shared(words) > words.duration / 2
            for other in later
        ):
            done.unfitting.pop(correction.id, None)
        if correction.id in done.applied:
            later.append(correction)
