"""Self-hosted transcription with names, as a Dagster data-asset pipeline."""

__version__ = "0.1.0"
