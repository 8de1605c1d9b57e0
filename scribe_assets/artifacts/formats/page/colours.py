"""Colours of speakers that can be told apart and read, by light and in the dark."""

import colorsys
from dataclasses import dataclass

PAPER = "#ffffff"
NIGHT = "#14171c"
"""What the page is written on by light and in the dark; page.css has the same."""

FIRST_HUE, GOLDEN_ANGLE = 230.0, 137.508
"""In degrees. Each hue is the golden angle after the one before it, which leaves the largest gaps
whatever their number is."""

CONTRASTS = (5.0, 7.0, 10.0)
"""In turn, so that neighbours in the circle of hues also differ in lightness. WCAG 2.2 asks for 4.5
(success criterion 1.4.3, AA). No two of the first twelve are nearer than 0.079 in OKLab, where a
step of 0.02 can just be seen."""

SATURATION = 0.8
STEPS = 20
"""Halvings of the lightness: more exact than the 256 steps of a channel."""


@dataclass(frozen=True)
class Colour:
    """A speaker's colour on either background, as `#rrggbb`."""

    by_light: str
    in_the_dark: str


def speaker_colours(number: int) -> list[Colour]:
    """So many colours, each of which is readable as text on both backgrounds."""
    return [
        Colour(_on(PAPER, *wanted), _on(NIGHT, *wanted))
        for wanted in (
            ((FIRST_HUE + GOLDEN_ANGLE * place) % 360, CONTRASTS[place % len(CONTRASTS)])
            for place in range(number)
        )
    ]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").

    >>> contrast("#000000", "#ffffff"), contrast("#777777", "#777777")
    (21.0, 1.0)
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of `#rrggbb`."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _on(background: str, hue: float, wanted: float) -> str:
    """The colour of a hue that has this contrast, or a little more, with its background."""
    dark = _luminance(background) < 0.5
    near, far = (0.0, 1.0) if dark else (1.0, 0.0)  # lightness: too little contrast, enough
    for _ in range(STEPS):
        between = (near + far) / 2
        if contrast(_hex(hue, between), background) >= wanted:
            far = between
        else:
            near = between
    return _hex(hue, far)


def _hex(hue: float, lightness: float) -> str:
    channels = colorsys.hls_to_rgb(hue / 360, lightness, SATURATION)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
