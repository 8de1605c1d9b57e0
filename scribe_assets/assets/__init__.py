"""The assets of Dagster, one file each: a typed artifact in, a call of the domain, a typed artifact
and metadata out.

`recording/` has the stages of a recording, `people/` what is made of a user's identity bank,
`external.py` what Scribe reads and others write, `stage.py` what all stages have in common.

Not here: how anything is computed (`speech/`), which key holds what (`storage/`), what the command
line does too (`library/`), and what must hold of a result (`checks/`). Nothing here knows the
launcher: the tags of a step say that it needs a device (`tags.py`).
"""
