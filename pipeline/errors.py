"""What went wrong, in one line a person can act on."""


class RotationError(Exception):
    """A problem of input, settings or machine. The message says what happened and what to do next."""
