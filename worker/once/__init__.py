"""Effects that happen once, whatever comes twice: see docs/howto/once.md."""

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
