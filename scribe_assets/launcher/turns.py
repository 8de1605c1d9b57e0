"""Between runs and workers: carries out what the scheduler decides, and tells each what became of
the other."""

import logging
import time

from scribe_assets.launcher.connections import tell
from scribe_assets.launcher.messages import DeviceStatus, Granted, Waiting, WorkerDied
from scribe_assets.launcher.runs import Run, Runs
from scribe_assets.launcher.scheduler import schedule
from scribe_assets.launcher.workers import DeadWorker, Device, Workers

logger = logging.getLogger("scribe.launcher")

START_AGAIN_SECONDS = 15.0
"""When to try again to start a worker, where the system did not allow it."""


class Turns:
    """See the module.

    Args:
        runs: all runs of the host.
        workers: all workers of the host.
    """

    def __init__(self, runs: Runs, workers: Workers) -> None:
        self._runs = runs
        self._workers = workers
        self._start_again = 0.0
        """Not before this time, on the steady clock, a worker is started again."""
        self._missing = ""
        """A sentence on why devices are not there, if any should be."""

    def offer(self, names: list[str], missing: str) -> None:
        """Use these devices of other machines from now on.

        Args:
            names: of the devices.
            missing: a sentence on why there are no more; empty where none are missed.
        """
        if missing != self._missing:
            logger.info("%s", missing or f"devices of the cluster: {', '.join(names)}")
            for run in self._runs.under_way.values():
                run.told_to_wait = False
        self._missing = missing
        self._workers.offer(names)

    def hear_run(self, run: Run) -> None:
        """Take a message of a run."""
        if self._runs.hear(run, time.monotonic()) and run.device:
            self._workers.devices[run.device].released = True
            run.device = None

    def run_ended(self, run: Run) -> None:
        """See to the device of a run whose process has ended, and to the run."""
        while self._runs.last_messages(run):
            self.hear_run(run)
        if run.device:  # its worker is in the middle of a step, for nobody
            self._workers.end(self._workers.devices[run.device])
        self._runs.ended(run)

    def hear_worker(self, device: Device) -> None:
        """Take a message of a worker, or its end."""
        run = self._runs.under_way.get(device.run_id or "")
        dead = self._workers.hear(device)
        if dead:
            self._worker_died(device, dead)
        elif run and device.run_id is None and run.device == device.name:
            run.device = None  # it left without a word

    def _worker_died(self, device: Device, dead: DeadWorker) -> None:
        """Tell the run that it served, or the first one in line if it could not even start."""
        run = self._runs.under_way.get(dead.run_id or "")
        if dead.never_ready:
            asking = (r for r in self._runs.under_way.values() if r.waiting_since is not None)
            run = min(asking, key=lambda run: run.place, default=None)
        if run is None:
            return
        logger.error("%s; see %s", dead.description, self._workers.log(device))
        # While it works for a run, what it prints goes into that run's log.
        words = dead.log_tail if dead.never_ready else self._runs.last_words(run.run_id)
        self._tell_died(run, f"{dead.description}.\n{words}" if words else f"{dead.description}.")

    def _tell_died(self, run: Run, why: str) -> None:
        run.waiting_since = run.device = None
        if run.connection:
            tell(run.connection, WorkerDied(why))

    def assign(self) -> None:
        """Do what the scheduler says."""
        now = time.monotonic()
        plan = schedule(
            [run.view() for run in self._runs.under_way.values()],
            [device.view() for device in self._workers],
            now,
        )
        for run_id, name in plan.grants.items():
            self._grant(self._runs.under_way[run_id], self._workers.devices[name])
        waiting = [self._runs.under_way[run_id] for run_id in plan.waiting]
        for name in plan.starts if now >= self._start_again else ():
            try:
                self._workers.start(self._workers.devices[name])
            except OSError as error:  # a full disk once ended all runs; it passes, they wait
                logger.exception("the worker of %s could not be started", name)
                self._start_again = now + START_AGAIN_SECONDS
                for run in waiting:
                    self._tell_to_wait(run, f"the worker on {name} cannot be started: {error}")
                return
        self._tell_waiting(waiting)

    def _grant(self, run: Run, device: Device) -> None:
        assert run.connection is not None and device.worker is not None  # noqa: S101, PT018
        served = device.grants
        address = str(self._workers.address(device))
        tell(run.connection, Granted(device.name, address, device.worker.pid, served))
        run.waiting_since = None
        run.device = device.name
        self._workers.grant(device, run.run_id)

    def _tell_waiting(self, waiting: list[Run]) -> None:
        occupants = [f"{device.name} {self._doing(device)}" for device in self._workers]
        if self._missing:
            occupants.append(self._missing)
        for ahead, run in enumerate(waiting):
            if not run.told_to_wait:
                self._tell_to_wait(run, f"{'; '.join(occupants)}; {ahead} runs before")

    def _tell_to_wait(self, run: Run, why: str) -> None:
        run.told_to_wait = True
        if run.connection:
            tell(run.connection, Waiting(f"Waiting for a device: {why}"))

    def _doing(self, device: Device) -> str:
        run = self._runs.under_way.get(device.run_id or "")
        return self._workers.doing(device, run.partition if run else None)

    def devices(self) -> list[DeviceStatus]:
        """What each device is doing, for `scribe status`."""
        runs = self._runs.under_way
        return [
            DeviceStatus(
                device=device.name,
                doing=self._doing(device),
                worker=device.worker.pid if device.worker else None,
                run_id=device.run_id,
                partition=runs[device.run_id].partition if device.run_id in runs else None,
            )
            for device in self._workers
        ]
