"""Parts of an agent's sight, as tests of what it decides need them."""

from __future__ import annotations

from random import Random
from typing import Any, TypeVar

from ops.node.actions import Action, Say
from ops.node.memory import Memory, Settings, fresh
from ops.node.seen import Seen
from ops.node.sight import Kind, Lane, Looked, Noticed, Place, Result, Sight
from ops.node.steps import steps
from ops.registry.word import Heard
from ops.scaling.model import Wanted

T = TypeVar("T", bound=Action)

WALL = 1_795_000_000.0
PLACE = Place("i-1", Kind.INSTANCE, "media-video")
SETTINGS = Settings("media", "video", slots=4, drain_budget_seconds=600, heartbeat_seconds=300)
RUNNING = Seen(7, phase="running", slots=4, last_poll_age=1.0)
OURS = "agent: the scaling engine asks for it"
PAUSE = Heard(Wanted.PAUSE, "t1")
CLAIMED = Heard(Wanted.END, "t1", claimed=True)


def paused(**more: Any) -> Seen:
    """A worker that the agent paused, and that has come to rest."""
    common = {"phase": "paused", "reason": OURS, "slots": 4, "stopped": True, "quiet": True}
    return Seen(**{"pid": 7, **common, **more})


class World:
    """An agent's steps, one after the other, with what it is told in between."""

    def __init__(self, *workers: Seen, memory: Memory | None = None) -> None:
        self.now = 1000.0
        self.memory = fresh(self.now) if memory is None else memory
        self.workers = workers
        self.held: str | None = None
        self.place: Place | None = PLACE
        self.target: str | None = "InService"
        self.noticed = True
        """Whether the metadata service has answered at all."""
        self.spot: tuple[bool, float | None] = (False, None)
        self.heard = Heard()
        self.dead: tuple[int, ...] = ()
        self.busy: frozenset[Lane] = frozenset()
        self.broken: dict[type[Action], Result | str] = {}
        """What fails, by kind of action: the trouble."""
        self.said: list[str] = []
        self._results: tuple[Result, ...] = ()

    def step(self, seconds: float = 1.0) -> list[Action]:
        """Let some time pass, and take a step; return what it does but for what it says."""
        self.now += seconds
        sight = Sight(
            wall=WALL + self.now,
            place=self.place,
            looked=Looked(self.now, self.workers, self.dead, self.held),
            noticed=Noticed(self.now, self.target, self.spot[1], self.spot[0])
            if self.noticed
            else None,
            results=self._results,
            busy=self.busy,
        )
        self.dead = ()
        actions, self.memory = steps(sight, self.memory, self.now, Random(1), SETTINGS)
        self._results = tuple(self.result(action) for action in actions)
        self.said += [action.text for action in actions if isinstance(action, Say)]
        return [action for action in actions if not isinstance(action, Say)]

    def result(self, action: Action) -> Result:
        """What becomes of an action: done, unless its kind is broken."""
        trouble = self.broken.get(type(action), "")
        if isinstance(trouble, Result):
            return trouble
        return Result(action, trouble, heard=None if trouble else self.heard)

    def steps(self, count: int, seconds: float = 1.0) -> list[Action]:
        """Take some steps; return all that was done."""
        return [action for _ in range(count) for action in self.step(seconds)]


def of(kind: type[T], actions: list[Action]) -> list[T]:
    """Return the actions of a kind."""
    return [action for action in actions if isinstance(action, kind)]


def heard(world: World, heard: Heard) -> World:
    """Have the world's agent hear this, and act on it once."""
    world.heard = heard
    world.steps(20)
    return world
