"""What runs import besides the definitions; the host imports it before it forks them.

That takes a second once, and saves most of a second in each run. Nothing that starts threads or
opens connections belongs here: a forked process does not have the threads, and must not share the
connections.
"""

from contextlib import suppress

import av  # noqa: F401, TID253
import boto3  # noqa: F401
import imageio_ffmpeg  # noqa: F401
import scipy.optimize  # noqa: F401, TID253
import soundfile  # noqa: F401, TID253

from scribe_assets.errors import PermanentError
from scribe_assets.settings import Settings
from scribe_assets.storage.s3 import S3Storage

# Making the client reads large descriptions of the service; it connects only when it is used. Where
# there is no server, or no right to use it, the run says so: there people look for it.
with suppress(PermanentError):
    S3Storage.from_settings(Settings.load()).get_client()
