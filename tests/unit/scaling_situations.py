"""Situations of a queue as they are written in `situations/*.toml`, for people to read and add to.

[nodes]                      # an id, or several: "i-1 to i-5"
i-1 = "up, 3 of 4 busy"      # up, draining, confirmed, held, claimed 30 s ago, gone,
i-2 = "booting for 60 s"     # booting for, pending for, warm, leaving
                             # besides: "silent for 200 s", "protected", "unhealthy", "pending",
                             # "began 900 s ago", "resumed 10 s ago", "confirmed another token",
                             # "receives"
[queue]                      # counts: visible, in_flight (else what nodes run), oldest
[settings]                   # what differs from `depth`, four slots, three minutes of boot
[group]                      # what differs from a group that desires what it has
[readings]                   # counts, group, nodes: "throttled", or how many seconds old
[memory]                     # what was seen before; times in seconds ago
[expected]
do = ["resume i-2"]
why = "words that the reason has"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.scaling.memory import Memory
from ops.scaling.model import (
    Counts,
    Instance,
    Lifecycle,
    Node,
    Pin,
    QueueSnapshot,
    Reading,
    Wanted,
)
from ops.scaling.settings import Settings, Window
from tests.unit.scaling_parts import NOW, TICK, confirmed, draining, group_of, settings_of, up

FOLDER = Path(__file__).with_name("situations")
_PARTS = {"now", "nodes", "queue", "settings", "windows", "group", "readings", "memory", "pin"}
#: What a node says; without one of these it has not spoken.
_SPEAKS: Mapping[str, Callable[[str], Node]] = {
    "up": up,
    "draining": draining,
    "confirmed": confirmed,
    "held": lambda id: up(id, paused=True),
    "gone": up,
}
_LIFECYCLES = {
    "pending": Lifecycle.PENDING,
    "warm": Lifecycle.WARM,
    "leaving": Lifecycle.LEAVING,
}
_CHANGES: Mapping[str, Callable[[float], dict[str, Any]]] = {
    "silent for # s": lambda seconds: {"said_at": NOW - seconds},
    "began # s ago": lambda seconds: {"started": (NOW - seconds,)},
    "resumed # s ago": lambda _: {"paused": True},
    "receives": lambda _: {"paused": False},
    "confirmed another token": lambda _: {"confirmed": "t9"},
    "claimed # s ago": lambda seconds: {"wanted": Wanted.END, "claimed_at": NOW - seconds},
}
_FLAGS = {"protected": {"protected": True}, "unhealthy": {"healthy": False}}


@dataclass(frozen=True)
class Situation:
    """What is found, and what is to be done about it."""

    snapshot: QueueSnapshot
    settings: Settings
    memory: Memory
    do: list[str]
    why: list[str]


@dataclass
class _Found:
    nodes: list[Node] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def add(self, node: Node | None, instance: Instance | None, since: float) -> None:
        if node is not None:
            self.nodes.append(node)
        if instance is not None:
            self.instances.append(instance)
            self.memory.first_seen[instance.id] = since
            self.memory.joined += [] if node is None else [instance.id]


def situation(path: Path) -> Situation:
    """Read one. Raises for anything that is not in the notation above."""
    data = tomllib.loads(path.read_text())
    _known(data, {*_PARTS, "expected"})
    now = _now(data)
    found = _Found()
    for ids, words in data.get("nodes", {}).items():
        for id in _ids(ids):
            _place(found, id, [word.strip() for word in words.split(",")])
    _remember(found.memory, data.get("memory", {}))
    expected = data["expected"]
    _known(expected, {"do", "why"})
    why = expected["why"]
    return Situation(
        _shifted(_snapshot(data, found), now - NOW),
        _settings(data),
        _later(found.memory, now - NOW),
        expected["do"],
        [why] if isinstance(why, str) else why,
    )


def _place(found: _Found, id: str, words: list[str]) -> None:
    """Put a node, its instance, or both where the words say."""
    lifecycle, since = Lifecycle.IN_SERVICE, 3_600.0
    node: Node | None = None
    changes: dict[str, Any] = {}
    flags: dict[str, bool] = {}
    for word in words:
        kind, number = _number(word)
        if kind in _SPEAKS:
            node = _SPEAKS[kind](id)
        elif kind in _LIFECYCLES:
            lifecycle = _LIFECYCLES[kind]
        elif kind in ("booting for # s", "pending for # s"):
            since = number
            lifecycle = Lifecycle.PENDING if kind.startswith("pending") else lifecycle
        elif kind in _CHANGES:
            changes |= _CHANGES[kind](number)
            if kind == "claimed # s ago":
                node = confirmed(id)
            elif kind == "resumed # s ago":
                found.memory.resumed[id] = NOW - number
        elif kind == "# of # busy":
            changes["busy"], changes["slots"] = map(int, re.findall(r"\d+", word))
        elif word in _FLAGS:
            flags |= _FLAGS[word]
        else:
            raise ValueError(f"{id}: {word!r} is not in the notation")
    if node is None and changes:
        raise ValueError(f"{id}: has not spoken, and yet {words}")
    instance = None if "gone" in words else Instance(id, lifecycle, **flags)
    found.add(None if node is None else replace(node, **changes), instance, NOW - since)


def _snapshot(data: Mapping[str, Any], found: _Found) -> QueueSnapshot:
    queue, group, readings = data.get("queue", {}), data.get("group", {}), data.get("readings", {})
    _known(queue, {"visible", "in_flight", "oldest"})
    _known(group, {"desired", "minimum", "maximum", "suspended"})
    _known(readings, {"counts", "group", "nodes", "oldest"})
    in_flight = queue.get("in_flight", sum(node.busy for node in found.nodes))
    pin = data.get("pin")
    return QueueSnapshot(
        "video",
        NOW,
        _reading(Counts(queue.get("visible", 0), in_flight, 0), readings.get("counts", 0)),
        _reading(queue.get("oldest"), readings.get("oldest", 0)),
        _reading(group_of(found.instances, **group), readings.get("group", 0)),
        _reading(tuple(found.nodes), readings.get("nodes", 0)),
        None if pin is None else Pin(pin["nodes"], None, pin.get("by", "")),
    )


def _reading(value: Any, how: str | float) -> Reading[Any]:
    if isinstance(how, str):
        return Reading(None, NOW, "test", how)
    return Reading(value, NOW - how, "test")


def _settings(data: Mapping[str, Any]) -> Settings:
    values = dict(data.get("settings", {}))
    _known(values, {each.name for each in fields(Settings)})
    if "policies" in values:
        values["policies"] = frozenset(values["policies"])
    windows = [Window(**{"timezone": "UTC", **window}) for window in data.get("windows", [])]
    return settings_of(**values, windows=tuple(windows))


def _remember(memory: Memory, data: Mapping[str, Any]) -> None:
    memory.ticked_at = memory.read_at = NOW - TICK
    memory.read_since = NOW - 9_000
    for key, value in data.items():
        _KEPT[key](memory, value)


def _completed(memory: Memory, seconds: list[float]) -> None:
    """Two hundred tasks that ran so long in turn, the last of them just ended."""
    memory.durations.add((NOW - 200 + n, seconds[n % len(seconds)]) for n in range(200))


def _counted(memory: Memory, counts: list[tuple[float, int]]) -> None:
    for ago, visible in counts:
        memory.backlog.count(NOW - ago, visible, 0)


def _kept(name: str) -> Callable[[Memory, Any], None]:
    return lambda memory, value: setattr(memory, name, value)


def _ago(name: str) -> Callable[[Memory, Any], None]:
    return lambda memory, value: setattr(memory, name, NOW - value)


_KEPT: dict[str, Callable[[Memory, Any], None]] = {
    "tasks_ran": _completed,
    "counted": _counted,
    "launched": _ago("launched_at"),
    "ticked": _ago("ticked_at"),
    "registry_read": _ago("read_at"),
    "registry_read_since": _ago("read_since"),
    "boots": _kept("boots"),
    "busy": _kept("busy"),
    "losses": _kept("losses"),
    "node_seconds": _kept("node_seconds"),
}


def _now(data: Mapping[str, Any]) -> float:
    now: datetime | None = data.get("now")
    return NOW if now is None else now.timestamp()


def _shifted(snapshot: QueueSnapshot, seconds: float) -> QueueSnapshot:
    """The same at another time of the calendar; nodes are left out of those situations."""
    if seconds == 0:
        return snapshot
    nodes = tuple(
        replace(n, said_at=n.said_at + seconds, joined_at=n.joined_at + seconds)
        for n in snapshot.nodes.value or ()
    )
    moved = {
        name: replace(reading, taken_at=reading.taken_at + seconds)
        for name in ("counts", "oldest", "group", "nodes")
        if (reading := getattr(snapshot, name)) is not None
    }
    moved["nodes"] = replace(moved["nodes"], value=nodes)
    return replace(snapshot, now=snapshot.now + seconds, **moved)


def _later(memory: Memory, seconds: float) -> Memory:
    if seconds:
        memory.first_seen = {one: at + seconds for one, at in memory.first_seen.items()}
        for name in ("ticked_at", "read_at", "read_since"):
            at: float | None = getattr(memory, name)
            setattr(memory, name, None if at is None else at + seconds)
    return memory


def _number(word: str) -> tuple[str, float]:
    numbers = re.findall(r"\d+", word)
    return re.sub(r"\d+", "#", word), float(numbers[0]) if numbers else 0.0


def _ids(ids: str) -> list[str]:
    first, several, last = ids.partition(" to ")
    if not several:
        return [ids]
    begin, end = int(first.removeprefix("i-")), int(last.removeprefix("i-"))
    return [f"i-{number}" for number in range(begin, end + 1)]


def _known(data: Mapping[str, Any], names: set[str]) -> None:
    if data.keys() - names:
        raise ValueError(f"{sorted(data.keys() - names)}: not in the notation")
