"""Tests: unit/ in seconds, integration/ with real models and real S3, e2e/ with the whole stack."""
