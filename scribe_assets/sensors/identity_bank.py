"""A change of the identity bank becomes new voiceprints, and new names in that user's recordings.

Each tick lists the bank, and asks for a run for each user whose people are not those of the last
one. While such a run is under way, no other is asked for: who uploads twenty samples gets two runs,
the second one with all that came during the first.
"""

import json

from dagster import (
    AssetObservation,
    DagsterRunStatus,
    DataVersion,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from scribe_assets.dagster_internals import ExecutableDefinition
from scribe_assets.partitions import user_key, users
from scribe_assets.storage.bank import by_user, version
from scribe_assets.storage.s3 import S3Storage
from scribe_assets.tags import (
    DATA_VERSION_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
    REFRESH_PEOPLE_PRIORITY,
    USER_TAG,
)

INTERVAL_SECONDS = 3
"""Less than the daemon's own round of 5 s, so that every round counts."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

MAX_REQUESTS = 20
"""Users in a tick; the next ones have their turn in the next."""


def identity_bank_sensor(job: ExecutableDefinition) -> SensorDefinition:
    """The sensor on the identity bank."""

    @sensor(
        name="identity_bank_sensor",
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Refreshes voiceprints and names when somebody is enrolled or forgotten.",
    )
    def watch(context: SensorEvaluationContext, storage: S3Storage) -> SensorResult | SkipReason:
        # By user: the version that was last asked for, and how often one was.
        known: dict[str, tuple[str, int]] = json.loads(context.cursor) if context.cursor else {}
        banks = by_user(list(storage.objects(storage.identity_bucket)))
        now = {user: version(banks.get(user, [])) for user in sorted({*banks, *known})}
        changed = [user for user, found in now.items() if known.get(user, ("", 0))[0] != found]
        busy = unfinished(context, str(job.name)) if changed else set()
        due = [user for user in changed if user_key(user) not in busy][:MAX_REQUESTS]
        if not due:
            return SkipReason(f"{len(banks)} banks, {len(changed)} with a run under way")
        requests = []
        for user in due:
            count = known.get(user, ("", 0))[1] + 1
            known[user] = (now[user], count)
            requests.append(
                RunRequest(
                    partition_key=user_key(user),
                    # A bank may come back to a version that it had before.
                    run_key=f"{user_key(user)}:{now[user]}:{count}",
                    tags={USER_TAG: user, PRIORITY_TAG: REFRESH_PEOPLE_PRIORITY},
                )
            )
        keys = [str(request.partition_key) for request in requests]
        return SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[users.build_add_request(keys)],
            asset_events=[
                AssetObservation(
                    "identity_bank",
                    partition=key,
                    metadata={"people": len(banks.get(user, []))},
                    tags={DATA_VERSION_TAG: DataVersion(now[user]).value},
                )
                for key, user in zip(keys, due, strict=True)
            ],
            cursor=json.dumps(known),
        )

    return watch


def unfinished(context: SensorEvaluationContext, job_name: str) -> set[str]:
    """The partitions for which there are runs that have not ended."""
    runs = context.instance.get_runs(RunsFilter(job_name=job_name, statuses=list(UNFINISHED)))
    return {run.tags.get(PARTITION_TAG, "") for run in runs}
