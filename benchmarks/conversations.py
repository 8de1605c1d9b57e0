"""Conversations composed of single utterances, so that who speaks when is known by construction.

One to six people take turns of some seconds, with pauses and some overlap, for one to eight
minutes: clean, on a telephone, in babble, and in rooms. People and recorded impulse responses
are parted into groups, which share no voice and no room: a choice can be tried on people whom it
has not seen. The same data give the same conversations.

References are speech regions of the clean voices (Silero), as in the RTTM files of the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import DATA
from scribe_assets.speech.activity import speech_regions
from scribe_assets.speech.conversion import decode
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Span, Timeline, Turn

GROUPS = 6
MOST_PEOPLE = 6

CONDITIONS = {
    "clean": "nothing is added",
    "telephone": "300 to 3400 Hz",
    "babble": "12 dB above six people in the background",
    "one place": "everybody through the same recorded impulse response",
    "places": "a simulated room with an echo of 0.25 to 0.6 s, everybody at another place",
    "moving": "the same, and everybody has two places, from turn to turn",
    "hall": "a simulated room with an echo of 0.6 to 1 s",
    "babble in a room": "like places, with babble",
}

SIMULATED_ROOMS = ("places", "moving", "hall", "babble in a room")

SPOKEN_SECONDS = (75.0, 130.0)
"""So much is spoken in a conversation, where the people of the group have said that much."""

LEAST_SECONDS = 6.0
"""Whose clips hold less speech is nobody's partner."""

LONG_SECONDS = 30.0
"""Who has said less takes part in short conversations only."""

TURN_SECONDS = (1.0, 12.0)
OVERLAPPING = 0.15
"""Share of turns that begin before the last one has ended."""

SPEED_OF_SOUND = 343.0

Region = tuple[np.ndarray, Span[int]]
"""The sound of a clip at 16 kHz, and where in it somebody speaks."""


@dataclass(frozen=True)
class Placed:
    """Somebody's speech: sound, the sample where it begins, and the speech in it (from there)."""

    person: str
    start: int
    sound: np.ndarray
    regions: tuple[Span[int], ...]

    @property
    def end(self) -> int:
        """The sample after it."""
        return self.start + len(self.sound)


@dataclass(frozen=True)
class Conversation:
    """A recording, (num_samples,) float32 at 16 kHz, and who speaks when in it."""

    name: str
    group: str
    condition: str
    waveform: np.ndarray
    reference: Timeline


def conversations() -> Iterator[Conversation]:
    """Compose them: in each group, a short one of one to six people in every condition, and a long
    one of two to four people, who say all they have, in each of the rooms."""
    rooms = sorted((DATA / "noise" / "rir").glob("*.flac"))
    for group, people in enumerate(_groups()):
        for index, condition in enumerate([*CONDITIONS, *CONDITIONS]):
            is_long = index >= len(CONDITIONS)
            if is_long and condition not in SIMULATED_ROOMS:
                continue
            random = np.random.default_rng([group, index])
            number = 1 + (index + 2 * group) % MOST_PEOPLE
            able = people
            if is_long:
                able = {name: own for name, own in people.items() if _seconds(own) >= LONG_SECONDS}
                number = min(2 + (index + group) % 3, len(able))
            placed = compose(_some_of(able, number, random), random, is_long)
            heard = _heard(placed, condition, rooms[group % len(rooms)], random)
            name = f"{group}-{index:02d} {condition}, {number} people"
            yield Conversation(name, f"group {group}", condition, heard, _reference(placed))


def _groups() -> list[dict[str, list[Region]]]:
    """By group, the regions of speech of each person, from one session each."""
    clips: dict[str, list[Path]] = {}
    for folder in sorted((DATA / "english" / "librispeech").iterdir()):
        clips[folder.name] = sorted(folder.glob("*.flac"))
    for clip in sorted((DATA / "french-more" / "fleursdumal").rglob("*.mp3")):
        clips.setdefault(clip.stem.rpartition("_")[0], [clip])
    clips["kathleen"] = sorted((DATA / "english" / "kathleen").glob("*.flac"))
    clips["nathalie"] = sorted((DATA / "languages-more" / "nl" / "nathalie").glob("*.flac"))
    talkative = len(clips)
    for clip in sorted((DATA / "voices").glob("*.flac")):
        clips.setdefault(clip.stem, [clip])
    groups: list[dict[str, list[Region]]] = [{} for _ in range(GROUPS)]
    for number, (person, files) in enumerate(clips.items()):
        own = groups[(number if number < talkative else number - talkative) % GROUPS]
        regions = [region for clip in files for region in _regions(decode(clip))]
        if _seconds(regions) >= LEAST_SECONDS:
            own[person] = regions
    return groups


