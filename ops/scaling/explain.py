"""A queue's tick in words: what was seen, wished, held back, decided and done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops.scaling.model import Group, Node, Reading
from ops.scaling.tick import QueueTick, in_words, standing_of
from ops.scaling.told import queue_as_data

if TYPE_CHECKING:
    from ops.scaling.journal_reader import Recorded

_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Overview:
    """A row of `ops scaling plan`; a part that is not known is `?`."""

    queue: str
    nodes: str
    waiting: str
    oldest: str
    would: str
    why: str
    data: dict[str, Any]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON has it: numbers, and null for what is not known."""
        return self.data


def overview(tick: QueueTick) -> Overview:
    """Return a queue in one row."""
    snapshot, standing = tick.snapshot, standing_of(tick)
    counts, oldest = snapshot.counts.value, snapshot.oldest.value
    numbers: dict[str, int | None] = dict.fromkeys(("receiving", "booting", "draining"))
    if standing is not None:
        numbers["booting"] = len(standing.booting) + standing.coming
        if snapshot.nodes.value is not None:
            numbers["receiving"] = len(standing.up)
            numbers["draining"] = len(standing.draining)
    # Readers of `hold: why` have the verb in a column of its own.
    _, _, why = tick.decision.why.partition(": ")
    return Overview(
        queue=snapshot.queue,
        nodes="/".join(_UNKNOWN if n is None else str(n) for n in numbers.values()),
        waiting=_UNKNOWN if counts is None else f"{counts.visible}+{counts.in_flight}",
        oldest=_oldest(snapshot.oldest),
        would=_would(tick),
        why="; ".join([why, *tick.notes]),
        data={
            "queue": snapshot.queue,
            "nodes": numbers,
            "desired": None if snapshot.group.value is None else snapshot.group.value.desired,
            "visible": None if counts is None else counts.visible,
            "in_flight": None if counts is None else counts.in_flight,
            "delayed": None if counts is None else counts.delayed,
            "oldest_seconds": oldest,
            "unknown": dict(missing(tick)),
            **queue_as_data(tick),
        },
    )


def unknown(tick: QueueTick) -> bool:
    """Whether something that is decided on is not known."""
    return bool(missing(tick)) or bool(tick.notes)


def missing(tick: QueueTick) -> list[tuple[str, str]]:
    """Return what is decided on and not known, each by its name in `explained`, and why."""
    snapshot = tick.snapshot
    readings: tuple[tuple[str, Reading[Any]], ...] = (
        ("queue", snapshot.counts),
        ("group", snapshot.group),
        ("nodes", snapshot.nodes),
    )
    return [(name, each.trouble) for name, each in readings if each.value is None]


def nothing_there(ticks: Iterable[QueueTick]) -> bool:
    """Whether AWS has answered of every queue that there is none, and no group of it either."""
    return all(
        each.value is None and each.trouble.startswith("absent")
        for tick in ticks
        for each in (tick.snapshot.counts, tick.snapshot.group)
    )


