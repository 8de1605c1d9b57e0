"""One self-contained page (HTML living standard): the transcript, its speakers, and the audio where
`audio.flac` lies beside it. Clicking a time plays from there."""

from html import escape

from scribe_assets.artifacts.documents import Result
from scribe_assets.artifacts.formats.format import Format
from scribe_assets.artifacts.formats.plain import clock, typeset, visible
from scribe_assets.speech.words import separators

STYLE = """
:root { color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
audio { width: 100%; position: sticky; top: 0; }
section { border-inline-start: .25rem solid hsl(var(--hue) 60% 55%); padding-inline-start: 1rem; }
h2 { font-size: 1rem; margin: 1.4rem 0 0; color: hsl(var(--hue) 60% 45%); }
p { margin: .2rem 0; }
button { all: unset; cursor: pointer; opacity: .6; font-variant-numeric: tabular-nums; }
button:hover, button:focus-visible { text-decoration: underline; opacity: 1; }
aside { border: 1px solid; padding: .2rem 1rem; margin: 1rem 0; }
.overlap { text-decoration: underline dotted; }
"""

SCRIPT = """
document.addEventListener("click", (event) => {
  const time = event.target.dataset?.time;
  const audio = document.querySelector("audio");
  if (time !== undefined) { audio.currentTime = Number(time); audio.play(); }
});
"""


def render(result: Result) -> str:
    """The page. Words that overlap with another speaker's are underlined with dots."""
    hues = {speaker.label: index * 137 % 360 for index, speaker in enumerate(result.speakers)}
    title = escape(visible(result.source.key))
    parts = [
        f'<!doctype html>\n<html lang="{escape(result.language or "und")}">\n'
        '<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n<h1>{title}</h1>\n"
        '<audio controls preload="none" src="audio.flac"></audio>\n'
    ]
    if result.warnings:
        told = "".join(f"<p>{escape(visible(warning))}</p>\n" for warning in result.warnings)
        parts.append(f"<aside>\n{told}</aside>\n")
    speaker: str | None = ""
    for segment in result.segments:
        if segment.speaker != speaker:
            if speaker != "":
                parts.append("</section>\n")
            speaker = segment.speaker
            parts.append(
                f'<section style="--hue: {hues.get(speaker or "", 0)}">\n'
                f"<h2>{escape(result.display_name(speaker))}</h2>\n"
            )
        language = segment.language or result.language
        spaces = separators([word.word for word in segment.words], language)
        text = "".join(
            f'{space}<span class="overlap">{escape(visible(typeset(word.word, language)))}</span>'
            if word.overlap
            else space + escape(visible(typeset(word.word, language)))
            for space, word in zip(spaces, segment.words, strict=True)
        )
        other = f' lang="{escape(segment.language)}"' if segment.language else ""
        parts.append(
            f'<p{other}><button data-time="{segment.start:.3f}">{clock(segment.start)}</button> '
            f"{text}</p>\n"
        )
    parts.append("</section>\n" if result.segments else "<p><em>No speech.</em></p>\n")
    parts.append(f"<script>{SCRIPT}</script>\n</html>\n")
    return "".join(parts)


FORMAT = Format("html", Result, ".html", "text/html; charset=utf-8", render)
