"""The stack on this machine: the embedded S3 server and Dagster's processes."""
