"""One self-contained page to share (HTML living standard): the transcript, who speaks when, a
search, and a player for the sound, which lies beside the page as `audio.flac` or is in it.

It loads nothing from elsewhere, which its Content Security Policy also says (CSP level 3): what
runs is the script of this package, known by its hash, whatever was said in the recording.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.page.colours import speaker_colours
from scribe_assets.artifacts.formats.page.texts import texts_in
from scribe_assets.artifacts.formats.plain import clock, typeset, visible
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord
from scribe_assets.speech.words import separators

BESIDE = "audio.flac"
"""Where the sound lies, seen from the page."""

UNSURE = 0.5
"""Words of less probability are shaded: those that are wrong more often than not."""

PARAGRAPH, LONGEST_PARAGRAPH = 60, 150
"""Words from which a paragraph ends with the next sentence, and with any word."""

SHEET = 20
"""Paragraphs that a browser draws together, when they come near the screen: fewer at a time make
it look after more of them."""

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！", "؟", "।")

LANE, LEAST_HEIGHT, MOST_HEIGHT = 14, 28, 84
"""Pixels of a speaker's lane in the timeline, and of all lanes together."""


def render(result: Result) -> str:
    """The page with the sound beside it."""
    return page(result, BESIDE)


def page(result: Result, audio: str) -> str:
    """The page.

    Args:
        result: what it shows.
        audio: address of the sound: a path from the page, or a `data:` URL of the sound itself.
    """
    page_language, texts = texts_in(result.language)
    lanes = _lanes(result)
    style = _file("page.css") + _colours(len(lanes))
    script = _file("page.js")
    title = escape(visible(result.source.key))
    paragraphs = [part for segment in result.segments for part in _paragraphs(segment)]
    no_speech = f'<p lang="{page_language}"><em>{texts["no_speech"]}</em></p>\n'
    shown = {name: escape(typeset(text, page_language)) for name, text in texts.items()}
    return Template(_file("page.html")).substitute(
        shown,
        page_language=page_language,
        language=escape(visible(result.language or "")),
        policy=_policy(style, script, audio),
        title=title,
        facts=escape(" · ".join(filter(None, [clock(result.duration), result.language]))),
        warnings=_warnings(result),
        style=style,
        audio=escape(audio),
        timeline=_timeline(result, lanes, shown["timeline"]),
        speakers=_speakers(result, lanes, shown["speakers"]),
        said_by_all=_said(result, paragraphs, lanes, shown["not_sure"]) or no_speech,
        times=_times(paragraphs),
        script=script,
    )


@cache
def _file(name: str) -> str:
    """A file of the page, as the package has it."""
    return (files("scribe_assets.artifacts.formats") / "page" / name).read_text("utf-8")


