"""The configuration of Dagster's instance: one file in the repository, and the settings.

`SCRIBE_HOME/dagster` is DAGSTER_HOME. Its `dagster.yaml` is written by Scribe alone, and anew
whenever Scribe opens its instance.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import yaml
from dagster import DagsterInstance

from scribe_assets.errors import SettingsError
from scribe_assets.settings import Settings

FILE = "dagster.yaml"


def packaged() -> Path:
    """The file at the top of the repository, or its copy inside the installed package."""
    repository = Path(__file__).parents[2] / FILE
    if repository.is_file():
        return repository
    return Path(str(resources.files("scribe_assets.instance") / FILE))


def storage_config(settings: Settings) -> dict[str, object]:
    """Where runs and events are; nothing for SQLite, which is Dagster's default.

    The URL of the database is not in it: Dagster shows its configuration in the UI and hands it to
    the processes of runs. The storage asks the settings for it.
    """
    if not settings.has_postgres:
        return {}
    storage = {"module": "scribe_assets.instance.postgres", "class": "PostgresStorage"}
    return {"storage": {"custom": storage}}


def log_config(settings: Settings) -> dict[str, object]:
    """Where the logs of runs are written, besides to Dagster's storage; nowhere for people, who
    have them in the UI."""
    if settings.log != "json":
        return {}
    handler = {
        "class": "scribe_assets.logs.FileOfRuns",
        "filename": str(settings.home / "logs" / "runs.log"),
        "formatter": "json",
        "level": "INFO",
        "delay": True,
    }
    return {
        "dagster_handler_config": {
            "handlers": {"runs": handler},
            "formatters": {"json": {"()": "scribe_assets.logs.JsonFormatter"}},
        }
    }


def write_config(settings: Settings) -> Path:
    """Write the configuration, whole or not at all, and return its folder, the DAGSTER_HOME."""
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = packaged().read_text()
    known = yaml.safe_load(text)
    config = known | storage_config(settings)
    if logs := log_config(settings):
        config |= {"python_logs": config["python_logs"] | logs}
    if settings.concurrent_runs:
        queue = config["run_coordinator"]
        limit = {"max_concurrent_runs": settings.concurrent_runs}
        config |= {"run_coordinator": queue | {"config": queue["config"] | limit}}
    if config != known:  # otherwise the file stays with its comments
        text = f"# By dagster.yaml and the settings of this installation.\n{yaml.safe_dump(config)}"
    unfinished = folder / f".{FILE}"
    unfinished.write_text(text)
    unfinished.replace(folder / FILE)
    return folder


def check_database(settings: Settings, seconds: int = 10) -> str:
    """Ask the database whether it answers, and return what it is, for people.

    Args:
        settings: of the installation.
        seconds: how long a server may take to answer.

    Raises:
        SettingsError: it does not answer, or refuses; the sentence never has the password.
    """
    if not settings.has_postgres:
        return f"SQLite in {settings.home / 'dagster'}"
    from scribe_assets.instance.postgres import server_version

    place = settings.postgres_place
    try:
        return f"PostgreSQL {server_version(settings, seconds)} at {place}"
    except ConnectionError as error:
        raise SettingsError(
            f"SCRIBE_POSTGRES_URL: PostgreSQL at {place} cannot be used ({error}); start it, or "
            "correct the address, the user, the password or the name of the database"
        ) from None


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The instance of an installation; its database is made where there is none yet.

    Raises:
        SettingsError: see `check_database`.
    """
    check_database(settings)
    with DagsterInstance.from_config(str(write_config(settings))) as instance:
        yield instance
