"""What is said, with the time of each word, by faster-whisper.

    transcribe  the call that everybody makes
    model       finding and loading a Whisper model
    languages   which language a recording, and each block of it, is in
    decoding    blocks of speech, each decoded as faster-whisper decodes a recording
    fallback    another try at a window that the model is not sure of, without chance
    coverage    speech without words, decoded again
    inventions  what Whisper makes up, found and removed

What does not belong here: who says it (see `fusion`), and where speech is (see `activity`).
"""
