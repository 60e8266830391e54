"""What went wrong, in one line a person can act on."""


class RotationError(Exception):
    """A problem of input, settings or machine. The message says what happened and what to do next."""


class FileError(RotationError):
    """A file that people write (config, SQL, claims) is wrong; the message names file, line and field."""
