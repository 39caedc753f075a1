"""What `once` raises."""

from __future__ import annotations


class OnceError(Exception):
    """The base of what `once` raises; `str()` is one line that names the key or the table."""


class BadKey(OnceError, ValueError):
    """A key that cannot be one. Nothing was done."""


class Unusable(OnceError):
    """The fleet's table cannot be used, and trying again will not help. Nothing was done."""


class NotNow(OnceError):
    """Nothing was done, and a later try may succeed.

    A task lets Celery try again, which costs no slot meanwhile: `autoretry_for=(NotNow,)`.
    """


class Busy(NotNow):
    """Another run of the same key has not finished, and the wait for it is over."""


class Unavailable(NotNow):
    """DynamoDB could not be asked in time."""


class LostClaim(OnceError):
    """The effect has happened, but another run took the claim over meanwhile and is at work.

    The message is that other run's now: this one should end.
    """


class ResultNotKept(OnceError):
    """The effect has happened in an earlier run, whose result is not at hand. Nothing was done."""
