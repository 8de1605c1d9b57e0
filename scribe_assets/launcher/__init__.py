"""From Dagster's queue to the device.

`GpuRunLauncher` (`launcher`, in the daemon) hands a run to a host, which it finds or starts by
`hosts`. The `host` is one process with one thread and the definitions loaded: `runs` forks a
process for each run, `workers` starts the one process that owns a device, `scheduler` says who is
next, and `turns` carries that out. In a run's process the `executor` executes the steps, those that
need a device at a `device_place`: through `hosted_device`, in the `worker`, which executes `steps`.
They talk in `messages` over `connections`. The workers of `ray` let an actor on another machine
execute them. `lease` is the kernel lock of a device, `host_lock` that of a host, `liveness` that of
a run.

What does not belong here: anything about recordings, speech or S3. A job that only sleeps is
launched in the same way (the tests do so). What is tied to one machine is in `connections`,
`processes` and the locks.

What others need of it is imported from here; README.md beside this file says how.
"""

from scribe_assets.launcher.devices import using_device
from scribe_assets.launcher.executor import device_executor
from scribe_assets.launcher.launcher import GpuRunLauncher
from scribe_assets.tags import ON_DEVICE

__all__ = ["ON_DEVICE", "GpuRunLauncher", "device_executor", "using_device"]
