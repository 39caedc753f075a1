"""What is to be done, and what became of it: plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ops.scaling.model import Action, Group

LAPSED: Final = "the lease has lapsed"

Result: TypeAlias = Literal["done", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an action."""

    action: Action
    result: Result
    """`refused`: nothing was changed; `unknown`: it may have been."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done for one queue; `group` as it was read, None where it is unknown."""

    queue: str
    runtime: Literal["ec2", "ecs"]
    group: Group | None
    actions: Sequence[Action]
