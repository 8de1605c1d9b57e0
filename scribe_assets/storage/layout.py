"""Which key holds what. No other module spells out a path in a bucket."""

from pathlib import PurePosixPath

from scribe_assets.keys import DEFAULT_USER, RecordingRef, user_of

SIDECAR_SUFFIX = ".scribe.json"
AUDIO = "audio.flac"
"""What people listen to. Where tracks are transcribed each for itself, they lie beside it."""

MAX_KEY_BYTES = 1024
"""Of a key in S3, in UTF-8."""

MAX_WRITTEN_BYTES = 1 << 20
"""Of a file that people write: the options of an upload, a profile. Most have some 100 bytes."""


def is_upload(key: str) -> bool:
    """Whether an object in the uploads bucket is a recording.

    Folder markers, files with options and hidden files (`.DS_Store`) are not. Neither is anything
    below a first folder called `.` or `..`: no user can be called so, because S3 clients and file
    systems take these names for a place in a path.
    """
    return not (
        key.endswith(("/", SIDECAR_SUFFIX))
        or PurePosixPath(key).name.startswith(".")
        or user_of(key) in (".", "..")
    )


def sidecar_key(upload_key: str) -> str:
    """Key of the options that belong to an upload, in the same bucket."""
    return upload_key + SIDECAR_SUFFIX


def upload_prefix(user_id: str) -> str:
    """Prefix of a user's uploads; those of the default user may also have no folder at all."""
    return "" if user_id == DEFAULT_USER else f"{user_id}/"


def processed_key(ref: RecordingRef, name: str) -> str:
    """Key of a file of a recording in the processed bucket."""
    return f"{ref.user_id}/{ref.recording_id}/{name}"


def person_prefix(user_id: str, person_id: str) -> str:
    """Prefix of a person in the identity bank."""
    return f"{user_id}/{person_id}/"


def profile_key(user_id: str, person_id: str) -> str:
    """Key of a person's profile in the identity bank."""
    return f"{person_prefix(user_id, person_id)}profile.json"


def voice_prefix(user_id: str, person_id: str) -> str:
    """Prefix of a person's voice samples in the identity bank."""
    return f"{person_prefix(user_id, person_id)}voice/"


def voiceprints_key(user_id: str) -> str:
    """Key of a user's voiceprints in the processed bucket. No recording is called so."""
    return f"{user_id}/voiceprints.json"
