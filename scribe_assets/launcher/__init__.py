"""From Dagster's queue to the device: the run launcher, its host, the warm workers, the lease.

`GpuRunLauncher` (in the daemon) hands a run to the `host`, which forks a process for it; the run's
`executor` asks the host for a device and sends its heavy steps to the `worker` that owns one by a
`lease`.
"""

from scribe_assets.launcher.launcher import GpuRunLauncher

__all__ = ["GpuRunLauncher"]
