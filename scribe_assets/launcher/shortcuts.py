"""Three things that Dagster does anew for every event, and that are remembered here.

They made most of what a short recording cost beside its computation: for each of some 200 SQL
statements of a run Dagster makes a new SQLite engine, whose cache of compiled statements is empty;
it asks 64 times whether the partition of the run exists; and for the database of each run it reads
the migrations of the schema from sixty files.
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
"""Each run has a database, and a worker serves hundreds of runs."""


@cache
def take_shortcuts() -> None:
    """Let this process, and those forked from it, remember SQLite engines and migrations.

    An engine holds compiled statements and no connections (`NullPool`), so that it may be used in a
    forked process, too.
    """
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
    """Ask the database only once whether a partition exists, for the time of one run.

    Dagster has a cache for this, and bypasses it where a run loads its inputs.
    """
    ask = instance.has_dynamic_partition
    instance.has_dynamic_partition = cache(ask)  # type: ignore[method-assign]
    try:
        yield
    finally:
        instance.has_dynamic_partition = ask  # type: ignore[method-assign]
