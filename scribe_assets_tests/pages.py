"""What there is to see in `result.html`, and how it looks to somebody who opens it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, Request

from scribe_assets.artifacts.documents import Result, Speaker
from scribe_assets.speech.timeline import SpokenSegment, SpokenWord
from scribe_assets_tests.unit.results import RESULT, segment

SECONDS = 120
"""How long the sound beside a page is."""

NEAR = 0.1
"""Seconds within which the sound stands where somebody clicked."""
TALK = """Anne|Bonjour à tous, merci d'être venus. On commence par le budget de l'été ?
Emmanuel|Oui : trois chantiers sont prévus, peut-être quatre si la mairie accepte notre dossier.
Anne|Et la salle ? Qui s'en occupe ?
Zoé|Moi ! J'appelle le propriétaire dès lundi, il m'a parlé d'un devis « raisonnable ».
Emmanuel|Très bien. Je note : Zoé appelle lundi.
Anne|Parfait. Il reste la question de la sœur de Paul, qui voudrait tenir la buvette.
Zoé|Elle l'a déjà fait l'été dernier, et tout le monde était content."""


def speakers(*names: str) -> list[Speaker]:
    return [
        Speaker(
            label=f"SPEAKER_{number:02}",
            person_id=name.lower(),
            name=name,
            score=0.8,
            speech_seconds=20 - 4 * (number % 4),
        )
        for number, name in enumerate(names)
    ]


def talk() -> Result:
    """Three people, in French; one word is unsure, and two are said while somebody else speaks."""
    people = speakers("Anne", "Emmanuel", "Zoé")
    labels = {person.name: person.label for person in people}
    segments: list[SpokenSegment] = []
    time = 1.0
    for line in TALK.splitlines():
        name, _, text = line.partition("|")
        words: list[str] = []
        for piece in text.split():
            if words and (piece in ("?", ":", "!", "»") or words[-1] == "«"):
                words[-1] += f" {piece}"
            else:
                words.append(piece)
        segments.append(segment(time, labels[name], *words, step=0.4))
        time = segments[-1].end + 0.6
    segments[1] = with_word(segments[1], 8, probability=0.34)
    for place in (0, 1):
        segments[4] = with_word(segments[4], place, overlap=True)
    source = RESULT.source.model_copy(update={"key": "anne/Réunion du 3 juin.m4a"})
    fields = {"segments": segments, "speakers": people, "language": "fr", "source": source}
    return RESULT.model_copy(update={**fields, "duration": float(SECONDS)})


def with_word(said: SpokenSegment, place: int, **changes: Any) -> SpokenSegment:
    words = [*said.words]
    words[place] = replace(words[place], **changes)
    return replace(said, words=words)


def long_talk(words: int, people: int) -> Result:
    """So many words by so many people, in segments of one to 25 words."""
    luck = np.random.default_rng(1)
    said = ["été", "maison", "the", "budget,", "réunion", "oui.", "trois", "œuvre", "de", "et"]
    segments: list[SpokenSegment] = []
    time = 0.0
    while (left := words - sum(len(part.words) for part in segments)) > 0:
        chosen = luck.choice(said, min(left, int(luck.integers(1, 26))))
        label = f"SPEAKER_{luck.integers(people):02}"
        segments.append(segment(time, label, *chosen.tolist(), step=0.3))
        time = segments[-1].end + 0.2
    names = speakers(*(f"Person {number}" for number in range(people)))
    return RESULT.model_copy(update={"segments": segments, "speakers": names, "duration": time})


def words_of(result: Result) -> list[SpokenWord]:
    return [word for said in result.segments for word in said.words]


@dataclass
class Open:
    """A page in the browser.

    Attributes:
        requests: the addresses of what it has asked for and was not refused by its own policy.
        told: what the browser says of it.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def ended(self, request: Request) -> None:
        if request.failure != "csp":
            self.requests.append(request.url)

    def state(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def until(self, expression: str) -> None:
        """Wait until this holds. Playwright's way needs `eval`, which the page's policy forbids."""
        for _ in range(400):
            if self.state(expression):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"{expression} does not come true")

    def time(self) -> float:
        """Where the sound stands, after it has got there."""
        self.until("!document.querySelector('audio').seeking")
        return float(self.state("document.querySelector('audio').currentTime"))

    def lit(self) -> list[str]:
        return self.page.locator(".now").all_inner_texts()

    def found(self, count: str) -> None:
        """Wait until the search says so."""
        self.until(f"document.getElementById('found').textContent === {json.dumps(count)}")


Opener = Callable[..., Open]
"""Opens the text of a page."""
