"""Scribe on one machine: the embedded S3 server, Dagster's processes, and what may be wrong.

`stack` starts, watches and stops them together, `parts` knows how each is started; `scribe up` and
the demo do no more than that. What does not belong here: anything that a run, a sensor or the web
server needs. Nothing but the command line imports this, so that an installation with servers of its
own does without it.
"""
