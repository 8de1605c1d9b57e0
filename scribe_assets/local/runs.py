"""Runs that a person asks the running stack for, as Dagster's UI does: over its webserver."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scribe_assets.artifacts.documents import Status
from scribe_assets.errors import StackError
from scribe_assets.library.again import NEEDS, Again
from scribe_assets.local.parts import LOCATION
from scribe_assets.local.stack import RunningStack, find, graphql
from scribe_assets.tags import (
    ASKED_TAG,
    ETAG_TAG,
    JOB_ID_TAG,
    PARTITION_TAG,
    UPLOAD_TAG,
    USER_TAG,
)

JOB = "transcribe_recording"

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""

TERMINATE = """
mutation Terminate($run: String!) { terminateRun(runId: $run) { __typename } }
"""

RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run { creationTime stepKeysToExecute assetSelection { path } }
  }
}
"""


@dataclass(frozen=True)
class Planned:
    """What a run was to do.

    Attributes:
        stages: those it was asked for; none where Dagster does not know the run.
        since: when it was asked for.
    """

    stages: list[str]
    since: datetime | None


def find_running(home: Path) -> RunningStack:
    """The stack that runs in this SCRIBE_HOME.

    Raises:
        StackError: there is none.
    """
    running = find(home)
    if running is None:
        raise StackError(
            f"Scribe does not run in {home}; start it with 'scribe up', then try again"
        )
    return running


def planned(running: RunningStack, status: Status) -> Planned:
    """The stages of the run that a status tells of.

    Raises:
        StackError: the webserver does not answer.
    """
    found = graphql(running.ui_url, RUN, {"id": status.run_id or ""}).get("runOrError")
    if found is None:
        raise StackError(
            f"Dagster at {running.ui_url} does not say what the run of {status.source.key} was to "
            "do; try again, or see 'scribe doctor'"
        )
    began = found.get("creationTime")
    if began is None:  # the run was deleted
        return Planned([], None)
    keys, selected = found["stepKeysToExecute"], found["assetSelection"]
    if keys is None and selected is not None:
        keys = ["/".join(key["path"]) for key in selected]
    # A run of the sensor names neither: it makes all.
    stages = [stage for stage in NEEDS if keys is None or stage in keys]
    # In whole seconds, as S3 tells the time of an object.
    return Planned(stages, datetime.fromtimestamp(int(began), UTC))


def ask(running: RunningStack, again: Again) -> str:
    """Ask for a run of some stages of a recording, and return its id.

    Raises:
        StackError: the webserver does not answer, or Dagster refuses.
    """
    source = again.waiting.source
    tags = {
        PARTITION_TAG: again.ref.partition_key,
        USER_TAG: again.ref.user_id,
        UPLOAD_TAG: source.key,
        ETAG_TAG: source.etag,
        ASKED_TAG: "true",
    }
    if again.waiting.job_id:
        tags[JOB_ID_TAG] = again.waiting.job_id
    params: dict[str, Any] = {
        "selector": {
            "repositoryName": "__repository__",
            "repositoryLocationName": LOCATION,
            "jobName": JOB,
            "assetSelection": [{"path": [stage]} for stage in again.stages],
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
    }
    answer = graphql(running.ui_url, LAUNCH, {"params": params}).get("launchRun", {})
    if run := answer.get("run"):
        return str(run["runId"])
    faults = [answer.get("message"), *(error["message"] for error in answer.get("errors") or ())]
    why = "; ".join(filter(None, faults)) or answer.get("__typename") or "it does not answer"
    raise StackError(f"Dagster at {running.ui_url} starts no run of {source.key}: {why}")


def cancel(running: RunningStack, run_id: str) -> None:
    """Ask for the end of a run; one that has ended meanwhile stays as it is."""
    graphql(running.ui_url, TERMINATE, {"run": run_id})
