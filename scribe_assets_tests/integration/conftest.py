"""The launcher in a home of a test's own, and a browser."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from dagster import DagsterInstance
from dagster._core.definitions.reconstruct import ReconstructableRepository

from scribe_assets_tests.browser import Browser, chromium
from scribe_assets_tests.launching import LOCATION, Launching, end_hosts
from scribe_assets_tests.pages import SECONDS, Open, Opener


@pytest.fixture
def database() -> dict[str, object]:
    """Where Dagster's storage is, as dagster.yaml says it; `test_postgres.py` has another one."""
    return {}


@pytest.fixture
def launching(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    database: dict[str, object],
) -> Iterator[Launching]:
    home = tmp_path / "home"
    monkeypatch.setenv("SCRIBE_HOME", str(home))
    (tmp_path / "location.py").write_text(LOCATION)
    launcher = {"module": "scribe_assets.launcher", "class": "GpuRunLauncher"}
    config = {
        "devices": ["cpu"],
        "preload": [],
        "worker_preload": [],
        **getattr(request, "param", {}),
    }
    if "PYTHONPATH" in config.get("env", {}):  # for modules that the test writes
        config["env"] = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path[:1]])}
    (tmp_path / "dagster.yaml").write_text(
        yaml.safe_dump(
            {
                "run_launcher": {**launcher, "config": config},
                "run_retries": {"enabled": True, "max_retries": 2},
                **database,
            }
        )
    )
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        repository = ReconstructableRepository.for_file(str(tmp_path / "location.py"), "defs")
        yield Launching(home, instance, repository.get_reconstructable_job("sleep"))
        end_hosts(home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, as FLAC like that of the pipeline."""
    file = tmp_path_factory.mktemp("sound") / "audio.flac"
    noise = np.random.default_rng(1).normal(0, 0.05, SECONDS * 16_000)
    soundfile.write(file, noise, 16_000, subtype="PCM_16")
    return file


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path, sound: Path) -> Iterator[Opener]:
    """Opens a page from a folder with `audio.flac` in it."""
    contexts = []

    def opened(page_text: str, **options: Any) -> Open:
        (tmp_path / "result.html").write_text(page_text)
        if not (tmp_path / "audio.flac").exists():
            (tmp_path / "audio.flac").symlink_to(sound)
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 800}} | options)
        contexts.append(context)
        page = context.new_page()
        shown = Open(page)
        page.on("requestfinished", shown.ended)
        page.on("requestfailed", shown.ended)
        page.on("console", lambda message: shown.told.append(message.text))
        page.on("pageerror", lambda error: shown.told.append(str(error)))
        page.goto((tmp_path / "result.html").as_uri())
        shown.until("document.querySelector('audio').readyState > 0")
        return shown

    yield opened
    for context in contexts:
        context.close()
