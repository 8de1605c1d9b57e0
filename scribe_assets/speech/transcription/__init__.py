"""What is said, with the time of each word, by faster-whisper.

    transcribe  the call that everybody makes
    model       finding and loading a Whisper model
    languages   which language a recording, and each block of it, is in
    decoding    blocks of speech decoded side by side
    inventions  what Whisper makes up, found and removed

What does not belong here: who says it (see `fusion`), and where speech is (see `activity`).
"""
