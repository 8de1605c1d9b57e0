"""`scribe`: the stack, the uploads, the people and the transcripts, from a terminal.

One file a group of commands. A command reads its options, calls a function of `library/` or
`local/`, and prints what it returns.

Not here: what a command does (`library/`), so that nothing has to be done from a terminal. Nothing
imports this package.
"""

from scribe_assets.cli import corrections, people, recordings, search, stack
from scribe_assets.cli.app import app, main

__all__ = ["app", "main"]

# In the order of the help.
for command in (
    stack.up,
    stack.demo,
    stack.doctor,
    stack.rebuild,
    recordings.upload,
    recordings.status,
    recordings.show,
    search.search,
    corrections.rename,
    corrections.merge,
    corrections.correct,
    corrections.corrections,
    people.enroll,
    people.people,
    people.forget,
    people.reidentify,
):
    app.command()(command)
