"""The tags that Scribe puts on steps and runs, and the priorities, with their reasons.

Tags are how a run tells people, the queue and the launcher what it is about. Nothing here imports
Dagster: the names that begin with `dagster/` are Dagster's own, and documented by it.
"""

PARTITION_TAG = "dagster/partition"
"""Of a run: the key of its partition."""

PRIORITY_TAG = "dagster/priority"
"""Of a run or a step: a whole number; the higher comes first."""

MAX_RETRIES_TAG = "dagster/max_retries"
"""Of a run: how often it is tried again in all, instead of `run_retries.max_retries`."""

RETRY_FAILED_STEPS_TAG = "dagster/retry_on_asset_or_op_failure"
"""Of a run: whether it is tried again where a step has failed, instead of `run_retries`. Its retry
inherits it."""

WILL_RETRY_TAG = "dagster/will_retry"
"""Of a failed run: whether the daemon tries it again; written after the failure itself."""

PARENT_RUN_ID_TAG = "dagster/parent_run_id"
"""Of a run that repeats another one: that other run."""

RETRY_NUMBER_TAG = "dagster/retry_number"
"""Of a run that the daemon started because another one failed: which try it is. A run that somebody
repeats by hand does not have it."""

RUN_KEY_TAG = "dagster/run_key"
"""Of a run that a sensor asked for: the key of that request."""

DATA_VERSION_TAG = "dagster/data_version"
"""Of a materialization or an observation: what stands for the content."""

DATA_VERSION_IS_GIVEN_TAG = "dagster/data_version_is_user_provided"
"""Of the same, `true`: Dagster has not made that up itself."""

CODE_VERSION_TAG = "dagster/code_version"
"""Of a materialization: with what it was made."""

INPUT_VERSION_TAG = "dagster/input_data_version"
INPUT_EVENT_TAG = "dagster/input_event_pointer"
"""Of a materialization, each with `/` and the name of an input behind it: the input's data version,
and the number of the event that told of it (`NULL`: none did)."""

DEVICE_TAG = "scribe/device"
"""Of a step: it computes on the device. Of a run: the device that it was given."""

ON_DEVICE = {DEVICE_TAG: "true"}
"""For the `op_tags` of an asset whose step computes on the device."""

PROCESS_TAG = "scribe/process"
"""Of a run: the `ProcessIdentity` that executes it."""

LOST_TAG = "scribe/lost"
"""Of a run: how often it, or the run that it repeats, went down with Scribe or the machine."""

USER_TAG = "scribe/user"
UPLOAD_TAG = "scribe/upload"
ETAG_TAG = "scribe/etag"
JOB_ID_TAG = "scribe/job_id"
"""Of a run of a recording: whose it is, the key and the ETag of the upload, and the client's own
word for the job."""

ASKED_TAG = "scribe/asked"
"""Of a run of a recording that a person asked for: it is done, whatever there is already."""

BANK_VERSION_TAG = "scribe/bank_version"
"""Of a run that renames speakers: the version of the user's identity bank that it was asked for,
and the number of that change. A retry has it, too: Dagster copies the tags of the failed run."""

REFRESH_PEOPLE_PRIORITY = "10"
"""Of a run that renames speakers: somebody waits for the name, and it takes seconds."""

CONVERSION_PRIORITY = "4"
"""Of a step within its run: conversion comes first, as everything else needs its result."""

DIARIZATION_PRIORITY = "3"
"""Before transcription: two more stages need its result, transcription's is needed by none but the
last one."""

VOICES_PRIORITY = "2"
"""Embedding and naming speakers: short, and done while the device is still held."""

TRANSCRIPTION_PRIORITY = "1"
"""Last of the stages on the device, as it takes longest and only the result waits for it."""
