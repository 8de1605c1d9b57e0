"""The libraries of the models, imported: seconds that pass before a process has a device.

Nothing else imports this module. It touches no device.
"""

import faster_whisper  # noqa: F401, TID253
import pyannote.audio.pipelines  # noqa: F401, TID253

from scribe_assets.speech.diarization import pyannote_pipeline  # noqa: F401
from scribe_assets.speech.voices import networks  # noqa: F401
