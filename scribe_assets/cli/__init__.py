"""`scribe`: the stack, the uploads, the people and the transcripts, from a terminal.

One file a group of commands. A command reads its options, calls a function of `library/` or
`local/`, and prints what it returns. What it calls it imports itself, when it is called: the help,
and whatever is wrong with a command line, are there at once.

Not here: what a command does (`library/`), so that nothing has to be done from a terminal. Nothing
imports this package.
"""

from scribe_assets.cli.app import Command, Commands, app, main

__all__ = ["app", "main"]

STACK = "scribe_assets.local.stack"
PEOPLE = "scribe_assets.library.people"

# In the order of the help.
Commands.known = {
    "up": Command(
        "stack", "Run everything until Ctrl-C: S3, code location, webserver, daemon.", STACK
    ),
    "demo": Command(
        "stack",
        "Enrol two voices, transcribe a sample recording of them, and show the result.",
        STACK,
    ),
    "doctor": Command(
        "stack",
        "Check this installation: settings, versions, disk, weights, GPU, database, S3 and "
        "its rights.",
    ),
    "rebuild": Command(
        "stack",
        "Tell a new or emptied Dagster instance what is in S3 already; nothing is transcribed.",
        STACK,
    ),
    "upload": Command("recordings", "Upload recordings; the sensor finds them."),
    "status": Command("status", "Show how far recordings are."),
    "show": Command("recordings", "Print the transcript of a recording, or write it to a file."),
    "retry": Command(
        "rerun", "Try recordings again that failed, from the stage that failed on.", STACK
    ),
    "rerun": Command(
        "rerun",
        "Process a recording again; with other options, only the stages that read them.",
        STACK,
    ),
    "open": Command(
        "results",
        "Open the transcript in a browser: prints a link to it that works for twelve hours.",
    ),
    "compare": Command(
        "results",
        "Show what has changed since the result before: words, names, and how far apart they are.",
    ),
    "delete": Command(
        "delete",
        "Delete a recording: the upload with its options, all results, its runs in Dagster.",
        STACK,
    ),
    "search": Command(
        "search", "Find what was said, in all recordings. Exit code 1 where nobody said it."
    ),
    "rename": Command("corrections", "Give a speaker a name that lasts."),
    "merge": Command("corrections", "Say that two speakers are one."),
    "correct": Command(
        "corrections", "Put right what was said, who said it, or in which language. It lasts."
    ),
    "corrections": Command(
        "corrections", "List what was put right in a recording, and what of it fits nothing now."
    ),
    "enroll": Command(
        "people",
        "Enrol a voice from files in which only this person speaks, or from a processed recording.",
        "",
    ),
    "people": Command(
        "people",
        "List the people of the identity bank: their samples, and when they were last heard.",
        PEOPLE,
    ),
    "forget": Command(
        "people", "Remove a person's samples and voiceprint, and the name from all results.", PEOPLE
    ),
    "reidentify": Command(
        "people",
        "Decide anew who speaks in all recordings of a user; after another threshold, for example.",
        PEOPLE,
    ),
    "completion": Command(
        "completion",
        'Print the script for completion: `eval "$(scribe completion bash)"` in ~/.bashrc.',
        "",
    ),
}
