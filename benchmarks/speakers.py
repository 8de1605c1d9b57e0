"""How many speakers are found, and who speaks when, in conversations of a minute and more: composed
ones in eight conditions, and those of the evaluation data.

    python -m benchmarks.speakers [--stock] [--whole]

`--stock` adds pyannote's own pipeline with frames selected (0.3 times real time: an hour and more),
`--whole` the one with whole windows as well. Both are measured on the same recordings.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.composed import Conversation, conversations
from benchmarks.data import RESULTS, examples, in_own_process, machine
from benchmarks.intervals import Scored, difference, rate
from benchmarks.peers import stock_pipeline, stock_turns
from scribe_assets.speech.diarization.pipelines import diarize
from scribe_assets.speech.engine.registry import ModelRegistry
from scribe_assets.speech.media import SAMPLE_RATE
from scribe_assets.speech.timeline import Turn

LEAST_SECONDS = 60.0
"""Whoever says a word or two in an excerpt of 30 s is no matter of this benchmark."""
