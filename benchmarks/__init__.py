"""Measurements: accuracy and speed. They print tables and write JSON to `benchmarks/results`."""
