"""Voices as points, and whose voice it is.

    voice           plain data: a speaker's voice, a sample, a voiceprint, a decision
    networks        WeSpeaker's networks as pyannote models
    embedding       loading such a model, and embedding speech with it
    samples         samples of people and the speakers of recordings, embedded
    enrolment       whether samples and people of a bank have the voices they should have
    identification  the decision who a speaker is, among those who are enrolled

What does not belong here: who speaks when (see `diarization`), and where samples and voiceprints
are kept.
"""
