"""What a run needs of "somewhere with a device": `DevicePlace`. And the simplest such place: the
run's own process."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from dagster import DagsterEvent

from scribe_assets.dagster_internals import (
    CapturedLogContext,
    ComputeLogManager,
    ExecutionStep,
    KnownExecutionState,
    PlanExecutionContext,
    dagster_event_sequence_for_step,
)


class DevicePlace(Protocol):
    """Where the steps of one run are executed that need a device."""

    @property
    def is_held(self) -> bool:
        """Whether the run keeps others from the device, so that it should be given back."""

    def announce(self, needed: bool) -> None:
        """Say early whether the run will ask for a device, so that its turn is kept."""

    def capture_logs(
        self, logs: ComputeLogManager, log_key: Sequence[str]
    ) -> AbstractContextManager[CapturedLogContext]:
        """Capture what the run's steps print, wherever they are executed."""

    def acquire(
        self, context: PlanExecutionContext, steps: list[str], known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Wait for a device, unless the run has one; yields what to tell in the run's log.

        Args:
            context: of the run.
            steps: keys of those that will be executed on the device.
            known_state: of the run.
        """

    def execute(
        self, context: PlanExecutionContext, step: ExecutionStep, known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Execute a step; yields its events.

        Raises:
            DeviceWorkerError: the process that executed it has died.
        """

    def release(self, needed_again: bool) -> None:
        """Give the device back; `needed_again` is whether the run will ask once more."""

    def close(self) -> None:
        """Leave, also in the middle of a step."""


class OwnProcess:
    """The run's own process. Its models wait for the lock of the device by themselves."""

    is_held = False

    def announce(self, needed: bool) -> None:
        """Nobody keeps turns here."""

    def capture_logs(
        self, logs: ComputeLogManager, log_key: Sequence[str]
    ) -> AbstractContextManager[CapturedLogContext]:
        """As Dagster does it."""
        return logs.capture_logs(log_key)

    def acquire(
        self, context: PlanExecutionContext, steps: list[str], known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """Nothing to wait for yet."""
        del context, steps, known_state
        return iter(())

    def execute(
        self, context: PlanExecutionContext, step: ExecutionStep, known_state: KnownExecutionState
    ) -> Iterator[DagsterEvent]:
        """As every other step."""
        return dagster_event_sequence_for_step(context.for_step(step, known_state))

    def release(self, needed_again: bool) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""
