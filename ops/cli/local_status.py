"""How `ops local status` shows a local fleet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.cli.output import print_line, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.local.look import Node, Status


def show(found: Status) -> None:
    """Print its queues, groups, nodes and tasks as tables."""
    running = found.running
    print_line(f"{running.fleet}: up at {running.url} (process {running.pid})")
    queues = [
        (q.name, _number(q.waiting), _number(q.in_flight), _number(q.delayed))
        for q in found.queues or ()
    ]
    _table(("queue", "waiting", "in flight", "delayed"), None if found.queues is None else queues)
    groups = [
        (g.name, str(g.desired), f"{g.minimum}-{g.maximum}", _counts(g.states))
        for g in found.groups or ()
    ]
    _table(("group", "desired", "bounds", "nodes"), None if found.groups is None else groups)
    if found.nodes:
        print_line("")
        print_table(
            ("node", "group", "state", "health", "machine", "address", "pid", "units"),
            [
                (
                    n.id,
                    n.group or "-",
                    n.state or "-",
                    n.health or "-",
                    n.machine or "?",
                    n.address or "-",
                    "-" if n.pid is None else str(n.pid),
                    _units(n),
                )
                for n in found.nodes
            ],
        )
    if found.tasks:
        print_line("")
        print_table(
            ("task", "service", "state", "health", "since", "address", "pid", "containers"),
            [
                (
                    t.id,
                    t.service,
                    t.state,
                    t.health,
                    datetime.fromtimestamp(t.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    t.address,
                    "-" if t.pid is None else str(t.pid),
                    ", ".join(f"{name} {how}" for name, how in t.containers.items()) or "-",
                )
                for t in found.tasks
            ],
        )


def _counts(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]] | None) -> None:
    """Print a table, of ? where nothing is known, and none where there is nothing."""
    if rows is None or rows:
        print_line("")
        print_table(columns, [["?"] * len(columns)] if rows is None else rows)


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _units(node: Node) -> str:
    if node.units is None:
        return "?"
    found = [f"{name.removesuffix('.service')} {how}" for name, how in node.units.items()]
    if node.user_data_exit:
        # Nothing else says why a node has no units: ops local logs does.
        found.insert(0, f"user-data exit {node.user_data_exit}")
    return ", ".join(found) or "-"
