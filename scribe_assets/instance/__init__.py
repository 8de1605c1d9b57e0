"""Dagster's instance: where its configuration comes from, where its storage is, and how both are
made anew from S3.

`config` writes the one `dagster.yaml` of an installation and opens its instance, `postgres` is its
storage in PostgreSQL, and `rebuild` fills a new instance. What does not belong here: the processes
that use an instance (`local/`), and what a run or a sensor does with it.
"""