def explained(
    tick: QueueTick, outcomes: tuple[tuple[str, str], ...] = (), *, live: bool
) -> Iterator[str]:
    """Yield the lines that explain a tick; `outcomes` are a result and why for each action."""
    snapshot, now = tick.snapshot, tick.snapshot.now
    yield f"{snapshot.queue} at {stamp(now)}"
    yield "seen"
    counts = snapshot.counts.value
    text = (
        ""
        if counts is None
        else (f"{counts.visible} visible, {counts.in_flight} in flight, {counts.delayed} delayed")
    )
    yield _reading("queue", snapshot.counts, text, now)
    age = "" if snapshot.oldest.value is None else f"waits {snapshot.oldest.value:.0f} s"
    yield _reading("oldest", snapshot.oldest, age, now)
    group, nodes = snapshot.group, snapshot.nodes
    yield _reading("group", group, "" if group.value is None else _group(group.value), now)
    yield _reading("nodes", nodes, "" if nodes.value is None else _nodes(nodes.value, tick), now)
    if snapshot.pin is not None:
        until = "" if snapshot.pin.until is None else f" until {stamp(snapshot.pin.until)}"
        yield f"  pinned     at {_count(snapshot.pin.nodes, 'node')} by {snapshot.pin.by}{until}"
    yield "wished"
    for wish in tick.decision.wishes:
        yield f"  {wish.policy:<9}  {_count(wish.nodes, 'node')}: {wish.why}"
    if not tick.decision.wishes:
        yield "  nothing"
    yield "held back"
    for caution in (*tick.decision.cautions, *tick.notes):
        yield f"  {caution}"
    if not tick.decision.cautions and not tick.notes:
        yield "  nothing"
    yield f"decided    {tick.decision.why}"
    yield "would do" if live else "done"
    for index, action in enumerate(tick.decision.actions):
        result, why = outcomes[index] if index < len(outcomes) else ("", "")
        yield "  " + ": ".join(part for part in (in_words(action), result, why) if part)
    if not tick.decision.actions:
        yield "  nothing"


def as_recorded(recorded: Recorded, again: QueueTick) -> QueueTick:
    """Return the tick of a journal's line: its own decision, and the memory made anew."""
    return replace(again, decision=recorded.decision, notes=recorded.notes)


def stamp(at: float) -> str:
    """Return a time as a person reads it, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _reading(name: str, reading: Reading[Any], text: str, now: float) -> str:
    what = f"not known: {reading.trouble}" if reading.value is None else text
    return f"  {name:<9}  {what} ({reading.source}, {max(0.0, reading.age(now)):.0f} s old)"


def _group(group: Group) -> str:
    states = Counter(each.lifecycle.value for each in group.instances)
    parts = [f"{group.name}: {group.desired} desired of {group.minimum} to {group.maximum}"]
    parts += [f"{count} {state}" for state, count in sorted(states.items())]
    protected = sum(each.protected for each in group.instances)
    parts += [f"{protected} protected"] if protected else []
    parts += [f"{', '.join(sorted(group.suspended))} suspended"] if group.suspended else []
    return ", ".join(parts)


def _nodes(nodes: tuple[Node, ...], tick: QueueTick) -> str:
    busy, slots = sum(node.busy for node in nodes), sum(node.slots for node in nodes)
    parts = [f"{len(nodes)} have spoken, {busy} of their {slots} slots busy"]
    standing = standing_of(tick)
    if standing is not None:
        named = (
            ("receiving", len(standing.up)),
            ("draining", len(standing.draining)),
            ("held by an operator or protected", len(standing.held)),
            ("silent", len(standing.silent)),
            ("booting", len(standing.booting) + standing.coming),
        )
        parts += [f"{count} {what}" for what, count in named if count]
    return ", ".join([*parts, *_polls(nodes, tick.snapshot.now)])


def _polls(nodes: tuple[Node, ...], now: float) -> Iterator[str]:
    """Yield how the nodes poll that have a slot for it: a full one waits for its tasks."""
    free = [node for node in nodes if not node.paused and node.busy < node.slots]
    polled = [node.polled for node in free if node.polled is not None]
    if polled:
        yield f"polls answered within {max(0.0, now - min(polled)):.0f} s"
    if len(polled) < len(free):
        yield f"no poll known of {len(free) - len(polled)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _oldest(reading: Reading[float]) -> str:
    if reading.value is None:
        # CloudWatch has no datapoint for a queue in which nothing waits.
        return "-" if reading.trouble.startswith("absent") else _UNKNOWN
    return f"{reading.value:.0f}s"


def _would(tick: QueueTick) -> str:
    kinds = Counter("end" if a.kind == "terminate" else a.kind for a in tick.decision.actions)
    launched = sum(a.nodes for a in tick.decision.actions if a.kind == "launch")
    if launched:
        kinds["launch"] = launched
    return ", ".join(f"{kind} {count}" for kind, count in kinds.items()) or "hold"
