"""Any snapshot, settings and memory of a queue, also such as should not be: for property tests."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from ops.scaling.memory import Memory
from ops.scaling.model import (
    Counts,
    Group,
    Instance,
    Lifecycle,
    Node,
    Pin,
    QueueSnapshot,
    Reading,
    Wanted,
)
from ops.scaling.settings import Settings, Window
from tests.unit.scaling_parts import NOW

T = TypeVar("T")

#: In force at NOW, a Saturday at 14:00 UTC; the last is not.
WINDOWS = (
    Window("0 8 * * *", "0 18 * * *", "UTC", minimum=3),
    Window("0 8 * * SAT", "0 18 * * SAT", "Europe/Zurich", maximum=2),
    Window("0 0 1 * *", "0 0 28 * *", "UTC", minimum=1, maximum=6, desired=4),
    Window("0 20 * * *", "0 22 * * *", "UTC", minimum=9),
)
TOKENS = ("", "t0", "t9")
PROCESSES = ("Launch", "Terminate", "ReplaceUnhealthy", "AZRebalance")
#: Either side of each age that means something.
AGES = (-20.0, 0.0, 1.0, 29.0, 59.0, 61.0, 119.0, 121.0, 179.0, 181.0, 599.0, 601.0, 9_000.0)
FRESH = (0.0, 0.0, 0.0, 5.0, 5.0, 20.0, 44.0)
PINS = (None, None, None, None, Pin(2, None, "ann"), Pin(9, NOW + 60, "x\ny"))
TROUBLES = ("", "denied: allow it", "throttled: sqs", "two\nlines\r\nand a\ttab", "x" * 5_000)


@dataclass(frozen=True)
class Case:
    """What `decide` is given. The memory is a new one each time it is asked for."""

    snapshot: QueueSnapshot
    settings: Settings
    remembered: Memory = field(repr=False)

    @property
    def memory(self) -> Memory:
        return copy.deepcopy(self.remembered)

    @property
    def group(self) -> Group:
        assert self.snapshot.group.value is not None
        return self.snapshot.group.value

    @property
    def nodes(self) -> dict[str, Node]:
        """By their ids."""
        return {node.id: node for node in self.snapshot.nodes.value or ()}

    def but(self, **changes: object) -> Case:
        """The same with other parts of the snapshot."""
        return replace(self, snapshot=replace(self.snapshot, **changes))  # type: ignore[arg-type]

    def with_settings(self, **changes: object) -> Case:
        """The same with other settings."""
        return replace(self, settings=replace(self.settings, **changes))  # type: ignore[arg-type]


def any_of(*values: T) -> st.SearchStrategy[T]:
    """One of these, as likely as it is often named; the first is the simplest."""
    strategy: st.SearchStrategy[T] = _sampled(*values)
    return strategy


@functools.lru_cache(maxsize=None, typed=True)
def _sampled(*values: Any) -> st.SearchStrategy[Any]:
    """Made once: a strategy is checked as it is first drawn from, which is dearer than a draw."""
    return st.sampled_from(values)


@functools.cache
def lengths(count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0, 9_000), min_size=count, max_size=count)


COMPLETIONS = st.lists(st.tuples(st.floats(0, 900), st.floats(0, 4_000)), max_size=3)
BOOTS = st.lists(st.floats(1, 900).map(lambda seconds: round(seconds, 1)), max_size=5)
BUSY = st.lists(st.integers(0, 40), max_size=2)
COUNTED = st.lists(st.tuples(st.integers(16, 900), st.integers(0, 30)), max_size=3)
SOME_WINDOWS = st.lists(any_of(*WINDOWS), max_size=2, unique=True)

#: What a node is, as likely as it is often named.
KINDS = (
    *["up"] * 6,
    *["draining"] * 3,
    *["confirmed"] * 3,
    *["booting"] * 3,
    *["claimed", "held", "silent", "never spoke", "gone", "leaving", "warm"] * 2,
    "pending and speaks",
    "confirmed another token",
    "any",
)


@st.composite
def node_or_instance(draw: st.DrawFn, number: int) -> tuple[Node | None, Instance | None]:
    """A node, the instance under it, or one without the other."""
    kind = draw(any_of(*KINDS))
    id = f"i-{number}"
    if kind in ("warm", "booting") and draw(st.booleans()):
        # ECS tasks and warm instances that have no id of their own yet.
        place = "warm" if kind == "warm" else "pending"
        lifecycle = Lifecycle.WARM if kind == "warm" else Lifecycle.PENDING
        return None, Instance(f"g/{place}/{number}", lifecycle)
    instance: Instance | None = Instance(
        id,
        _lifecycle(draw, kind),
        healthy=draw(any_of(1, 1, 1, 1, 0)) == 1,
        protected=draw(any_of(0, 0, 0, 0, 1)) == 1,
    )
    if kind == "gone":
        instance = None
    elif kind in ("never spoke", "booting", "warm"):
        return None, instance
    return draw(_node(id, kind)), instance


def _lifecycle(draw: st.DrawFn, kind: str) -> Lifecycle:
    match kind:
        case "warm":
            return Lifecycle.WARM
        case "leaving":
            return Lifecycle.LEAVING
        case "pending and speaks":
            return Lifecycle.PENDING
        case "booting":
            return draw(any_of(Lifecycle.PENDING, Lifecycle.IN_SERVICE))
        case "any":
            chosen: Lifecycle = draw(any_of(*Lifecycle))
            return chosen
        case _:
            return Lifecycle.IN_SERVICE


@st.composite
def _node(draw: st.DrawFn, id: str, kind: str) -> Node:
    slots = draw(any_of(4, 4, 1, 2, 8))
    # What is confirmed is idle and paused, but for a few that cannot be.
    odd = draw(any_of(0, 0, 0, 0, 0, 0, 1, 2)) if kind == "confirmed" else 0
    busy = int(odd == 1) if kind.startswith("confirmed") else draw(st.integers(0, slots))
    ago = draw(any_of(*(AGES if kind in ("silent", "gone", "any", "confirmed") else FRESH)))
    wanted, token, answered, paused, claimed = Wanted.RUN, draw(any_of(*TOKENS)), "", 0, 0
    if kind in ("draining", "confirmed", "confirmed another token"):
        wanted, token, paused = Wanted.PAUSE, "t0", odd != 2
        answered = {"confirmed": "t0", "draining": ""}.get(kind, "t9")
    elif kind == "held":
        paused = 1
    elif kind == "claimed":
        wanted, token, answered, paused, claimed = Wanted.END, "t0", "t0", 1, 1
    elif kind in ("any", "pending and speaks", "leaving"):
        wanted = draw(any_of(Wanted.RUN, Wanted.PAUSE))
        answered = draw(any_of(*TOKENS))
        paused = draw(st.integers(0, 1))
    told = draw(any_of(busy, 0, max(0, busy - 1)))
    started = sorted(draw(lengths(told)), reverse=True)
    recent = draw(COMPLETIONS)
    return Node(
        id=id,
        busy=busy,
        slots=slots,
        said_at=NOW - ago,
        paused=bool(paused),
        wanted=wanted,
        token=token,
        confirmed=answered,
        joined_at=NOW - draw(any_of(7_200.0, 300.0, 10.0)),
        started=tuple(round(NOW - at, 3) for at in started),
        recent=tuple(sorted((round(NOW - at, 3), round(took, 3)) for at, took in recent)),
        begun=draw(st.integers(0, 50)),
        claimed_at=NOW - draw(any_of(10.0, 119.0, 121.0, 4_000.0)) if claimed else None,
    )


@st.composite
def settings_any(draw: st.DrawFn) -> Settings:
    """Settings that a manifest may have."""
    minimum = draw(any_of(0, 0, 0, 1, 3, 8))
    return Settings(
        queue="video",
        slots=draw(any_of(4, 4, 1, 7)),
        minimum=minimum,
        maximum=max(minimum, draw(any_of(300, 40, 6, 1))),
        boot_seconds=draw(any_of(180.0, 45.0, 600.0)),
        start_within_seconds=draw(any_of(300.0, 60.0, 3_600.0)),
        policies=frozenset(draw(any_of(("depth",), ("age",), ("depth", "age")))),
        predict=draw(any_of("off", "auto")),
        headroom=draw(any_of("off", "auto", 2)),
        windows=tuple(draw(SOME_WINDOWS)),
        step_up=draw(any_of(100, 3, 1)),
        step_down=draw(any_of(50, 2, 1)),
        cool_down_seconds=draw(any_of(0.0, 600.0)),
    )


@st.composite
def memory_any(draw: st.DrawFn, ids: tuple[str, ...]) -> Memory:
    """What may be remembered of a queue with these instances, of earlier ones, or nothing."""
    memory = Memory()
    if draw(st.integers(0, 4)) == 0:
        return memory
    seen = draw(st.lists(any_of(*ids, "i-before"), max_size=6, unique=True))
    memory.first_seen = {one: NOW - draw(any_of(15.0, 100.0, 700.0, 9_000.0)) for one in seen}
    memory.joined = sorted(draw(st.sets(st.sampled_from(seen)))) if seen else []
    memory.ending = sorted(draw(st.sets(st.sampled_from(seen)))) if seen else []
    memory.boots = draw(BOOTS)
    memory.busy = draw(BUSY)
    memory.launched_at = draw(any_of(None, NOW - 15, NOW - 170, NOW - 9_000))
    memory.ticked_at = draw(any_of(NOW - 15, NOW - 15, NOW - 3_000, NOW))
    memory.read_at = draw(any_of(memory.ticked_at, None, NOW - 3_000))
    memory.read_since = draw(any_of(NOW - 9_000, NOW - 30))
    memory.losses, memory.node_seconds = draw(any_of((0.0, 0.0), (9.0, 9e5)))
    completions = draw(any_of(0, 10, 200))
    took = draw(any_of(60.0, 2.0, 1_000.0))
    memory.durations.add((NOW - 20.0 * n, took * (0.5 + n % 7)) for n in range(completions, 0, -1))
    for ago, visible in draw(COUNTED):
        memory.backlog.count(NOW - ago, visible, 0)
    return memory


@st.composite
def group_any(draw: st.DrawFn, instances: tuple[Instance, ...]) -> Group:
    """A group of these whose desired capacity may be off, and its bounds odd."""
    here = sum(one.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE) for one in instances)
    minimum = draw(any_of(0, 0, 0, 1, 4))
    return Group(
        name="g",
        desired=max(0, here + draw(any_of(0, 0, 0, 0, 1, 4, -1, -3))),
        minimum=minimum,
        maximum=max(minimum, draw(any_of(100, 100, 12, 5, 2))),
        instances=instances,
        suspended=frozenset(draw(any_of((), (), (), (), *((one,) for one in PROCESSES)))),
    )


@st.composite
def cases(draw: st.DrawFn, most: int = 7) -> Case:
    """Anything: also what is unknown, stale, or contradicts itself. A third is quiet and known."""
    quiet = draw(st.integers(0, 2)) == 2
    made = [draw(node_or_instance(number)) for number in range(draw(st.integers(0, most)))]
    nodes = tuple(node for node, _ in made if node is not None)
    instances = tuple(instance for _, instance in made if instance is not None)
    running = sum(node.busy for node in nodes)
    counts = Counts(0, running, 0)
    if not quiet:
        counts = Counts(
            draw(any_of(0, 0, 0, 1, 2, 5, 9, 30, 700, 100_000)),
            max(0, running + draw(any_of(0, 0, 0, 0, -5, 7, 5_000))),
            draw(any_of(0, 60)),
        )
    snapshot = QueueSnapshot(
        "video",
        NOW,
        draw(readings(counts, known=quiet)),
        draw(readings(draw(any_of(20.0, 0.0, 400.0)))),
        draw(readings(draw(group_any(instances)), known=quiet)),
        draw(readings(nodes, known=quiet)),
        None if quiet else draw(any_of(*PINS)),
    )
    ids = tuple(one.id for one in instances)
    settings = draw(settings_any())
    if quiet:
        settings = replace(settings, minimum=draw(any_of(0, 0, 1)), windows=())
    return Case(snapshot, settings, draw(memory_any(ids)))


@st.composite
def readings(draw: st.DrawFn, value: T, known: bool = False) -> Reading[T]:
    """The value, mostly as of now; or older, or unknown."""
    kind = 0 if known else draw(st.integers(0, 11))
    if kind == 11:
        return Reading(None, NOW, "s", draw(any_of(*TROUBLES)))
    ago = draw(any_of(121.0, 119.0, 600.0, -20.0)) if kind == 10 else 0.0
    return Reading(value, NOW - ago, "s")
