"""Files of this machine become uploads: which of them are meant, under which keys, with which
options."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from mimetypes import guess_type
from pathlib import Path

from scribe_assets.artifacts.documents import Options
from scribe_assets.artifacts.formats.plain import visible
from scribe_assets.errors import UsageError
from scribe_assets.keys import DEFAULT_USER, user_of
from scribe_assets.storage.embedded import is_kept_name
from scribe_assets.storage.layout import is_upload, sidecar_key
from scribe_assets.storage.s3 import S3Object, S3Storage


def files_below(paths: Sequence[Path]) -> dict[Path, str]:
    """The files that are meant by files and folders, each with the name that it gets: its own, or
    from the folder that was named on, so that folders keep their structure.

    In folders, what programs leave there and what is no sound or video by its name is passed over.

    Raises:
        UsageError: there is nothing in a folder.
    """
    found: dict[Path, str] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = path.name
            continue
        top = path.resolve().parent
        below = {
            file: file.relative_to(top).as_posix()
            for file in sorted(path.resolve().rglob("*"))
            if file.is_file()
        }
        meant = {file: name for file, name in below.items() if _is_recording(f"user/{name}")}
        if not meant:
            raise UsageError(f"there is no recording in the folder {visible(str(path))}")
        found |= meant
    return found


def _is_recording(key: str) -> bool:
    kind = guess_type(key)[0]
    return is_upload(key) and (kind is None or kind.startswith(("audio/", "video/")))


def upload_keys(names: Iterable[str], user_id: str) -> list[str]:
    """The keys of files that are to become recordings of a user, under these names.

    Raises:
        UsageError: a name is no key for a recording, or two files have the same name.
    """
    keys = [f"{user_id}/{name}" for name in names]
    known = set[str]()
    for key in keys:
        if key in known:
            raise UsageError(f"two of the files would become {key}; upload them one by one")
        known.add(key)
        is_safe = is_kept_name(key) and key == visible(key) and user_of(key) == user_id
        if not (is_safe and is_upload(key)) or {"", ".", ".."} & {*key.split("/")}:
            raise UsageError(
                f"{visible(key)} is not a key that Scribe takes for a recording; rename it"
            )
    return keys


def upload_recordings(
    storage: S3Storage,
    files: Sequence[Path] | Mapping[Path, str],
    user_id: str = DEFAULT_USER,
    options: Options | None = None,
    progress: Callable[[Path, int], None] = lambda _file, _sent: None,
) -> list[S3Object]:
    """Upload files as recordings of a user, and make missing buckets.

    Args:
        storage: S3.
        files: any audio or video; with another name than their own where they have one here.
        user_id: whose recordings they become.
        options: the same for all of them.
        progress: told how many more bytes of which file were sent; first 0 for each file.

    Returns:
        The uploads, in the order of the files.

    Raises:
        UsageError: see `upload_keys`; then nothing is uploaded.
    """
    names = files.values() if isinstance(files, Mapping) else [file.name for file in files]
    keys = upload_keys(names, user_id)
    storage.ensure_buckets()
    uploads = []
    for file, key in zip(files, keys, strict=True):
        # The sensor must find the options when it finds the recording.
        _put_options(storage, key, options or Options())
        uploads.append(_upload(storage, file, key, progress))
    return uploads


def _put_options(storage: S3Storage, key: str, options: Options) -> None:
    """Write the options beside an upload, or remove those of the file that had its name before."""
    bucket, sidecar = storage.uploads_bucket, sidecar_key(key)
    if options != Options():
        storage.write(bucket, sidecar, options.to_json(), "application/json")
    elif storage.exists(bucket, sidecar):
        storage.delete(bucket, sidecar)


def _upload(
    storage: S3Storage, file: Path, key: str, progress: Callable[[Path, int], None]
) -> S3Object:
    bucket = storage.uploads_bucket
    progress(file, 0)
    with file.open("rb") as stream:
        storage.upload_stream(
            stream,
            bucket,
            key,
            "application/octet-stream",
            callback=lambda sent: progress(file, sent),
        )
    return storage.head(bucket, key)
