"""Which key holds what. No other module spells out a path in a bucket."""

from scribe_assets.keys import DEFAULT_USER, RecordingRef, user_of

SIDECAR_SUFFIX = ".scribe.json"
AUDIO = "audio.flac"
"""What people listen to. Where tracks are transcribed each for itself, they lie beside it."""

PREVIOUS_RESULT = "previous-result.json"
"""The last result that was another one than `result.json`."""

MAX_KEY_BYTES = 1024
"""Of a key in S3, in UTF-8."""

MAX_WRITTEN_BYTES = 1 << 20
"""Of a file that people write: the options of an upload, a profile. Most have some 100 bytes."""


UNFINISHED_SUFFIXES = (".part", ".partial", ".crdownload", ".filepart", ".opdownload", ".tmp")
"""Of files that browsers and clients give another name once they are complete."""

SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "icon␍"}
SYSTEM_FOLDERS = {
    "$recycle.bin",
    "#recycle",
    "@eadir",
    "__macosx",
    "lost+found",
    "system volume information",
}
"""What Windows, macOS and network storage leave in folders, in small letters."""


def is_upload(key: str) -> bool:
    """Whether an object in the uploads bucket is a recording.

    Folder markers, files with options and `is_clutter` are not. Neither is anything below a first
    folder called `.` or `..`: no user can be called so, because S3 clients and file systems take
    these names for a place in a path.
    """
    return not (
        key.endswith(("/", SIDECAR_SUFFIX)) or is_clutter(key) or user_of(key) in (".", "..")
    )


def is_clutter(key: str) -> bool:
    """Whether a file is one that programs leave in folders, and no person means: hidden, or in a
    hidden folder, of the system, locked by an office program, or not yet complete."""
    *folders, name = key.lower().split("/")
    return (
        name.startswith((".", "~$"))
        or name in SYSTEM_FILES
        or name.endswith(UNFINISHED_SUFFIXES)
        or any(folder.startswith(".") and folder.strip(".") for folder in folders)
        or not SYSTEM_FOLDERS.isdisjoint(folders)
    )


def is_sidecar(key: str) -> bool:
    """Whether an object in the uploads bucket holds the options of an upload."""
    return key.endswith(SIDECAR_SUFFIX) and is_upload(key.removesuffix(SIDECAR_SUFFIX))


def sidecar_key(upload_key: str) -> str:
    """Key of the options that belong to an upload, in the same bucket."""
    return upload_key + SIDECAR_SUFFIX


def user_options_key(user_id: str) -> str:
    """Key of the options of all uploads of a user, in the same bucket."""
    return f"{user_id}/{SIDECAR_SUFFIX}"


def upload_prefix(user_id: str) -> str:
    """Prefix of a user's uploads; those of the default user may also have no folder at all."""
    return "" if user_id == DEFAULT_USER else f"{user_id}/"


def processed_key(ref: RecordingRef, name: str) -> str:
    """Key of a file of a recording in the processed bucket."""
    return f"{ref.user_id}/{ref.recording_id}/{name}"


def recording_prefix(ref: RecordingRef) -> str:
    """Prefix of all files of a recording in the processed bucket."""
    return processed_key(ref, "")


def person_prefix(user_id: str, person_id: str) -> str:
    """Prefix of a person in the identity bank."""
    return f"{user_id}/{person_id}/"


def profile_key(user_id: str, person_id: str) -> str:
    """Key of a person's profile in the identity bank."""
    return f"{person_prefix(user_id, person_id)}profile.json"


def voice_prefix(user_id: str, person_id: str) -> str:
    """Prefix of a person's voice samples in the identity bank."""
    return f"{person_prefix(user_id, person_id)}voice/"


def probe_key(token: str) -> str:
    """Key of what `scribe doctor` writes, reads and deletes again, in each bucket. Hidden and in no
    folder, it is nobody's recording and nobody's voice."""
    return f".scribe-doctor-{token}"


def voiceprints_key(user_id: str) -> str:
    """Key of a user's voiceprints in the processed bucket. No recording is called so."""
    return f"{user_id}/voiceprints.json"


def vocabulary_key(user_id: str) -> str:
    """Key of a user's vocabulary in the processed bucket. No recording is called so."""
    return f"{user_id}/vocabulary.json"
