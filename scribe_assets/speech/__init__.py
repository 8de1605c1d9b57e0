"""The domain: from sound to who said what when. Arrays and dataclasses in and out.

    media           any audio or video to 16 kHz mono, and reading it
    activity        where anybody speaks
    diarization/    who speaks when, as SPEAKER_00, SPEAKER_01, …
    voices/         embeddings of voices, and whose voice it is
    transcription/  what is said
    tracks/         which tracks and channels hold which speakers, and mono audio made of them
    fusion          who said what: words and turns put together
    engine/         which weights, on which device, and which models stay in memory
    timeline, words, progress, compute    what all of these share

What does not belong here: Dagster, S3, paths and settings of ours, and how documents look.
Everything heavy (torch, pyannote, faster-whisper, WeSpeaker, av, scipy, soundfile) is imported
inside the functions that need it, so that importing this package is quick and takes no memory.
"""
