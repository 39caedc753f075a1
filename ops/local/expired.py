"""Credentials that are over are refused, as AWS refuses them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ops.local.identity import end_of

if TYPE_CHECKING:
    from ops.local.asked import Asked

#: Services that call it otherwise (each one's "Common errors").
_TOKEN: Final = "ExpiredToken"  # noqa: S105  # an error's code
_EXCEPTION: Final = frozenset({"dynamodb", "events", "lambda", "logs", "scheduler", "ssm", "ecs"})


def code_for(question: Asked) -> str | None:
    """Return the code with which a call is refused, None where its key has no end or lasts."""
    end = end_of(question.key)
    if end is None or time.time() < end:
        return None
    return f"{_TOKEN}Exception" if question.service in _EXCEPTION else _TOKEN
