"""What Dagster does anew for every event, done once in the processes that create and execute runs.

Three things make most of what a short recording costs beside its computation: an SQLite engine,
with an empty cache of compiled statements, for each of some 200 statements; 64 times the question
whether the run's partition exists; and the schema's migrations, read from sixty files for the
database of each run. They are remembered here. The version of Dagster is pinned, and `make test`
fails where these names are no longer there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster import DagsterInstance

from scribe_assets.dagster_internals import sqlite_event_log, sqlite_run_storage
from scribe_assets.dagster_internals import storage_sql as sql

MAX_ENGINES = 64
"""There is a database for each run, and a worker serves hundreds."""


@cache
def take_shortcuts() -> None:
    """Let this process, and those forked from it, remember SQLite engines, which hold statements
    and no connections (`NullPool`), and the migrations of a schema."""
    for module in (sqlite_event_log, sqlite_run_storage):
        module.create_engine = _remembering(module.create_engine)  # type: ignore[attr-defined]
    sql.ScriptDirectory = RememberedMigrations  # type: ignore[misc]


class RememberedMigrations(ScriptDirectory):
    """The migrations of each schema, read once."""

    _known: ClassVar[dict[str | None, ScriptDirectory]] = {}

    @classmethod
    def from_config(cls, config: Config) -> ScriptDirectory:
        """The migrations that a configuration points to."""
        location = config.get_main_option("script_location")
        if location not in cls._known:
            cls._known[location] = ScriptDirectory.from_config(config)
        return cls._known[location]


def _remembering(create_engine: Callable[..., Any]) -> Callable[..., Any]:
    engines: dict[tuple[str, str], Any] = {}

    def create(url: str, **options: Any) -> Any:
        key = (url, repr(options))
        engine = engines.get(key)
        if engine is None:
            if len(engines) >= MAX_ENGINES:
                engines.clear()
            engine = engines[key] = create_engine(url, **options)
        return engine

    return create


@contextmanager
def remembered_partitions(instance: DagsterInstance) -> Iterator[None]:
    """Ask the database once whether a partition exists. For the time of one run: Dagster's own
    cache is bypassed where a run looks at its inputs."""
    ask = instance.has_dynamic_partition
    instance.has_dynamic_partition = cache(ask)  # type: ignore[method-assign]
    try:
        yield
    finally:
        instance.has_dynamic_partition = ask  # type: ignore[method-assign]
