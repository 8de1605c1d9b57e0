"""What runs need besides the definitions, for a process from which they are forked.

Importing this takes a second once, and saves most of one in each run. Nothing that starts
threads or opens connections belongs here: a forked process would not have them.
"""

from contextlib import suppress

import av  # noqa: F401, TID253
import boto3  # noqa: F401
import ffmpeg  # noqa: F401
import imageio_ffmpeg  # noqa: F401
import scipy.optimize  # noqa: F401, TID253
import soundfile  # noqa: F401, TID253

from scribe_assets.errors import PermanentError
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage

# The client reads large descriptions of the service; its connections come with its first use. Where
# there is no server or no right to use it, the run says so, where somebody looks.
with suppress(PermanentError):
    S3Storage.from_settings(Settings.load()).get_client()
