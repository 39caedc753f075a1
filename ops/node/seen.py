"""A worker of the node as it says it is, read out of its status. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from worker.drain import Phase

#: What the agent's own pauses begin with; every other pause is somebody's who lifts it himself.
AGENT: Final = "agent: "

_ENDING: Final = (Phase.DRAINING, Phase.LEAVING)
_STOPPED: Final = frozenset({"paused", "draining"})
_LIST_AT_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """One worker at one look. Ages are seconds before the look."""

    pid: int
    trouble: str = ""
    """Why it does not answer; all that follows is then unknown."""
    phase: str = ""
    """`starting`, or one of `worker.drain.Phase`."""
    reason: str = ""
    release: str = ""
    slots: int = 0
    """0 while it does not consume."""
    busy: int = 0
    stopped: bool = False
    """No poll is open, and none is opened."""
    holding: bool = False
    """Something keeps it from polling: an order, or acknowledgements that do not get through."""
    quiet: bool = False
    """Stopped, and nothing is held, run or unacknowledged: nothing comes any more."""
    last_poll_age: float | None = None
    last_poll_error_age: float | None = None
    ailments: tuple[str, ...] = ()
    stuck: bool = False
    """A new start of it would mend one of them."""
    deadline: float | None = None
    """Seconds from the look to the end of its drain."""
    spot: bool = False
    ages: tuple[float, ...] = ()
    """Of its running tasks."""
    leased: int = 0
    """Its running tasks whose messages no other worker may have."""
    begun: int = 0
    recent: tuple[tuple[float, float], ...] = ()
    """Times of ends since the epoch, and seconds ran."""
    waits: tuple[tuple[int, float], ...] = ()
    """As `worker.lately.Lately.status` has them."""

    @property
    def answers(self) -> bool:
        """Whether it told how it is."""
        return not self.trouble

    @property
    def ending(self) -> bool:
        """Whether it drains or leaves."""
        return self.phase in _ENDING

    @property
    def ours(self) -> bool:
        """Whether it is paused by the agent."""
        return self.phase == Phase.PAUSED and self.reason.startswith(AGENT)

    @property
    def others(self) -> bool:
        """Whether it is paused by somebody else."""
        return self.phase == Phase.PAUSED and not self.ours

    @property
    def listens(self) -> bool:
        """Whether it should be polling: it consumes, has a free slot and is not kept from it."""
        return self.phase == Phase.RUNNING and self.busy < self.slots and not self.holding

    def waited_since(self, begun: int) -> float | None:
        """Return the longest wait among the tasks started after the `begun`-th; None: none."""
        return next((waited for number, waited in self.waits if number > begun), None)


def seen(pid: int, said: Mapping[str, Any]) -> Seen:
    """Read a status; one of an older release lacks some of it. What is no status is a trouble."""
    if said.get("ok") is not True:
        return Seen(pid, trouble=str(said.get("error") or "no status")[:500])
    try:
        return _read(pid, said)
    except (KeyError, TypeError, ValueError) as error:
        return Seen(pid, trouble=f"its status cannot be read: {type(error).__name__}: {error}")


def _read(pid: int, said: Mapping[str, Any]) -> Seen:
    common: dict[str, Any] = {
        "pid": pid,
        "phase": str(said["phase"]),
        "reason": str(said.get("reason") or ""),
        "release": str(said.get("release") or ""),
        "ailments": tuple(str(each) for each in said.get("ailments", ())),
        "deadline": _number(said.get("deadline_in_seconds")),
        "spot": said.get("spot") is True,
    }
    if "slots" not in said:
        return Seen(**common)
    stopped = bool(_STOPPED & set(said["holding"])) and int(said["open_polls"]) == 0
    nothing = int(said["held"]) == 0 and int(said["unacknowledged"]) == 0
    tasks = said["tasks"][:_LIST_AT_MOST]
    return Seen(
        **common,
        slots=int(said["slots"]),
        busy=int(said["busy"]),
        stopped=stopped,
        holding=bool(said["holding"]),
        stuck=said.get("restart_helps") is True,
        quiet=stopped and nothing and int(said["busy"]) == 0,
        last_poll_age=_number(said["last_poll_age_seconds"]),
        last_poll_error_age=_number(said.get("last_poll_error_age_seconds")),
        ages=tuple(max(0.0, float(task["age_seconds"])) for task in tasks),
        leased=sum(task.get("lease_lost") is not True for task in tasks),
        begun=int(said.get("begun", 0)),
        recent=tuple((float(at), float(ran)) for at, ran in said.get("recent", ())),
        waits=tuple((int(n), float(waited)) for n, waited in said.get("waits", ())),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
