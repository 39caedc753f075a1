"""Whether the node is to receive, why not, and what its workers are told for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.node.actions import Tell
from ops.node.departing import WARM
from ops.node.duty import Standing, duty
from ops.node.seen import AGENT
from ops.scaling.model import Wanted

if TYPE_CHECKING:
    from ops.node.memory import Memory
    from ops.node.roll import Roll
    from ops.node.sight import Noticed
    from ops.registry.word import Heard


@dataclass(frozen=True, slots=True)
class Stance:
    """What is to be so now."""

    kept: str = ""
    """Why the agent keeps the workers from receiving; empty: it does not."""
    held: str | None = None
    """Why an operator does; None: none does."""
    confirm: str = ""
    """The token to confirm; empty: none."""
    warm: bool = False
    """The node waits in its group's warm pool, and is no node yet."""

    @property
    def receives(self) -> bool:
        """Whether its workers are to receive."""
        return not self.kept and self.held is None


def stance(memory: Memory, noticed: Noticed | None, now: float) -> Stance:
    """Return what is to be so, by what is known."""
    roll, heard = memory.roll, memory.speech.believed(now)
    warm = noticed is not None and noticed.target in WARM
    if memory.leaves is not None:
        return Stance(f"leaving: {memory.leaves.why}", roll.held, warm=warm)
    if warm:
        return Stance("in the warm pool", roll.held, warm=True)
    if duty(heard, Standing(roll.receiving, roll.quiet)).receive:
        return Stance(held=roll.held)
    held = roll.held is not None or any(each.others for each in roll.now)
    owed = duty(heard, Standing(roll.receiving, roll.quiet, held))
    # What is confirmed must hold also for a worker that starts the next moment.
    confirm = owed.confirm if memory.marked is not None else ""
    return Stance(_why(heard), roll.held, confirm)


def _why(heard: Heard | None) -> str:
    if heard is None:
        return "the registry has not answered yet"
    if heard.claimed or heard.wanted is Wanted.END:
        return "its end is claimed"
    return "the scaling engine asks for it"


def orders(now: Stance, roll: Roll) -> list[Tell]:
    """Return the pauses and resumes that are still to be told. Drains are `departing`'s."""
    told = []
    for each in roll.now:
        if not each.answers or each.ending:
            continue
        if now.receives and each.ours:
            told.append(Tell(each.pid, "resume", f"{AGENT}it may receive"))
        elif not now.receives and each.phase != "paused":
            reason = f"{AGENT}{now.kept}" if now.kept else now.held or "held"
            told.append(Tell(each.pid, "pause", reason))
    return told
