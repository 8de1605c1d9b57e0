"""The one exception that says: a person has to act, trying again gives the same."""


class PermanentError(Exception):
    """A fault that a retry cannot mend; its message is one sentence: what, where, what to do."""
