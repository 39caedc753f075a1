"""One API call as the server sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tests.sqs.errors import SqsError
from tests.sqs.polls import Poll

Parameters = dict[str, Any]
Result = dict[str, Any]


class EntryFault(Protocol):
    """Decides which entries of a batch fail, whatever they ask for."""

    def failure(self, index: int) -> tuple[SqsError, bool] | None:
        """The error and SenderFault of the batch's entry number ``index``; None to let it be."""


@dataclass(slots=True)
class Call:
    """Who asks for what. ``started_at`` is monotonic seconds, not turned by the clock."""

    action: str
    parameters: Parameters
    queue_name: str
    access_key_id: str
    region: str
    user_agent: str
    started_at: float
    is_open: Callable[[], bool]
    entry_fault: EntryFault | None = None
    poll: Poll | None = None

    @property
    def entries(self) -> int:
        """How many batch entries the call has; 1 for what is not a batch."""
        entries = self.parameters.get("Entries")
        return len(entries) if isinstance(entries, list) else 1
