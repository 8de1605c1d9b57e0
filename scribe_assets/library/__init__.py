"""The use cases: what people do with recordings and with an identity bank.

The command line calls these functions, and so does everything else that people or programs use
Scribe by. They take a storage and plain values, return plain values, and raise the errors of
`errors.py`, whose messages are sentences for people.

Not here: anything that prints, asks or draws (`cli/`), anything of Dagster (`assets/`, `sensors/`),
models and signal processing (`speech/`), and which key holds what (`storage/`).
"""
