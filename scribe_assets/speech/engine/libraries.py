"""Imports the libraries of the models.

A process imports this module, by its name, while it waits for a device: the imports take seconds
that would otherwise pass while it holds the device. No other module imports it. It touches no
device.
"""

import faster_whisper  # noqa: F401, TID253
import pyannote.audio.pipelines  # noqa: F401, TID253

from scribe_assets.speech.diarization import pyannote_pipeline  # noqa: F401
from scribe_assets.speech.voices import networks  # noqa: F401
