"""Media files: what is in them, and their sound as samples on their own timeline.

limits     what one file may take of this machine
formats    which containers are opened at all
part       bytes that are a media file by themselves, and what its header should say
chunks     the parts of WAV, AIFF, CAF and the like
matroska   those of Matroska and WebM
streams    those of MPEG-TS and MPEG-PS
parts      joined files, and headers that are wrong about their length, of all containers
probing    container, tracks, and where the timeline begins
ffmpeg     the process that decodes, and its bounds
clock      where samples belong on the timeline
decoding   every channel of every audio track as 16 kHz samples
audio      converted audio, as everybody reads it
smaller    the same in a file to send
"""

from scribe_assets.speech.media.audio import (
    SAMPLE_RATE,
    SPEECH_BANDS,
    AudioFile,
    SoundLevels,
    Waveform,
    cut,
    load,
    sound_levels,
)
from scribe_assets.speech.media.ffmpeg import ffmpeg_binary

__all__ = [
    "SAMPLE_RATE",
    "SPEECH_BANDS",
    "AudioFile",
    "SoundLevels",
    "Waveform",
    "cut",
    "ffmpeg_binary",
    "load",
    "sound_levels",
]
