"""The configuration of the run launcher, and what it starts a host with."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator


class LauncherConfig(BaseModel):
    """The configuration of `GpuRunLauncher`, as it stands in `dagster.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    devices: list[Annotated[str, Field(pattern=r"^(cpu|cuda)(:\d+)?$")]] = []
    runs_per_worker: int = Field(200, ge=1)
    worker_growth_gb: float = Field(4.0, gt=0)
    worker_idle_seconds: float = Field(600.0, gt=0)
    vram_budget_gb: float | None = Field(None, gt=0)
    preload: list[str] = []
    worker_preload: list[str] = []
    env: dict[str, str] = {}

    @field_validator("devices")
    @classmethod
    def _devices_differ(cls, value: list[str]) -> list[str]:
        slots = [device if ":" in device else f"{device}:0" for device in value]
        if len(set(slots)) < len(slots):
            raise ValueError("the same device is named twice")
        return value


class HostConfig(BaseModel):
    """What a host is started with.

    Args:
        home: SCRIBE_HOME.
        name: of the host's files in `home/launcher`.
        instance: Dagster's instance, serialized.
        origin: code of the location whose runs it executes, serialized.
        config: of the launcher.
        lock_descriptor: file descriptor of `lock_file`, which is locked already.
        listening_descriptor: file descriptor of a socket that listens at `address` already.
    """

    model_config = ConfigDict(frozen=True)

    home: Path
    name: str
    instance: str
    origin: str
    config: LauncherConfig
    lock_descriptor: int = -1
    listening_descriptor: int = -1

    @property
    def folder(self) -> Path:
        """Where the hosts of a SCRIBE_HOME have their sockets and locks."""
        return self.home / "launcher"

    @property
    def lock_file(self) -> Path:
        """Locked by the one host of this name for as long as it lives."""
        return self.folder / f"{self.name}.lock"

    @property
    def address(self) -> Path:
        """Socket of the host."""
        return self.folder / f"{self.name}.sock"
