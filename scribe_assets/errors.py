"""All errors of Scribe, as one tree.

    ScribeError
    ├── PermanentError            a person has to act; trying again gives the same
    │   ├── SettingsError         an environment variable is wrong
    │   ├── UsageError            what a person asks for cannot be done
    │   ├── StackError            a process of the stack did not start, or ended
    │   ├── MediaError            an upload or a sample is not usable audio or video
    │   ├── DocumentError         a JSON document is not what it should be
    │   ├── VersionError          artifacts are of different versions of an upload
    │   ├── MissingObjectError    an object that should be in S3 is not there
    │   └── StorageRefusedError   S3 refuses: credentials, rights, an unknown bucket, an archive
    │       └── KeyTooLongError       no object can be called so
    └── PassingError              a later try may succeed
        ├── StorageUnavailableError   S3 does not answer, or not well
        │   └── BrokenOffError        an object arrived only in part
        ├── OverwrittenError          an upload was replaced while it was being converted
        ├── CorrectedError            a result was corrected while it was being made
        └── DeviceWorkerError         the process that executed a step has died

The message of an error is a sentence for people: what is wrong, where, and what to do. Assets turn
a `PermanentError` into a run that fails once (`failures.py`); everything else is tried again.
"""


class ScribeError(Exception):
    """The root of all errors of Scribe."""


class PermanentError(ScribeError):
    """A fault that a retry cannot mend; its message is one sentence: what, where, what to do."""


class SettingsError(PermanentError):
    """One or more environment variables are wrong; the message has a line for each."""


class UsageError(PermanentError):
    """What a person asks for cannot be done; the message says why."""


class StackError(PermanentError):
    """A process of the stack did not start or has ended; the message names it and its log."""


class MediaError(PermanentError):
    """The file is not usable audio or video; the message says why."""


class DocumentError(PermanentError):
    """A JSON document is not what it should be; the message says where."""


class VersionError(PermanentError):
    """Artifacts are of different versions of an upload; the message says what to materialise."""


class MissingObjectError(PermanentError):
    """An object that should be in S3 is not there."""


class StorageRefusedError(PermanentError):
    """S3 does not accept the credentials, does not hand out this object, or has no such bucket."""


class KeyTooLongError(StorageRefusedError):
    """The key is longer than S3 allows, so that there is no such object."""


class PassingError(ScribeError):
    """A fault that may be over at the next try."""


class StorageUnavailableError(PassingError):
    """S3 does not answer, or not well."""


class BrokenOffError(StorageUnavailableError):
    """An object arrived only in part: the connection broke, or the object was just replaced."""


class OverwrittenError(PassingError):
    """An upload was replaced while it was being converted; the next try takes the newer one."""


class CorrectedError(PassingError):
    """A result was corrected while it was being made; the next try has the correction."""


class DeviceWorkerError(PassingError):
    """The process that executed a step on a device has died, or could not execute the step."""
