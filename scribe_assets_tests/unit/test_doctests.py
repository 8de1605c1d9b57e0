"""The examples in docstrings are true."""

import doctest
import importlib

import pytest

WITH_EXAMPLES = [
    "scribe_assets.artifacts.documents.result",
    "scribe_assets.artifacts.formats.csv",
    "scribe_assets.artifacts.formats.cues",
    "scribe_assets.artifacts.formats.docx",
    "scribe_assets.artifacts.formats.md",
    "scribe_assets.artifacts.formats.plain",
    "scribe_assets.artifacts.formats.rttm",
    "scribe_assets.artifacts.formats.srt",
    "scribe_assets.artifacts.formats.vtt",
    "scribe_assets.launcher.ray.actor",
    "scribe_assets.launcher.ray.cluster",
    "scribe_assets.speech.diarization.stretches",
    "scribe_assets.speech.progress",
    "scribe_assets.speech.timeline",
    "scribe_assets.speech.tracks.channels",
    "scribe_assets.speech.words",
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0
