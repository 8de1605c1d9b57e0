"""What whoever computes on a device has to know of the settings, launcher and models alike."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scribe_assets.errors import SettingsError

DEVICE = re.compile(r"auto|(cpu|cuda)(:\d+)?")
RAY_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")


class DeviceSettings(BaseSettings):
    """Where files are kept, and on which devices is computed; the rest is of no concern to the
    launcher, which then works beside code that has other settings."""

    model_config = SettingsConfigDict(
        env_prefix="SCRIBE_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    home: Path = Path(".scribe")
    device: str = "auto"
    ray_address: str = ""
    """Of the head of a Ray cluster whose GPUs are used; empty: those of this machine."""

    @classmethod
    def load(cls) -> Self:
        """Read and check the environment, and the files that it names for secrets.

        Raises:
            SettingsError: with one line for each wrong value, naming the variable and what it
                accepts. A value that may be a secret is never repeated.
        """
        from_files = cls.values_from_files()
        try:
            return cls(**from_files)
        except ValidationError as error:
            lines = []
            for problem in error.errors(include_input=False, include_url=False):
                field = str(problem["loc"][0]) if problem["loc"] else ""
                reason = problem["msg"].removeprefix("Value error, ")
                lines.append(f"{cls.variable(field)}: {reason}" if field else reason)
            raise SettingsError("\n".join(lines)) from None

    @classmethod
    def values_from_files(cls) -> dict[str, Any]:
        """Field to value, of what does not stand in the environment itself."""
        return {}

    @classmethod
    def variable(cls, location: str) -> str:
        """The environment variable behind a field, given by its name or by its alias."""
        field = cls.model_fields.get(location)
        if field is None:
            return location
        return str(field.validation_alias or f"SCRIBE_{location.upper()}")

    @field_validator("home")
    @classmethod
    def _home_is_a_folder(cls, value: Path) -> Path:
        home = value.expanduser().absolute()
        if home.exists() and not home.is_dir():
            raise ValueError(f"must be a folder, and {home} is a file")
        return home

    @field_validator("device")
    @classmethod
    def _device_is_known(cls, value: str) -> str:
        if not DEVICE.fullmatch(value):
            raise ValueError("must be auto, cpu, cuda or cuda:N")
        return value

    @field_validator("ray_address")
    @classmethod
    def _ray_can_be_asked(cls, value: str) -> str:
        if not value:
            return value
        match = RAY_ADDRESS.fullmatch(value)
        if not match or int(match["port"]) not in range(1, 65536):
            raise ValueError(
                "must be host:port of the head of a Ray cluster, such as 10.0.0.1:6379, or empty "
                "for the GPUs of this machine"
            )
        if find_spec("ray") is None:
            raise ValueError(
                "needs what is not installed; run pip install 'scribe-assets[ray]', or leave it "
                "empty for the GPUs of this machine"
            )
        return value
