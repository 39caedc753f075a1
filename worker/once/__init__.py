"""Effects that happen once, whatever comes twice: see docs/howto/once.md."""

from typing import TYPE_CHECKING, Any

from worker.once.errors import (
    BadKey,
    Busy,
    LostClaim,
    NotNow,
    OnceError,
    ResultNotKept,
    Unavailable,
    Unusable,
)

if TYPE_CHECKING:
    from worker.once.run import once

__all__ = [
    "BadKey",
    "Busy",
    "LostClaim",
    "NotNow",
    "OnceError",
    "ResultNotKept",
    "Unavailable",
    "Unusable",
    "once",
]


def __getattr__(name: str) -> Any:
    # It needs Celery and boto3, which who only asks how the table is made need not wait for.
    if name == "once":
        from worker.once.run import once  # noqa: PLC0415

        return once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
