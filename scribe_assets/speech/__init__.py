"""The domain: arrays and dataclasses in and out.

Plain Python that knows no Dagster, no S3 and no path of ours. Everything heavy (torch, pyannote,
faster-whisper, WeSpeaker) is imported inside the functions that need it.
"""