def _regions(clip: np.ndarray) -> list[Region]:
    return [(clip, region) for region in speech_regions(clip)]


def _seconds(regions: Sequence[Region]) -> float:
    return sum(region.duration for _, region in regions) / SAMPLE_RATE


def _some_of(
    people: Mapping[str, list[Region]], number: int, random: np.random.Generator
) -> dict[str, list[Region]]:
    """So many of the people, who have said enough for a conversation."""
    while True:
        chosen = random.choice(sorted(people), number, replace=False)
        some = {str(name): people[str(name)] for name in chosen}
        if sum(_seconds(regions) for regions in some.values()) >= SPOKEN_SECONDS[0] * 0.8:
            return some


def compose(
    people: Mapping[str, list[Region]], random: np.random.Generator, is_long: bool
) -> list[Placed]:
    """Let people take turns until enough is spoken, or, in a long one, nobody has more to say.

    Everybody wants another share of the talk; next is mostly who lacks most of it.
    """
    left = {person: list(regions) for person, regions in people.items()}
    share = dict(zip(left, random.dirichlet(np.full(len(left), 4.0)), strict=True))
    gain = {person: 10 ** (random.uniform(-4, 4) / 20) for person in left}
    spoken = dict.fromkeys(left, 0.0)
    enough = np.inf if is_long else random.uniform(*SPOKEN_SECONDS)
    placed: list[Placed] = []
    last, ended = "", SAMPLE_RATE
    while sum(spoken.values()) < enough:
        able = [person for person in left if left[person]]
        if not able:
            break
        able = [person for person in able if person != last] or able
        last = min(able, key=lambda one: spoken[one] / share[one] * random.uniform(0.6, 1.4))
        sound, regions = _turn(left[last], random.uniform(*TURN_SECONDS))
        spoken[last] += sum(region.duration for region in regions) / SAMPLE_RATE
        start = ended + round(random.uniform(0.1, 1.2) * SAMPLE_RATE)
        if len(left) > 1 and random.random() < OVERLAPPING:
            start = max(0, ended - round(random.uniform(0.2, 1.5) * SAMPLE_RATE))
        placed.append(Placed(last, start, sound * np.float32(gain[last]), regions))
        ended = max(ended, placed[-1].end)
    return placed


def _turn(left: list[Region], seconds: float) -> tuple[np.ndarray, tuple[Span[int], ...]]:
    """Take the next regions of one clip, about so long, with the pauses between them."""
    clip, first = left.pop(0)
    regions = [first]
    while left and left[0][0] is clip and left[0][1].end - first.start < seconds * SAMPLE_RATE:
        regions.append(left.pop(0)[1])
    sound = clip[first.start : regions[-1].end]
    level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) + 1e-6
    spans = tuple(Span(r.start - first.start, r.end - first.start) for r in regions)
    return sound * np.float32(0.05 / level), spans


def _reference(placed: Sequence[Placed]) -> Timeline:
    turns = [
        Turn(
            round((one.start + region.start) / SAMPLE_RATE, 3),
            round((one.start + region.end) / SAMPLE_RATE, 3),
            one.person,
        )
        for one in placed
        for region in one.regions
    ]
    return Timeline(sorted(turns), [])


def _heard(
    placed: Sequence[Placed], condition: str, recorded: Path, random: np.random.Generator
) -> np.ndarray:
    """(num_samples,) what the microphone gets, with a second of silence at the end."""
    responses = _responses(sorted({one.person for one in placed}), condition, recorded, random)
    heard: np.ndarray = np.zeros(max(one.end for one in placed) + SAMPLE_RATE, np.float32)
    turns = dict.fromkeys(responses, 0)
    for one in placed:
        places = responses[one.person]
        turns[one.person] += 1
        sound = reverberated(one.sound, places[turns[one.person] % len(places)])
        part = heard[one.start : one.start + len(sound)]
        part += sound[: len(part)]
    if condition == "telephone":
        heard = _telephone(heard)
    if "babble" in condition:
        heard = heard + _babble(len(heard), random) * _rms(heard) * 10 ** (-12 / 20)
    noise = random.normal(0, 1e-4, len(heard))
    return np.asarray(np.clip(heard + noise, -1, 1), np.float32)


