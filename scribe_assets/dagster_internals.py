"""Every name of Dagster that is not part of its public interface, each with why it is needed.

Nothing else in the package imports from `dagster._…` (a test sees to it), and
`unit/test_dagster_internals.py` names all that is missing after an upgrade. What was tried instead,
and what it costs, is in docs/decisions/0010-dagster-internals.md.
"""

# An executor of our own: Dagster publishes `@executor`, but not the class it has to return, nor the
# loop that keeps a run's plan, retries and hooks, which is the same for every executor.
from dagster._cli.api import recon_job_from_origin as reconstructable_job
from dagster._core.definitions.reconstruct import ReconstructableJob

# When a sensor last looked, and how it failed; Dagster's UI asks so, and nothing public does.
from dagster._core.definitions.run_request import InstigatorType

# The type of what a sensor may ask to be run; only for annotations.
from dagster._core.definitions.target import ExecutableDefinition

# What ends a run that was terminated, in a way that the run is "canceled" and not "failed".
from dagster._core.errors import DagsterExecutionInterruptedError, DagsterLaunchFailedError

# Dagster's own notes in a run's log ("waiting for a device", "got cuda:0").
from dagster._core.events import EngineEventData

# Executing a run in a process that is there already; `dagster api execute_run` makes a new one.
from dagster._core.execution.api import (
    ExecuteRunWithPlanIterable,
    create_execution_plan,
    execute_run_iterator,
)

# What a step prints goes into the run's log, also from the worker that executes it.
from dagster._core.execution.compute_logs import create_compute_log_file_key, redirect_to_file
from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import (
    _trigger_hook as trigger_hook,
)
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.executor.base import Executor

# The instance of the daemon, opened again in the host and in the workers.
from dagster._core.instance.ref import InstanceRef

# A run launcher of our own: Dagster documents that one may be written; its base class is here.
from dagster._core.launcher.base import (
    CheckRunHealthResult,
    LaunchRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._core.origin import JobPythonOrigin
from dagster._core.scheduler.instigation import TickStatus

# Three things that Dagster does anew for every event and that we let it remember: see
# `launcher/shortcuts.py`.
from dagster._core.storage import sql as storage_sql
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeLogManager
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.runs.sqlite import sqlite_run_storage

# Dagster's objects as text, to hand them from process to process.
from dagster._serdes import ConfigurableClass, deserialize_value, serialize_value
from dagster._serdes.config_class import ConfigurableClassData
from dagster._utils import ensure_file, touch_file

# The error of a failed step, with its causes; only for annotations.
from dagster._utils.error import SerializableErrorInfo, serializable_error_info_from_exc_info
from dagster._utils.interrupts import check_captured_interrupt

__all__ = [
    "ActiveExecution",
    "CapturedLogContext",
    "CheckRunHealthResult",
    "ComputeLogManager",
    "ConfigurableClass",
    "ConfigurableClassData",
    "DagsterExecutionInterruptedError",
    "DagsterLaunchFailedError",
    "EngineEventData",
    "ExecutableDefinition",
    "ExecuteRunWithPlanIterable",
    "ExecutionPlan",
    "ExecutionStep",
    "Executor",
    "InstanceConcurrencyContext",
    "InstanceRef",
    "InstigatorType",
    "JobPythonOrigin",
    "KnownExecutionState",
    "LaunchRunContext",
    "LocalComputeLogManager",
    "PlanExecutionContext",
    "PlanExecutionContextManager",
    "PlanOrchestrationContext",
    "ReconstructableJob",
    "RetryMode",
    "RunLauncher",
    "SerializableErrorInfo",
    "TickStatus",
    "WorkerStatus",
    "check_captured_interrupt",
    "create_compute_log_file_key",
    "create_execution_plan",
    "dagster_event_sequence_for_step",
    "deserialize_value",
    "ensure_file",
    "execute_run_iterator",
    "get_retries_config",
    "reconstructable_job",
    "redirect_to_file",
    "serializable_error_info_from_exc_info",
    "serialize_value",
    "sqlite_event_log",
    "sqlite_run_storage",
    "storage_sql",
    "touch_file",
    "trigger_hook",
]
