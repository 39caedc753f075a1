"""What a node owes on hearing what is wanted of it. Pure: the agent does it, and says so."""

from __future__ import annotations

from dataclasses import dataclass

from ops.registry.word import Heard
from ops.scaling.model import Wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """How a node stands, as its workers say it."""

    receiving: bool
    """Whether any worker of it may receive."""
    idle: bool
    """Nothing runs or is buffered, no poll is open, every acknowledgement is confirmed."""
    held: bool = False
    """Paused by an operator's hand, or on its way out (a drain): not the engine's to resume."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What is to be so now. Doing it twice is harmless."""

    receive: bool
    """Whether its workers are to receive: pause or resume them where they do otherwise."""
    confirm: str = ""
    """The token to confirm now; empty: none."""


def duty(heard: Heard | None, standing: Standing) -> Duty:
    """Return what a node owes; `heard` is None until this process has heard its first answer.

    Until then it does not receive: its termination may have been claimed before it started again.
    What it cannot confirm yet it confirms at a later word, so pausing and confirming are never in
    one step: a task may be on its way while the pause takes hold.
    """
    if heard is None or heard.claimed or heard.wanted is Wanted.END:
        return Duty(receive=False)
    if heard.wanted is Wanted.RUN:
        return Duty(receive=not standing.held)
    quiet = standing.idle and not standing.receiving and not standing.held
    owed = quiet and heard.confirmed != heard.token
    return Duty(receive=False, confirm=heard.token if owed else "")
