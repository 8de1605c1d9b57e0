"""Every environment variable, once, validated."""

import os
import re
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from scribe_assets.device_settings import DeviceSettings
from scribe_assets.errors import SettingsError
from scribe_assets.languages import language_codes
from scribe_assets.logs import LogForm

AWS = "aws"
"""Value of MINIO_ENDPOINT that stands for Amazon's own S3."""

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ENDPOINT = re.compile(r"(https?://)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:(?P<port>\d{1,5}))?/?")
NAMES_OF_SECRETS = ("minio_access_key",)
"""Fields that are handed out with a secret, and may be shown."""

POSTGRES_URL = re.compile(
    r"postgres(ql)?(\+psycopg2)?://"
    r"(([^:@/?#\s%]|%[0-9A-Fa-f]{2})+(:([^@/?#\s%]|%[0-9A-Fa-f]{2})*)?@)?"
    r"(?P<host>[A-Za-z0-9._-]*|\[[0-9a-fA-F:]+\])(:(?P<port>\d{1,5}))?"
    r"/(?P<database>[^/?#\s%]+)(\?[^#\s]*)?"
)
CREDENTIAL = re.compile(r"[^\s,\"]*")


class Settings(DeviceSettings):
    """The settings of a Scribe installation. `Settings.load()` reads them from the environment."""

    minio_endpoint: str = Field("", validation_alias="MINIO_ENDPOINT")
    minio_access_key: str = Field("", validation_alias="MINIO_ACCESS_KEY")
    minio_secret_key: SecretStr = Field(SecretStr(""), validation_alias="MINIO_SECRET_KEY")
    hf_token: SecretStr = Field(SecretStr(""), validation_alias="HF_TOKEN")
    postgres_url: SecretStr = SecretStr("")
    """Of the database in which Dagster keeps runs and events; empty: SQLite in `home`."""
    uploads_bucket: str = "uploads"
    processed_bucket: str = "processed"
    identity_bucket: str = "identity-bank"
    host: IPv4Address = IPv4Address("127.0.0.1")
    """Where Dagster's UI and the metrics listen. They ask for no password."""
    ui_port: int = Field(3000, ge=1, le=65535)
    s3_port: int = Field(9000, ge=1, le=65535)
    metrics_port: int = Field(9464, ge=1, le=65535)
    log: LogForm = "text"
    whisper_model: str = "base"
    diarization_model: str = "default"
    embedding_model: str = "default"
    identity_threshold: float | None = Field(None, gt=0, le=1)
    """None: the one that was measured for the default embedding model."""
    vram_budget_gb: float = Field(8.0, gt=0)
    concurrent_runs: int | None = Field(None, ge=1)
    """How many runs are under way at a time; None: as dagster.yaml says, for one device."""
    tracks: Literal["auto", "mix", "each"] = "auto"
    """Which audio tracks and channels of an upload are transcribed where its options say nothing.
    """
    languages: Annotated[tuple[str, ...], NoDecode] = ()
    """ISO 639-1 codes of those that are expected; one of them is taken where none is likely."""
    vocabulary: int = Field(50, ge=0, le=200)
    """How many words that a user has corrected are expected in later recordings; 0: none."""
    max_hours: float = Field(24.0, gt=0)
    max_channels: int = Field(64, ge=1, le=64)
    min_sample_rate: int = Field(1_000, ge=1)
    max_sample_rate: int = Field(768_000, ge=8_000)
    max_decoded_gb: float = Field(64.0, gt=0)
    """Of disk, for the decoded channels of an upload while it is converted."""
    ffmpeg_memory_gb: float = Field(4.0, ge=0.5)
    ffmpeg_cpu_hours: float = Field(4.0, gt=0)
    ffmpeg_stall_seconds: float = Field(120.0, ge=1)

    @classmethod
    def values_from_files(cls) -> dict[str, Any]:
        """See `_secrets_from_files`."""
        return _secrets_from_files()

    @field_validator("languages", mode="before")
    @classmethod
    def _languages_are_known(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return language_codes(value)

    @field_validator("minio_endpoint")
    @classmethod
    def _endpoint_is_known(cls, value: str) -> str:
        if value.lower() in ("", AWS):
            return value.lower()
        match = ENDPOINT.fullmatch(value)
        if not match or int(match["port"] or 1) not in range(1, 65536):
            raise ValueError(
                "must be host:port, a URL like http://minio:9000, "
                "'aws' for Amazon S3, or empty for the embedded server"
            )
        return value

    @field_validator("postgres_url")
    @classmethod
    def _postgres_can_be_asked(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            return value
        match = POSTGRES_URL.fullmatch(value.get_secret_value())
        if not match or int(match["port"] or 1) not in range(1, 65536):
            raise ValueError(
                "must be a URL like postgresql://user:password@host:5432/database, with special "
                "characters of the password written as %XX, or empty for SQLite"
            )
        if find_spec("dagster_postgres") is None:
            raise ValueError(
                "needs what is not installed; run pip install 'scribe-assets[postgres]', or leave "
                "it empty for SQLite"
            )
        return value

    @field_validator("uploads_bucket", "processed_bucket", "identity_bucket")
    @classmethod
    def _bucket_is_nameable(cls, value: str) -> str:
        if not BUCKET_NAME.fullmatch(value):
            raise ValueError(
                "must be a bucket name: 3 to 63 lower-case letters, digits, dots or hyphens"
            )
        return value

    @model_validator(mode="after")
    def _make_sense_together(self) -> "Settings":
        if bool(self.minio_access_key) != bool(self.minio_secret_key.get_secret_value()):
            raise ValueError(
                "MINIO_ACCESS_KEY, MINIO_SECRET_KEY: set both, or neither to use "
                "the AWS variables, profiles and roles"
            )
        if self.embedded_s3 and not (
            CREDENTIAL.fullmatch(self.minio_access_key)
            and CREDENTIAL.fullmatch(self.minio_secret_key.get_secret_value())
        ):
            raise ValueError(
                "MINIO_ACCESS_KEY, MINIO_SECRET_KEY: the embedded server takes none with spaces, "
                "commas or quotes"
            )
        buckets = [self.uploads_bucket, self.processed_bucket, self.identity_bucket]
        if len(set(buckets)) < len(buckets):
            raise ValueError(
                "SCRIBE_UPLOADS_BUCKET, SCRIBE_PROCESSED_BUCKET, SCRIBE_IDENTITY_BUCKET: "
                f"must be three different buckets, not {', '.join(buckets)}"
            )
        return self

    @property
    def has_postgres(self) -> bool:
        """Whether Dagster's storage is in PostgreSQL."""
        return bool(self.postgres_url.get_secret_value())

    @property
    def postgres_place(self) -> str:
        """Server and database for people, without user and password."""
        match = POSTGRES_URL.fullmatch(self.postgres_url.get_secret_value())
        if match is None:
            raise ValueError("there is no PostgreSQL")
        host = match["host"] or "a local socket"
        port = f":{match['port']}" if match["port"] else ""
        return f"{host}{port}, database {match['database']}"

    @property
    def embedded_s3(self) -> bool:
        """Whether Scribe runs its own S3 server."""
        return not self.minio_endpoint

    @property
    def endpoint_url(self) -> str | None:
        """URL of a MinIO or other S3 server; None for the embedded server and for Amazon's."""
        if self.embedded_s3 or self.minio_endpoint == AWS:
            return None
        url = self.minio_endpoint.rstrip("/")
        return url if url.startswith(("http://", "https://")) else f"http://{url}"


def secrets(settings: Settings) -> dict[str, str]:
    """Variable to value, of the secrets that are set, wherever they were read."""
    found = {field: getattr(settings, field) for field in NAMES_OF_SECRETS}
    for field in Settings.model_fields:
        if isinstance(value := getattr(settings, field), SecretStr):
            found[field] = value.get_secret_value()
    return {Settings.variable(field): value for field, value in found.items() if value}


def postgres_host(settings: Settings) -> str:
    """The server of the database; empty for a local socket, or where there is none."""
    match = POSTGRES_URL.fullmatch(settings.postgres_url.get_secret_value())
    return match["host"] if match else ""


def _secrets_from_files() -> dict[str, Any]:
    """Field to value, of the secrets whose variable with `_FILE` behind it names a file.

    That is how Docker and Kubernetes hand out secrets: the environment of a process is seen by
    more than its owner.

    Raises:
        SettingsError: with one line for each that is set twice, or whose file holds no one line.
    """
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for field, facts in Settings.model_fields.items():
        variable = Settings.variable(field)
        file = os.environ.get(f"{variable}_FILE")
        if not file or (facts.annotation is not SecretStr and field not in NAMES_OF_SECRETS):
            continue
        try:
            value = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            wrong.append(f"{variable}_FILE: must name a readable file; {file}: {reason}")
            continue
        if os.environ.get(variable):
            wrong.append(f"{variable}, {variable}_FILE: set one of them, not both")
        elif not value or "\n" in value:
            wrong.append(f"{variable}_FILE: must name a file with the value in one line: {file}")
        else:
            found[field] = value
    if wrong:
        raise SettingsError("\n".join(wrong))
    return found
