"""Dagster's storage in PostgreSQL: the launcher, the sensors, and what is said of the database.

The tests of the launcher and of the sensors that touch the storage most are the same as on SQLite;
here they find other fixtures.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, job, op

from scribe_assets.errors import SettingsError
from scribe_assets.instance.config import (
    check_database,
    open_instance,
    storage_config,
    write_config,
)
from scribe_assets.settings import Settings
from scribe_assets_tests.integration.test_launcher import (  # noqa: F401 - run on PostgreSQL here
    test_a_worker_that_is_killed_fails_its_own_run_only,
    test_runs_take_turns_by_priority_and_age,
    test_two_launchers_share_a_host_and_start_a_run_once,
)
from scribe_assets_tests.postgres import PostgresServer
from scribe_assets_tests.unit.test_metrics import (  # noqa: F401 - run on PostgreSQL here
    Scrapes,
    scrapes,
    test_nothing_is_counted_twice,
    test_seconds_of_stages_add_up,
    test_the_age_of_the_last_listing,
    test_the_latest_run_of_a_recording_counts,
)
from scribe_assets_tests.unit.test_uploads_sensor import (  # noqa: F401 - run on PostgreSQL here
    test_a_sensor_that_was_reset_changes_no_status,
    test_what_is_requested_for_an_upload,
)


@pytest.fixture(autouse=True)
def url(postgres: PostgresServer, _own_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    made = postgres.new_database()
    monkeypatch.setenv("SCRIBE_POSTGRES_URL", made)
    return made


@pytest.fixture
def database(url: str) -> dict[str, object]:
    assert url
    return storage_config(Settings.load())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with open_instance(Settings(home=tmp_path)) as opened:
        yield opened


def test_times_are_those_of_dagster_wherever_the_server_is(instance: DagsterInstance) -> None:
    """The server's own time zone is nine hours away."""

    @op
    def nothing() -> None: ...

    @job
    def empty() -> None:
        nothing()

    began = datetime.now(UTC)
    run = empty.execute_in_process(instance=instance).dagster_run
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    for time in (record.create_timestamp, record.update_timestamp):
        assert abs(time - began) < timedelta(hours=1)


def test_metrics_tell_that_the_server_is_away_and_come_back(
    scrapes: Scrapes,  # noqa: F811 - a fixture
    postgres: PostgresServer,
) -> None:
    scrapes.run("1", "a.wav")
    scrapes.scrape()
    postgres.kill()
    scrapes.scrape()
    assert scrapes("scribe_database_up") == 0
    assert scrapes("scribe_queue_runs") == 1, "as it was last known"
    postgres.start()
    scrapes.scrape()
    assert scrapes("scribe_database_up") == 1


def test_a_forked_process_leaves_the_connections_to_its_parent(instance: DagsterInstance) -> None:
    """Else what one asks would be answered to the other."""
    instance.add_dynamic_partitions("recordings", ["mine"])

    def child() -> None:
        for number in range(20):
            instance.add_dynamic_partitions("recordings", [f"of the child {number}"])
            assert instance.has_dynamic_partition("recordings", f"of the child {number}")

    process = get_context("fork").Process(target=child)
    process.start()
    while process.is_alive():
        assert instance.has_dynamic_partition("recordings", "mine")
    process.join()
    assert process.exitcode == 0
    assert len(instance.get_dynamic_partitions("recordings")) == 21


def test_a_restart_of_the_database_goes_unnoticed(
    instance: DagsterInstance, postgres: PostgresServer
) -> None:
    instance.add_dynamic_partitions("recordings", ["before"])
    postgres.kill()
    postgres.start()
    assert instance.get_dynamic_partitions("recordings") == ["before"]


def test_no_password_is_shown_or_kept(tmp_path: Path) -> None:
    settings = Settings.load().model_copy(update={"home": tmp_path})
    with open_instance(settings) as instance:
        shown = [instance.info_str(), repr(instance.get_ref()), repr(settings)]
    shown += [file.read_text() for file in tmp_path.rglob("*") if file.is_file()]
    assert not [text for text in shown if "hush" in text]
    assert "hush" not in check_database(settings)
    assert "PostgreSQL" in check_database(settings)


def test_a_database_that_cannot_be_used_is_one_sentence(
    url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong, why in (
        (url.replace(f":{postgres.port}/", ":1/"), "Connection refused"),
        (url.replace("hush", "hu5h"), "password authentication failed"),
        (f"{url}x", "does not exist"),
        (f"{url}?hush=1", "unknown parameter"),
    ):
        monkeypatch.setenv("SCRIBE_POSTGRES_URL", wrong)
        with pytest.raises(SettingsError) as caught:
            check_database(Settings.load())
        sentence = str(caught.value)
        assert sentence.startswith("SCRIBE_POSTGRES_URL: PostgreSQL at 127.0.0.1:")
        assert why in sentence
        assert "\n" not in sentence
        assert "hush" not in sentence
        assert "hu5h" not in sentence


def test_without_the_setting_dagster_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_config(Settings(home=tmp_path))
    monkeypatch.delenv("SCRIBE_POSTGRES_URL")
    with (
        pytest.raises(SettingsError, match="SCRIBE_POSTGRES_URL: Dagster's storage"),
        DagsterInstance.from_config(str(folder)),
    ):
        pass
    assert "storage" not in yaml.safe_load(
        (write_config(Settings(home=tmp_path)) / "dagster.yaml").read_text()
    ), "SQLite again, by the settings as they are now"
