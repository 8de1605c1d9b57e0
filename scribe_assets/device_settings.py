"""The two settings that whoever computes on a device has to know, launcher and models alike."""

import re
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scribe_assets.errors import SettingsError

DEVICE = re.compile(r"auto|(cpu|cuda)(:\d+)?")


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
