"""S3: which key holds what, and how it is read and written.

`s3.py` is the resource, `faults.py` explains what S3 says, `embedded.py` knows where the embedded
server is. `layout.py` spells the keys. `recordings.py` and `bank.py` read and write the documents
of a recording and of an identity bank; `io_managers.py` does so for Dagster.

Not here: what the documents look like (`artifacts/`), what is done with them (`library/`,
`assets/`), and how the embedded server is started (`local/`). Of Dagster only `s3.py` and
`io_managers.py` know.
"""