def _policy(style: str, script: str, audio: str) -> str:
    """What the page may load: its own style and script, and the sound.

    `file:` is there because browsers differ in whether `'self'` is a file of the same folder.
    """
    media = "data:" if audio.startswith("data:") else "'self' file:"
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        f"media-src {media}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    """The hash by which a policy knows a style or script (CSP level 3, section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _lanes(result: Result) -> dict[str | None, int]:
    """The number of each speaker: of the colour, and of the lane in the timeline."""
    labels = [speaker.label for speaker in result.speakers]
    heard = [segment.speaker for segment in result.segments if segment.speaker is not None]
    return {label: lane for lane, label in enumerate(dict.fromkeys([*labels, *heard]))}


def _colours(number: int) -> str:
    colours = speaker_colours(number)
    by_light = (f".s{i} {{ --speaker: {c.by_light}; }}\n" for i, c in enumerate(colours))
    dark = (f".s{i} {{ --speaker: {c.in_the_dark}; }}\n" for i, c in enumerate(colours))
    return (
        f"\n.nobody {{ --speaker: var(--nobody); }}\n{''.join(by_light)}"
        f"@media screen and (prefers-color-scheme: dark) {{\n{''.join(dark)}}}\n"
    )


def _class(lanes: dict[str | None, int], label: str | None) -> str:
    return f"s{lanes[label]}" if label in lanes else "nobody"


def _warnings(result: Result) -> str:
    told = "".join(f"<p>{escape(visible(warning))}</p>\n" for warning in result.warnings)
    return f'<aside role="note">\n{told}</aside>\n' if told else ""


def _timeline(result: Result, lanes: dict[str | None, int], name: str) -> str:
    """Who speaks when: a lane a speaker, from the first word of a segment to its last."""
    drawn: dict[str | None, list[str]] = {}
    for segment in result.segments:
        length = f"{segment.end - segment.start:.2f}"
        shape = f"M{segment.start:.2f} {lanes.get(segment.speaker, 0)}h{length}v1h-{length}z"
        drawn.setdefault(segment.speaker, []).append(shape)
    number = max(1, len(lanes))
    paths = "".join(
        f'<path class="{_class(lanes, label)}" d="{"".join(shapes)}"/>\n'
        for label, shapes in drawn.items()
    )
    height = min(MOST_HEIGHT, max(LEAST_HEIGHT, LANE * number))
    return (
        f'<div id="timeline" role="slider" tabindex="0" aria-label="{name}" aria-valuemin="0" '
        f'aria-valuemax="{result.duration:.3f}" aria-valuenow="0" aria-valuetext="0:00">\n'
        f'<svg height="{height}" viewBox="0 0 {result.duration:.3f} {number}" '
        f'preserveAspectRatio="none" aria-hidden="true">\n{paths}</svg>\n'
        '<div id="place"></div>\n</div>\n'
    )


def _speakers(result: Result, lanes: dict[str | None, int], name: str) -> str:
    """The speakers with their colours, how long each speaks, and the share of it."""
    total = sum(speaker.speech_seconds for speaker in result.speakers)
    rows = "".join(
        f'<li class="{_class(lanes, speaker.label)}">'
        f"<bdi>{escape(visible(result.display_name(speaker.label)))}</bdi> "
        f"<small>{clock(speaker.speech_seconds)} · "
        f"{100 * speaker.speech_seconds / (total or 1):.0f}\u202f%</small></li>\n"
        for speaker in result.speakers
    )
    return f'<ul id="speakers" aria-label="{name}">\n{rows}</ul>\n' if rows else ""


def _paragraphs(segment: SpokenSegment) -> Iterator[tuple[SpokenSegment, list[SpokenWord]]]:
    """A segment in parts that can be read, each with its words: an hour without a pause is one
    segment."""
    if not segment.words:
        yield segment, []
    part: list[SpokenWord] = []
    for word in segment.words:
        part.append(word)
        ends = word.word.rstrip("\"'»”)").endswith(SENTENCE_ENDS)
        if len(part) >= (PARAGRAPH if ends else LONGEST_PARAGRAPH):
            yield segment, part
            part = []
    if part:
        yield segment, part


def _said(
    result: Result,
    paragraphs: Sequence[tuple[SpokenSegment, list[SpokenWord]]],
    lanes: dict[str | None, int],
    not_sure: str,
) -> str:
    """All paragraphs, under a heading for each change of speaker, in sheets."""
    parts: list[str] = []
    names = {label: visible(result.display_name(label)) for label in [None, *lanes]}
    speaker: str | None = None
    first = 0
    for number, (segment, words) in enumerate(paragraphs):
        begins_sheet = number % SHEET == 0
        changes = number == 0 or segment.speaker != speaker
        speaker = segment.speaker
        if begins_sheet or changes:
            parts.append("</section>\n" if number else "")
            if begins_sheet:
                parts.append('</div>\n<div class="sheet">\n' if number else '<div class="sheet">\n')
            more = "" if changes else " more"
            parts.append(f'<section class="{_class(lanes, speaker)}{more}">\n')
        if changes:
            parts.append(f"<h2><bdi>{escape(names[speaker])}</bdi></h2>\n")
        start = words[0].start if words else segment.start
        other = f' lang="{escape(visible(segment.language))}"' if segment.language else ""
        language = segment.language or result.language
        parts.append(
            f'<div class="line"><a class="time" href="#t={start:.3f}">{clock(start)}</a>\n'
            f'<p{other} dir="auto" data-first="{first}">'
        )
        if words:
            parts += _words(words, language, not_sure)
        else:
            parts.append(escape(visible(typeset(segment.text, language))))
        parts.append("</p></div>\n")
        first += len(words)
    return "".join([*parts, "</section>\n</div>\n"]) if parts else ""


def _words(words: Sequence[SpokenWord], language: str | None, not_sure: str) -> Iterator[str]:
    """Each word in an element of its own, with what stands before it."""
    spaces = separators([word.word for word in words], language)
    before = "x"
    for space, word in zip(spaces, words, strict=True):
        if space:  # of a kind that breaks no line, where one of the two is a mark by itself
            space = typeset(f"{before} {word.word}", language)[1]
        before = word.word[-1:] or before
        marks = []
        title = ""
        if word.overlap:
            marks.append("overlap")
        if word.probability < UNSURE:
            marks.append("unsure")
            title = f' title="{not_sure} ({100 * word.probability:.0f}\u202f%)"'
        kind = f' class="{" ".join(marks)}"' if marks else ""
        text = escape(visible(typeset(word.word, language)))
        yield f"{space}<span{kind}{title}>{text}</span>"


def _times(paragraphs: Sequence[tuple[SpokenSegment, list[SpokenWord]]]) -> str:
    """When each word of the page begins and ends, in its order, as JSON of numbers alone."""
    words = [word for _, part in paragraphs for word in part]
    times = {
        "starts": [round(word.start, 3) for word in words],
        "ends": [round(word.end, 3) for word in words],
    }
    return json.dumps(times, separators=(",", ":"))


FORMAT = Format("html", Result, ".html", "text/html; charset=utf-8", render)
