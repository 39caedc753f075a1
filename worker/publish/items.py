"""What is published in bulk, and what is told of it afterwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: So many refusals are kept with their reasons; the rest is counted.
REFUSALS_KEPT: Final = 100


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a task: its arguments, and its id where it is not to be a new one."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    task_id: str | None = None


def as_call(item: object) -> Call:
    """Return an item as a ``Call``: a tuple or list is its arguments, a mapping its keyword ones.

    Raises TypeError.
    """
    if isinstance(item, Call):
        if not isinstance(item.args, tuple | list):
            raise TypeError(f"args: expected a tuple or list, found a {type(item.args).__name__}")
        if not isinstance(item.kwargs, Mapping):
            raise TypeError(f"kwargs: expected a mapping, found a {type(item.kwargs).__name__}")
        return item
    if isinstance(item, tuple | list):
        return Call(item)
    if isinstance(item, Mapping):
        return Call(kwargs=item)
    raise TypeError(
        "expected a tuple or list of arguments, a mapping of keyword arguments or a Call, "
        f"found a {type(item).__name__}"
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that SQS will not take; ``index`` counts from 0."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was published.

    ``next_index`` is the first item that was not looked at: whoever goes on begins there. Of the
    items before it all were sent but the ``refused`` ones, the first hundred of which are in
    ``refusals``, and the ``unconfirmed``: these may be in the queue or not.
    """

    sent: int = 0
    refused: int = 0
    next_index: int = 0
    refusals: tuple[Refusal, ...] = ()
    unconfirmed: tuple[int, ...] = ()

    def __str__(self) -> str:
        counts = [f"{self.sent} sent"]
        if self.refused:
            counts.append(f"{self.refused} refused")
        if self.unconfirmed:
            counts.append(f"{len(self.unconfirmed)} not confirmed")
        return f"{', '.join(counts)}, go on at item {self.next_index}"


class Stopped(Exception):
    """Publishing ended before the last item; ``report`` says what was sent, the cause why."""

    def __init__(self, report: Report, why: str) -> None:
        super().__init__(f"{why}: {report}")
        self.report = report


class WrongItem(Stopped, TypeError):
    """An item that the task cannot be called with; it is the report's ``next_index``."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while publishing; ``report`` says what was sent."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"interrupted: {report}")
        self.report = report
