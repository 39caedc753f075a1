"""What ends an `ops` command, and the exit code it ends with."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every `ops` command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    """A wrong command line, or a manifest that cannot be used."""
    DRIFTED = 3
    """Unhealthy, or not as the manifest wants it."""
    INTERRUPTED = 130
    """Ctrl-C: 128 + SIGINT, as shells count."""


class OpsError(Exception):
    """An end that a person can act on; `str()` is the text to show, usually one line."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message, code)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message
