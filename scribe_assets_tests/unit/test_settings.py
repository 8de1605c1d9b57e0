"""Settings: defaults, and one clear line for each wrong value."""

from pathlib import Path

import pytest
import yaml

from scribe_assets import settings as settings_module
from scribe_assets.errors import SettingsError
from scribe_assets.instance.config import write_config
from scribe_assets.settings import Settings


def test_defaults_need_nothing() -> None:
    settings = Settings.load()
    assert settings.embedded_s3
    assert settings.endpoint_url is None
    assert settings.home == Path(".scribe").absolute()
    assert settings.uploads_bucket == "uploads"


@pytest.mark.parametrize(
    ("variable", "value", "accepts"),
    [
        ("SCRIBE_DEVICE", "gpu", "auto, cpu, cuda or cuda:N"),
        ("SCRIBE_UI_PORT", "http", "integer"),
        ("SCRIBE_HOST", "everywhere", "IPv4 address"),
        ("SCRIBE_S3_PORT", "70000", "65535"),
        ("SCRIBE_VRAM_BUDGET_GB", "0", "greater than 0"),
        ("MINIO_ENDPOINT", "not a host", "host:port"),
        ("SCRIBE_UPLOADS_BUCKET", "Up", "bucket name"),
        ("SCRIBE_HOME", __file__, "folder"),
        ("SCRIBE_POSTGRES_URL", "mysql://me:hush@db/scribe", "postgresql://user:password@host"),
        ("SCRIBE_POSTGRES_URL", "postgresql://me:hush@db:99999/scribe", "postgresql://user:pass"),
        ("SCRIBE_POSTGRES_URL", "postgresql://me:hu/sh@db/scribe", "%XX"),
        ("SCRIBE_POSTGRES_URL", "postgresql://me:hu%sh@db/scribe", "%XX"),
        ("SCRIBE_POSTGRES_URL", "postgresql://me:hush@db", "/database"),
        ("SCRIBE_RAY_ADDRESS", "auto", "host:port"),
        ("SCRIBE_RAY_ADDRESS", "10.0.0.1:99999", "host:port"),
    ],
)
def test_a_wrong_value_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, accepts: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{variable}: ")
    assert accepts in lines[0]
    assert "hush" not in lines[0]


def test_every_wrong_value_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBE_DEVICE", "gpu")
    monkeypatch.setenv("SCRIBE_UI_PORT", "0")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == {
        "SCRIBE_DEVICE",
        "SCRIBE_UI_PORT",
    }


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ACCESS_KEY", "me")
    monkeypatch.setenv("MINIO_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("HF_TOKEN", "hf_hush")
    monkeypatch.setenv("SCRIBE_POSTGRES_URL", "postgresql://me:hush@db/scribe?password=hush")
    assert "hush" not in repr(Settings.load())
    monkeypatch.setenv("SCRIBE_DEVICE", "gpu")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "hush" not in str(caught.value)


def test_half_a_credential_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIO_ACCESS_KEY", "me")
    with pytest.raises(SettingsError, match="MINIO_SECRET_KEY"):
        Settings.load()


def test_two_buckets_must_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBE_PROCESSED_BUCKET", "uploads")
    with pytest.raises(SettingsError, match="three different buckets"):
        Settings.load()


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("minio:9000", "http://minio:9000"),
        ("https://s3.example.org/", "https://s3.example.org"),
        ("aws", None),
    ],
)
def test_endpoint_forms(monkeypatch: pytest.MonkeyPatch, value: str, url: str | None) -> None:
    monkeypatch.setenv("MINIO_ENDPOINT", value)
    settings = Settings.load()
    assert settings.endpoint_url == url
    assert not settings.embedded_s3


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBE_DEVICE", "")
    assert Settings.load().device == "auto"


@pytest.mark.parametrize(
    ("written", "codes"), [("fr,en", ("fr", "en")), ("French, eng, fr", ("fr", "en")), ("", ())]
)
def test_expected_languages(
    monkeypatch: pytest.MonkeyPatch, written: str, codes: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SCRIBE_LANGUAGES", written)
    assert Settings.load().languages == codes


@pytest.mark.parametrize("written", ["fr,auto", "Klingon-ish", "fr;en"])
def test_expected_languages_that_are_none(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SCRIBE_LANGUAGES", written)
    with pytest.raises(SettingsError, match="SCRIBE_LANGUAGES"):
        Settings.load()


def test_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable, value in [("MINIO_ACCESS_KEY", "me\n"), ("MINIO_SECRET_KEY", "hush-hush")]:
        (tmp_path / variable).write_text(value)
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / variable))
    settings = Settings.load()
    assert settings.minio_access_key == "me"
    assert settings.minio_secret_key.get_secret_value() == "hush-hush"


def test_only_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "device").write_text("cuda")
    monkeypatch.setenv("SCRIBE_DEVICE_FILE", str(tmp_path / "device"))
    assert Settings.load().device == "auto"


@pytest.mark.parametrize(
    ("content", "accepts"),
    [(None, "readable file"), (b"\xff", "not text"), (b"\n", "one line"), (b"a\nhush", "one line")],
)
def test_a_file_that_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, accepts: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("HF_TOKEN_FILE", str(file))
    with pytest.raises(SettingsError, match=f"^HF_TOKEN_FILE: .*{accepts}") as caught:
        Settings.load()
    assert len(str(caught.value).splitlines()) == 1
    assert "hush" not in str(caught.value)


def test_a_secret_is_not_given_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hf_hush")
    monkeypatch.setenv("HF_TOKEN_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(SettingsError, match=r"^HF_TOKEN, HF_TOKEN_FILE: ") as caught:
        Settings.load()
    assert "hush" not in str(caught.value)


def test_postgres_without_its_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCRIBE_POSTGRES_URL", "postgresql://me:hush@db/scribe")
    monkeypatch.setattr(settings_module, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"SCRIBE_POSTGRES_URL: .*scribe-assets\[postgres\]"):
        Settings.load()


def test_the_place_of_the_database_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings.load().has_postgres
    for url, place in (
        ("postgresql://me:hu%2Fsh@db:5433/scribe", "db:5433, database scribe"),
        ("postgres://db/scribe?sslmode=require&password=hush", "db, database scribe"),
        ("postgresql+psycopg2://me@[::1]/scribe", "[::1], database scribe"),
        ("postgresql:///scribe?host=/run/postgresql", "a local socket, database scribe"),
    ):
        monkeypatch.setenv("SCRIBE_POSTGRES_URL", url)
        assert Settings.load().postgres_place == place


def test_so_many_runs_are_under_way_as_the_setting_says(tmp_path: Path) -> None:
    for wanted, expected in ((7, 7), (None, 4)):
        settings = Settings(home=tmp_path, concurrent_runs=wanted)
        config = yaml.safe_load((write_config(settings) / "dagster.yaml").read_text())
        assert config["run_coordinator"]["config"]["max_concurrent_runs"] == expected
        assert config["telemetry"] == {"enabled": False}
