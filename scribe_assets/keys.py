"""Upload keys, users, recording ids and partition keys, and the conversions between them.

Pure functions: nothing here knows Dagster or S3. The partitions that the keys belong to are defined
in `partitions.py`.
"""

import base64
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

DEFAULT_USER = "default"
ANY_USER = ""
"""Instead of a user: whoever the recording belongs to."""

MAX_ID_LENGTH = 96
DIGEST_LENGTH = 16
"""Characters of base32, 80 bits: a collision is expected after 10^12 recordings."""


def user_key(user_id: str) -> str:
    """A user as a partition key, free of all that Dagster gives a meaning (dots in a row, commas,
    slashes, brackets): everything unusual becomes `~XX`, a UTF-8 byte in hex."""
    quoted = quote(user_id, safe="").replace(".", "%2E").replace("~", "%7E")
    return quoted.replace("%", "~")


def user_from_key(key: str) -> str:
    """The inverse of `user_key`."""
    return unquote(key.replace("~", "%"))


@dataclass(frozen=True, order=True)
class RecordingRef:
    """Which recording: what a partition key stands for."""

    user_id: str
    recording_id: str

    @property
    def partition_key(self) -> str:
        """`user.recording_id`, free of all that Dagster gives a meaning; see `user_key`."""
        return f"{user_key(self.user_id)}.{self.recording_id}"

    @classmethod
    def from_partition_key(cls, partition_key: str) -> "RecordingRef":
        """The inverse of `partition_key`.

        Raises:
            ValueError: Scribe never makes such a partition key.
        """
        user, separator, recording_id = partition_key.rpartition(".")
        ref = cls(user_from_key(user), recording_id)
        if not (separator and user and recording_id) or ref.partition_key != partition_key:
            raise ValueError(
                f"{partition_key!r} is not a recording's partition key; those look like "
                "'default.meeting-mp4-5f2c…' and are made by the sensor of the uploads bucket"
            )
        return ref

    @classmethod
    def from_upload_key(cls, key: str) -> "RecordingRef":
        """The recording an object in the uploads bucket becomes."""
        return cls(user_of(key), recording_id(user_of(key), key))


def user_of(upload_key: str) -> str:
    """The first folder of an upload key; `default` where there is none."""
    folder, slash, _ = upload_key.partition("/")
    return folder if slash and folder else DEFAULT_USER


def person_id_problem(person_id: str) -> str | None:
    """Why a folder of the identity bank cannot be a person's; None where it can.

    All that S3 allows in a key will do, but for what would be taken for something else: a place in
    a path, the end of a line, a speaker whom nobody knows.
    """
    if person_id in ("", ".", "..") or "/" in person_id:
        return "it is no name of a folder"
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in person_id):
        return "it has control characters"
    if re.fullmatch(r"SPEAKER_\d+|UNKNOWN", person_id):
        return "speakers whom nobody knows are called so"
    return None


def recording_id(user_id: str, upload_key: str) -> str:
    """A readable, collision-free id for an upload, safe in every path and URL.

    Args:
        user_id: see `user_of`.
        upload_key: the whole key, with the user's folder where it has one.

    Returns:
        The end of the path in plain letters and a digest of user and key:
        `[A-Za-z0-9_-]`, at most 96 characters.
    """
    slug = _slug(upload_key.removeprefix(f"{user_id}/")) or "recording"
    digest = hashlib.sha256(f"{user_id}\0{upload_key}".encode("utf-8", "surrogatepass")).digest()
    return f"{slug}-{base64.b32encode(digest)[:DIGEST_LENGTH].decode().lower()}"


def may_be_called(recording_id: str, file_name: str) -> bool:
    """Whether a recording with this id can have come from a file of this name, to judge by its
    plain letters; whether it has, its documents know."""
    return recording_id[: -DIGEST_LENGTH - 1].endswith(_slug(file_name))


def _slug(path: str) -> str:
    plain = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")
    return slug[-(MAX_ID_LENGTH - DIGEST_LENGTH - 1) :].strip("-")
