"""What there is of a whole local fleet in a test: nodes, their units, processes and words."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ops.local import running
from ops.local.look import Node, nodes
from ops.local.machine.client import Unreachable, ask
from tests.e2e.whole_desk import until
from tests.e2e.whole_work import NAME, Works


@dataclass
class Nodes(Works):
    """A fleet whose nodes are looked at."""

    def nodes(self, queue: str = "") -> dict[str, Node]:
        """The nodes there are, by id, as `ops local status` has them."""
        found = nodes(running.found(self.state))
        return {one.id: one for one in found if not queue or one.group == f"{NAME}-{queue}"}

    def serving(self, queue: str, count: int) -> dict[str, Node]:
        """Return a queue's nodes once these are `count`, in service, and no others there."""

        def settled() -> dict[str, Node] | None:
            found = self.nodes(queue)
            states = {each.state for each in found.values()}
            return found if len(found) == count and states <= {"InService"} else None

        return until(f"{count} nodes of {queue}", settled, else_=self.said)

    def none_left(self, queue: str = "") -> None:
        """Wait until a queue has no node: in its group, in the registry, among the processes."""
        until(
            f"no node of {queue or 'any queue'}",
            lambda: not self.nodes(queue) and not self.registered(queue),
            else_=lambda: (self.said(), self.registered(queue)),
        )
        until(
            "no process of a node that is gone",
            lambda: not self.orphans(),
            else_=self.orphans,
        )

    def queues(self) -> dict[str, int]:
        """How many messages each queue holds, in whatever state."""
        return {
            each["name"]: each["waiting"] + each["in_flight"] + each["delayed"]
            for each in self.json("local", "status")["queues"]
        }

    def registered(self, queue: str = "") -> dict[str, dict[str, Any]]:
        """The registry's items of nodes, by the nodes' ids."""
        found = self.client("dynamodb").scan(TableName=f"{NAME}-registry", ConsistentRead=True)
        return {
            item["item"]["S"].rpartition("#")[2]: {
                k: next(iter(v.values())) for k, v in item.items()
            }
            for item in found["Items"]
            if item["item"]["S"].startswith(f"node#{queue}{'#' if queue else ''}")
        }

    def processes(self) -> dict[int, str]:
        """Every process that any node of this fleet's has, with its node."""
        mark = f"FLEET_ROOT={self.state}/nodes/"
        found = {}
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                for each in path.read_bytes().decode(errors="replace").split("\0"):
                    if each.startswith(mark):
                        found[int(path.parent.name)] = each.removeprefix(mark)
        return found

    def orphans(self) -> dict[int, str]:
        """Processes of nodes that are there no more."""
        there = set(self.nodes())
        return {pid: node for pid, node in self.processes().items() if node not in there}

    def unit(self, node: str, name: str) -> dict[str, Any]:
        """How a unit of a node stands (`agent`, `worker`); empty where its machine is no more."""
        try:
            units = ask(self.state / "nodes" / node, {"verb": "status"})["units"]
        except Unreachable:
            return {}
        return next((unit for called, unit in units.items() if f"-{name}" in called), {})

    def log(self, node: str, name: str) -> str:
        """What a unit of a node has said so far."""
        return "".join(
            path.read_text() for path in (self.state / f"nodes/{node}/log").glob(f"*-{name}*.log")
        )

    def has_said(self, node: str, name: str, what: str) -> bool:
        """Whether a unit of a node has said something."""
        return what in self.log(node, name)

    def worker_is_known(self, node: str) -> bool:
        """Whether the node's worker of now is one that its agent has seen."""
        pid = self.unit(node, "worker").get("pid")
        return pid is not None and self.has_said(node, "agent", f"workers: {pid}\n")

    def on_node(self, node: str, *args: str, code: int = 0) -> Any:
        """Run `ops node ... --json` as somebody does who is on the node."""
        root = self.state / "nodes" / node
        lines = (root / "etc/fleet/node.env").read_text().splitlines()
        own = {**self.env, **dict(line.split("=", 1) for line in lines)}
        own["FLEET_RUNTIME_DIR"] = str(root / "run/fleet")
        return replace(self, env=own).json("node", *args, code=code)

    def kill(self, node: str, name: str) -> int:
        """SIGKILL the main process of a unit, once it has one; return its process id."""
        pid = int(until(f"{name} of {node}", lambda: self.unit(node, name).get("pid")))
        os.kill(pid, signal.SIGKILL)
        return pid

    def calls(self, operation: str, node: str, **parameters: str) -> list[dict[str, Any]]:
        """The parameters of the calls that a node has made, out of the local AWS's record."""
        lines = (self.state / "calls.jsonl").read_text().splitlines()
        made = [json.loads(line) for line in lines if f'"{operation}"' in line and node in line]
        return [
            call["parameters"]
            for call in made
            if call["who"] == node and parameters.items() <= call["parameters"].items()
        ]
