"""Pictures of a recording as Markdown images, for people who look rather than read.

Dagster's UI shows Markdown at once where it is shorter than a thousand characters, and behind a
link where it is longer. So each picture is drawn as finely as fits: SVG with short numbers, without
a library. Colours and grey can be told from a light and from a dark background.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from scribe_assets.artifacts.documents import Recording, Result, SpeakerIdentities, Transcript
from scribe_assets.artifacts.documents.text import one_line
from scribe_assets.artifacts.facts import UNLIKELY
from scribe_assets.artifacts.formats.plain import clock, visible
from scribe_assets.speech.timeline import Span

MAX_CHARACTERS = 999
WIDTH, NAMES = 600, 120
"""Pixels of a picture, and of the names at its left."""

ROW = 16
"""Pixels of a row with a name."""


@dataclass(frozen=True)
class Size:
    """How finely a picture is drawn: columns, rows, and characters of a name."""

    columns: int
    rows: int = 12
    name: int = 18


SIZES = (
    *(Size(columns) for columns in (240, 200, 160, 140, 120, 100, 90, 80, 70, 60, 50, 40, 30, 20)),
    *(Size(20, 12, 8), Size(20, 6, 8), Size(20, 4, 4), Size(10, 2, 2)),
)
"""From the finest on; the last ones are for many names in other scripts."""

NOTHING = "*nothing to see*"
GREY, RED = "#888", "#d33"
COLOURS = ("#48c", "#d82", "#3a6", "#b5a", "#c54", "#77c", "#982", "#29a")


def of_sound(recording: Recording, speech: Iterable[Span[float]] = ()) -> str:
    """The waveform of a recording; nothing where an older Scribe has not kept it."""
    if recording.sound is None:
        return NOTHING
    return waveform(recording.sound.peaks, recording.duration, speech)


def of_words(transcript: Transcript, seconds: float) -> str:
    """How sure the words of a transcript are."""
    words = [(word.start, word.probability) for s in transcript.segments for word in s.words]
    return probabilities(words, seconds, transcript.unheard)


def of_result(result: Result) -> str:
    """Who speaks when in a result, by name; a person with several labels in one row."""
    rows: dict[str, list[Span[float]]] = {}
    for segment in result.segments:
        rows.setdefault(result.display_name(segment.speaker), []).append(segment)
    return timeline(rows, result.duration)


def waveform(levels: Sequence[float], seconds: float, speech: Iterable[Span[float]] = ()) -> str:
    """The level of a recording over time; speech in blue, and what is as loud as can be in red.

    Args:
        levels: the largest amplitude, 0 to 1, in parts of the recording of equal length.
        seconds: its duration.
        speech: where somebody speaks.
    """
    spans = list(speech)
    speaking = where(spans, seconds, len(levels))

    def draw(size: Size) -> str:
        strokes: dict[str, list[str]] = {}
        columns = parts(len(levels), size.columns)
        for column, part in enumerate(columns):
            level = max(levels[part], default=0.0)
            half = round(19 * min(level, 1.0))
            colour = COLOURS[0] if any(speaking[part]) else GREY
            colour = RED if level >= CLIPPED else colour
            strokes.setdefault(colour, []).append(f"M{column},{20 - half}v{2 * half or 1}")
        paths = "".join(_path(colour, "".join(d)) for colour, d in strokes.items())
        return _stretched(len(columns), 40, paths)

    return _image(f"Sound from 0:00 to {clock(seconds)}", draw)


CLIPPED = 0.99
"""Amplitude from which a sample is taken for clipped (`speech.media.sound_levels`)."""


def timeline(rows: dict[str, list[Span[float]]], seconds: float) -> str:
    """Who speaks when, a row for each.

    Args:
        rows: where each speaks, by the name for people.
        seconds: the duration of the recording.
    """
    if not rows:
        return NOTHING

    def draw(size: Size) -> str:
        names, columns, drawn = [*rows][: size.rows], size.columns, []
        for number, name in enumerate(names):
            y = number * ROW + ROW // 2
            dashes = _dashes(runs(where(rows[name], seconds, columns)), columns)
            colour = COLOURS[number % len(COLOURS)]
            drawn.append(_path(colour, f"M0,{y}h{columns}", 10, dashes))
        scale = (WIDTH - NAMES) / columns
        moved = f"<g transform='translate({NAMES})scale({scale:g},1)'>{''.join(drawn)}</g>"
        return _svg(len(names) * ROW, _names(names, size) + moved)

    return _image(f"When each of {len(rows)} speaks, from 0:00 to {clock(seconds)}", draw)


def scores(identities: SpeakerIdentities) -> str:
    """How similar each speaker is to the nearest person: strangers in grey, the threshold in red,
    the next nearest person as a short line."""
    if not identities.identities:
        return NOTHING
    width = WIDTH - NAMES

    def draw(size: Size) -> str:
        shown, drawn = identities.identities[: size.rows], []
        names = [one_line(i.name or "") or i.label for i in shown]
        for number, identity in enumerate(shown):
            y = number * ROW + ROW // 2
            colour = COLOURS[0] if identity.person_id else GREY
            score = max(identity.score or 0.0, 0.0)
            drawn.append(_path(colour, f"M{NAMES},{y}h{round(width * score)}", 10))
            if identity.runner_up_score and identity.runner_up_score > 0:
                x = NAMES + round(width * identity.runner_up_score)
                drawn.append(_path(COLOURS[1], f"M{x},{y - 5}v10", 3))
        x = NAMES + round(width * identities.threshold)
        drawn.append(_path(RED, f"M{x},0v{len(shown) * ROW}", 1))
        return _svg(len(shown) * ROW, _names(names, size) + "".join(drawn))

    return _image(f"Similarity to enrolled people, threshold {identities.threshold:.2f}", draw)


def probabilities(
    words: Iterable[tuple[float, float]], seconds: float, unheard: Iterable[Span[float]] = ()
) -> str:
    """How sure the words are over time: the mean of their probabilities, unlikely ones in orange,
    speech without words in red.

    Args:
        words: (start in seconds, probability) of each.
        seconds: the duration of the recording.
        unheard: speech in which no word was heard.
    """
    said, silent = list(words), list(unheard)

    def draw(size: Size) -> str:
        columns = size.columns
        heard: list[list[float]] = [[] for _ in range(columns)]
        for start, probability in said:
            heard[_column(start, seconds, columns)].append(probability)
        strokes: dict[str, list[str]] = {}
        without = where(silent, seconds, columns)
        for column, found in enumerate(heard):
            mean = sum(found) / len(found) if found else 0.0
            if found:
                colour = COLOURS[0] if mean >= UNLIKELY else COLOURS[1]
                height = max(1, round(38 * mean))
            elif without[column]:
                colour, height = RED, 40
            else:
                continue
            strokes.setdefault(colour, []).append(f"M{column},{40 - height}v{height}")
        paths = "".join(_path(colour, "".join(d)) for colour, d in strokes.items())
        return _stretched(columns, 40, paths)

    return _image(f"Probability of the words from 0:00 to {clock(seconds)}", draw)


def parts(number: int, columns: int) -> list[slice]:
    """So many things in columns, each with at least one; fewer columns where there are fewer.

    >>> parts(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    columns = max(1, min(number, columns))
    edges = [column * number // columns for column in range(columns + 1)]
    return [slice(edges[column], edges[column + 1]) for column in range(columns)]


def where(spans: Iterable[Span[float]], seconds: float, columns: int) -> list[bool]:
    """In which columns of a recording there is one of the spans.

    >>> where([Span(0.0, 1.0)], 4.0, 4)
    [True, False, False, False]
    """
    found = [False] * columns
    for span in spans:
        first = _column(span.start, seconds, columns)
        end = min(1.0, span.end / seconds) if seconds > 0 else 0.0
        last = max(first + 1, round(columns * end))
        found[first : min(last, columns)] = [True] * (min(last, columns) - first)
    return found


def runs(columns: Sequence[bool]) -> list[Span[int]]:
    """Columns in a row.

    >>> runs([True, True, False, True])
    [Span(start=0, end=2), Span(start=3, end=4)]
    """
    found: list[Span[int]] = []
    for column, taken in enumerate(columns):
        if taken and found and found[-1].end == column:
            found[-1] = Span(found[-1].start, column + 1)
        elif taken:
            found.append(Span(column, column + 1))
    return found


def _column(moment: float, seconds: float, columns: int) -> int:
    place = min(1.0, max(0.0, moment / seconds)) if seconds > 0 else 0.0
    return min(columns - 1, int(columns * place))


def _path(colour: str, d: str, width: int = 0, dashes: str = "") -> str:
    wide = f" stroke-width='{width}'" if width else ""
    dashed = f" stroke-dasharray='{dashes}'" if dashes else ""
    return f"<path stroke='{colour}'{wide}{dashed} d='{d}'/>" if d else ""


def _dashes(taken: Sequence[Span[int]], columns: int) -> str:
    """Columns as the dashes of a line, and the gaps between them: half as long as a path."""
    lengths, end = [0], 0
    for run in taken:
        lengths += [run.start - end, run.duration]
        end = run.end
    return ",".join(map(str, [*lengths, columns]))


def _names(names: Sequence[str], size: Size) -> str:
    """The names at the left of their rows, each in one line, long ones cut."""
    texts = "".join(
        f"<text y='{number * ROW + 12}'>{escape(_short(name, size.name), quote=False)}</text>"
        for number, name in enumerate(names)
    )
    return f"<g font-size='11' font-family='sans-serif' fill='{GREY}'>{texts}</g>"


def _short(name: str, most: int) -> str:
    shown = visible(name)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _svg(height: int, content: str) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}'>{content}</svg>"
    )


def _stretched(columns: int, height: int, content: str) -> str:
    """A picture whose columns are as wide as there is room."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {columns} {height}' "
        f"preserveAspectRatio='none' width='{WIDTH}' height='60'>{content}</svg>"
    )


def _image(alt: str, draw: Callable[[Size], str]) -> str:
    """The picture as Markdown, as fine as keeps it short."""
    picture = ""
    for size in SIZES:
        address = quote(draw(size), safe="/:;,='!*+-._~")
        picture = f"![{alt}](data:image/svg+xml,{address})"
        if len(picture) <= MAX_CHARACTERS:
            break
    return picture
