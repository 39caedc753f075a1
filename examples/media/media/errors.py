"""What can go wrong, each error with its place, what was expected, what was found, the remedy."""

from typing import Self


class MediaError(Exception):
    """Base of every error of this service. Its one argument is the whole text.

    One string argument, so that the error survives pickling between a pool's processes.
    """

    @classmethod
    def at(cls, place: str, *, expected: str, got: str, remedy: str) -> Self:
        """Return the error worded as `place: expected ..., got ...; remedy`."""
        return cls(f"{place}: expected {expected}, got {got}; {remedy}")


class SettingsError(MediaError):
    """An environment variable of the service has a value it cannot have."""


class InputError(MediaError):
    """A task's argument, or the file it names, is not acceptable. Trying again will not help."""


class TranscodeError(MediaError):
    """ffmpeg did not do what was asked of it. Carries the last lines it wrote."""


class MailRefusedError(MediaError):
    """The mail server refused for good (a 5xx answer). Trying again will not help."""


class MailUnavailableError(MediaError):
    """The mail server could not be reached, or refused for now (a 4xx answer)."""