def _responses(
    people: Sequence[str], condition: str, recorded: Path, random: np.random.Generator
) -> dict[str, list[np.ndarray]]:
    """The impulse responses of each person's places."""
    if condition in ("clean", "telephone", "babble"):
        return {person: [np.ones(1)] for person in people}
    if condition == "one place":
        response = _from_direct_sound(decode(recorded).astype(float))
        return {person: [response] for person in people}
    echo = random.uniform(0.6, 1.0) if condition == "hall" else random.uniform(0.25, 0.6)
    size = random.uniform((4, 3, 2.4), (9, 7, 3.2))
    microphone = size * random.uniform(0.2, 0.8, 3) * (1, 1, 0) + (0, 0, 0.8)
    places = 2 if condition == "moving" else 1
    return {
        person: [
            room_response(size, echo, _place(size, random), microphone, random)
            for _ in range(places)
        ]
        for person in people
    }


def _place(size: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Where a head may be."""
    return np.array([*random.uniform(0.5, size[:2] - 0.5), random.uniform(1.1, 1.8)])


def room_response(
    size: np.ndarray,
    echo: float,
    place: np.ndarray,
    microphone: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """The impulse response of a room, by images of the source (Allen and Berkley 1979).

    Images are moved by some centimetres, as walls are never that smooth (De Sena et al. 2015).

    Args:
        size: (3,) metres.
        echo: seconds until it has fallen by 60 dB, by Sabine's formula; between plane walls it
            lasts up to half as long again.
        place: (3,) of the source.
        microphone: (3,).
        random: moves the images.

    Returns:
        (num_samples,) at 16 kHz from the direct sound on, with an energy of 1.
    """
    walls = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    reflected = np.sqrt(1 - min(0.95, 0.161 * float(np.prod(size)) / (walls * echo)))
    reach = echo * SPEED_OF_SOUND
    along = []
    for axis in range(3):
        orders = np.arange(-int(reach / size[axis]) - 1, int(reach / size[axis]) + 2)
        images = np.where(orders % 2 == 0, place[axis], size[axis] - place[axis])
        along.append((orders * size[axis] + images - microphone[axis], np.abs(orders)))
    square = sum(np.ix_(*[distances**2 for distances, _ in along]), np.zeros(()))
    bounces = sum(np.ix_(*[number for _, number in along]), np.zeros(()))
    distance = np.sqrt(square).ravel()
    moved = distance + random.uniform(-0.08, 0.08, len(distance)) * (bounces.ravel() > 0)
    near = moved < reach
    sample = np.rint(moved[near] / SPEED_OF_SOUND * SAMPLE_RATE).astype(int)
    strength = reflected ** bounces.ravel()[near] / np.maximum(distance[near], 0.3)
    return _from_direct_sound(np.bincount(np.maximum(sample, 0), strength))


def _from_direct_sound(response: np.ndarray) -> np.ndarray:
    """Without what comes before its highest peak, with an energy of 1."""
    later = response[int(np.abs(response).argmax()) :]
    return np.asarray(later / np.linalg.norm(later))


def reverberated(sound: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Sound as it is heard in a room; longer than before by the response."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(sound, response), np.float32)


def _telephone(sound: np.ndarray) -> np.ndarray:
    from scipy.signal import butter, sosfilt

    band = butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(band, sound), np.float32)


def _babble(length: int, random: np.random.Generator) -> np.ndarray:
    """(length,) of people in the background, at a level of 1."""
    sound = np.roll(
        decode(next((DATA / "noise" / "babble").glob("*.flac"))), random.integers(2**20)
    )
    return np.resize(sound, length) / np.float32(_rms(sound))


def _rms(sound: np.ndarray) -> float:
    """Level where there is sound."""
    loud = sound[np.abs(sound) > 1e-4]
    return float(np.sqrt(np.mean(np.square(loud, dtype=np.float64))))
