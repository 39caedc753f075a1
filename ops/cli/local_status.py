"""How `ops local status` shows a local fleet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.cli.output import print_line, print_table

if TYPE_CHECKING:
    from ops.local.look import Status


def show(found: Status) -> None:
    """Print its queues, groups, nodes and tasks as tables."""
    running = found.running
    print_line(f"{running.fleet}: up at {running.url} (process {running.pid})")
    if found.queues:
        print_line("")
        print_table(
            ("queue", "waiting", "in flight", "delayed"),
            [(q.name, str(q.waiting), str(q.in_flight), str(q.delayed)) for q in found.queues],
        )
    if found.groups:
        print_line("")
        print_table(
            ("group", "desired", "bounds", "nodes"),
            [
                (g.name, str(g.desired), f"{g.minimum}-{g.maximum}", _counts(g.states))
                for g in found.groups
            ],
        )
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
                    "?" if n.units is None else _units(n.units),
                )
                for n in found.nodes
            ],
        )
    if found.tasks:
        print_line("")
        print_table(
            ("task", "service", "state", "since", "address", "pid", "containers"),
            [
                (
                    t.id,
                    t.service,
                    t.state,
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


def _units(units: dict[str, str]) -> str:
    return ", ".join(f"{name.removesuffix('.service')} {how}" for name, how in units.items()) or "-"
