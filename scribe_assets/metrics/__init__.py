"""What a monitoring system asks: an installation in numbers, in Prometheus' text format.

`python -m scribe_assets.metrics` is a process of the stack (`local/stack.py` starts it). For each
scrape `collector` asks Dagster's storage what is new since the last one, and remembers the rest:
`runs` knows the state of every recording and the queue, `stages` counts seconds of audio and of
computation, `ticks` tells when the sensors last looked. `devices` asks the hosts of the launcher
and the NVIDIA driver. `faults` sorts errors by their kind.

Not here: S3, the definitions and all that is heavy, so that the process stays small; and nothing
that a recording needs, so that it may end without harm.
"""
