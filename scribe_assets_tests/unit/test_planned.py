"""What a run was to do, as Dagster's webserver tells."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from scribe_assets.artifacts.documents import Source, Status
from scribe_assets.errors import StackError
from scribe_assets.library.again import NEEDS
from scribe_assets.library.status import queued
from scribe_assets.local.runs import planned
from scribe_assets.local.stack import RunningStack

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCE = Source(bucket="up", key="anne/a.wav", etag="e", size=1, last_modified=AT)

Webserver = Callable[[Any], RunningStack]


@contextmanager
def answering(answer: Any) -> Iterator[RunningStack]:
    """A webserver with one answer for everybody."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield RunningStack(1, f"http://127.0.0.1:{server.server_port}", "")
        server.shutdown()


@pytest.fixture
def webserver() -> Iterator[Webserver]:
    with ExitStack() as servers:
        yield lambda answer: servers.enter_context(answering(answer))


def a_run(keys: list[str] | None, selected: list[str] | None) -> dict[str, Any]:
    """What Dagster says of a run."""
    paths = None if selected is None else [{"path": [stage]} for stage in selected]
    said = {
        "creationTime": AT.timestamp() + 0.7,
        "stepKeysToExecute": keys,
        "assetSelection": paths,
    }
    return {"data": {"runOrError": said}}


def failed() -> Status:
    return queued(SOURCE, None).model_copy(update={"state": "failed", "run_id": "r"})


@pytest.mark.parametrize(
    ("keys", "selected", "stages"),
    [
        (None, None, [*NEEDS]),  # what the sensor asks for
        (None, ["fused_result", "transcript"], ["transcript", "fused_result"]),
        (["transcript"], ["transcript", "fused_result"], ["transcript"]),  # tried again by Dagster
        (["something_else"], None, []),
    ],
)
def test_a_run_names_its_stages_or_makes_all(
    webserver: Webserver, keys: list[str] | None, selected: list[str] | None, stages: list[str]
) -> None:
    was = planned(webserver(a_run(keys, selected)), failed())
    assert (was.stages, was.since) == (stages, AT)


def test_nobody_knows_what_a_run_that_was_deleted_was_to_do(webserver: Webserver) -> None:
    was = planned(webserver({"data": {"runOrError": {}}}), failed())
    assert (was.stages, was.since) == ([], None)


@pytest.mark.parametrize("answer", [{}, {"data": None, "errors": [{"message": "no"}]}])
def test_no_answer_is_no_plan(webserver: Webserver, answer: Any) -> None:
    with pytest.raises(StackError, match=r"does not say what the run of anne/a\.wav was to do"):
        planned(webserver(answer), failed())


def test_a_webserver_that_is_gone_is_no_plan() -> None:
    with answering({}) as gone:
        pass
    with pytest.raises(StackError, match="try again"):
        planned(gone, failed())
