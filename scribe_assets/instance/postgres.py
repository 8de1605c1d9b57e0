"""Dagster's storage in PostgreSQL; needs `scribe-assets[postgres]`."""

import os
from functools import cache, partial
from typing import Any

import psycopg2
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

from scribe_assets.dagster_internals import ConfigurableClassData
from scribe_assets.errors import SettingsError
from scribe_assets.settings import Settings

KEPT_CONNECTIONS = 2
"""By a process that uses none just then."""

RECYCLE_SECONDS = 600
"""Older ones are closed: firewalls forget connections."""

DRIVER = "postgresql+psycopg2"
"""Dagster's storage is written for psycopg2, and SQLAlchemy 2.1 takes psycopg 3 by default."""

IN_UTC = "-c timezone=UTC"
"""Dagster stores times without their zone, and compares them with times in UTC. A server in Tokyo
would make its runs nine hours younger than they are."""


class PostgresStorage(DagsterPostgresStorage):
    """The database of SCRIBE_POSTGRES_URL, which stands in no file and in none of Dagster's pages.

    Dagster makes a connection for each statement, which took most of the time of a short run; here
    a process keeps those that it has made.

    ```yaml
    storage:
      custom:
        module: scribe_assets.instance.postgres
        class: PostgresStorage
    ```
    """

    @classmethod
    def config_type(cls) -> Any:
        """There is nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, _config_value: Any
    ) -> "PostgresStorage":
        """For Dagster.

        Raises:
            SettingsError: the variable is not set.
        """
        url = database_url(Settings.load())
        made = cls(postgres_url=url, inst_data=inst_data)
        parts: tuple[Any, ...] = (made.run_storage, made.event_log_storage, made.schedule_storage)
        for part in parts:  # nothing public takes an engine
            part._engine = remembered_engine(url)
        return made


@cache
def remembered_engine(url: str) -> Engine:
    """The connections of this process to a database, for all instances that it opens.

    Each is tried before it is used, and made anew where the database was restarted meanwhile;
    Dagster tries that for some seconds. A forked process, such as a run, has its own: it forgets
    those of its parent without a word to the server.
    """
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT_CONNECTIONS,
        max_overflow=-1,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
    )
    os.register_at_fork(after_in_child=partial(engine.dispose, close=False))
    return engine


def database_url(settings: Settings) -> str:
    """The URL as SQLAlchemy needs it, with the driver, and with times in UTC.

    Raises:
        SettingsError: there is none.
    """
    if not settings.has_postgres:
        raise SettingsError(
            "SCRIBE_POSTGRES_URL: Dagster's storage is in PostgreSQL by its dagster.yaml; set it "
            "as 'scribe up' has it"
        )
    url = make_url(settings.postgres_url.get_secret_value()).set(drivername=DRIVER)
    given = url.query.get("options", ())
    options = " ".join([given] if isinstance(given, str) else given)
    return url.update_query_dict({"options": f"{options} {IN_UTC}".strip()}).render_as_string(
        hide_password=False
    )


def server_version(settings: Settings, seconds: int) -> str:
    """The version of the server, such as `15.18`.

    Args:
        settings: of the installation.
        seconds: how long it may take to answer; at least 2.

    Raises:
        ConnectionError: it does not answer, or refuses; with what it says, in one line.
    """
    url = make_url(settings.postgres_url.get_secret_value()).set(drivername="postgresql")
    try:
        connection = psycopg2.connect(
            url.render_as_string(hide_password=False), connect_timeout=seconds
        )
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW server_version")
                (version,) = cursor.fetchone()
        finally:
            connection.close()
    except psycopg2.ProgrammingError:  # it may repeat a part of the URL
        raise ConnectionError("the URL has an unknown parameter after its '?'") from None
    except psycopg2.Error as error:
        raise ConnectionError(" ".join(str(error).split())) from None
    return str(version).split()[0]
