"""`ops node agent` and `ops node ping`: the node's daemon, and whether all is well with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_line, say
from ops.cli.params import Duration
from ops.errors import Exit

if TYPE_CHECKING:
    from datetime import timedelta

    from ops.node.memory import Settings

_queue = click.option("--queue", help="The queue this node serves; else the one in FLEET_QUEUE.")


@click.command()
@_queue
@click.option(
    "--instance-id",
    "node_id",
    metavar="ID",
    help="This node's id, for a machine without a metadata service; else FLEET_NODE_ID.",
)
@click.option(
    "--every",
    type=Duration("1s", "15s", "the scaling engine replaces a node that it has not heard for long"),
    default="15s",
    show_default=True,
    help="The time from one word to the registry to the next.",
)
@pass_ops
def agent(ops: Ops, queue: str | None, node_id: str | None, every: timedelta) -> int:
    """Look after this node until SIGTERM: register and report it, pause and drain its workers.

    Asks the metadata service who it is. Keeps the group's lifecycle hooks, and has the node
    replaced where its worker is beyond repair. Nothing that AWS answers ends it, and its end ends
    no worker.
    """
    from ops.node.agent import Agent  # noqa: PLC0415
    from ops.node.starting import hands_of, settings_of  # noqa: PLC0415
    from ops.waking import Waking  # noqa: PLC0415
    from worker.notify import take  # noqa: PLC0415

    # The socket is this process's alone: out of the environment before anything is started.
    supervisor = take()
    fleet = ops.fleet()
    settings = settings_of(fleet, queue, word_seconds=every.total_seconds())
    with Waking() as waking:
        Agent(settings, hands_of(fleet, settings, node_id, say), waking, supervisor).run()
        return waking.code


@click.command()
@_queue
@json_option
@pass_ops
def ping(ops: Ops, queue: str | None, as_json: bool) -> int:
    """Say in one line how the node, its agent and its workers are; exit 3 where not well."""
    from ops.node.starting import settings_of  # noqa: PLC0415

    said = _asked(settings_of(ops.fleet(), queue))
    if as_json:
        print_json(said)
    else:
        print_line(_line(said))
    return Exit.DONE if said["well"] else Exit.DRIFTED


def _asked(settings: Settings) -> dict[str, Any]:
    from ops.node.hearing import ask, socket_path  # noqa: PLC0415
    from worker.control import Unreachable  # noqa: PLC0415

    try:
        said = ask(settings.name, "status")
    except Unreachable:
        said = None
    if said is not None and said.get("ok") is True:
        return said
    path = socket_path(settings.name)
    why = f"no agent answers at {path}: start it with systemctl start fleet-agent"
    return {"node": None, "queue": settings.queue, "well": False, "reasons": [why], "workers": []}


def _line(said: dict[str, Any]) -> str:
    head = f"{said['node'] or 'this node'} ({said['queue']}): "
    if not said["well"]:
        return head + "; ".join(said["reasons"])
    workers = ", ".join(
        f"worker {each['pid']} {each['phase']}, {each['busy']} of {each['slots']} slots busy"
        for each in said["workers"]
    )
    because = f" ({said['because']})" if said["because"] else ""
    return f"{head}agent and worker are well{because}: {workers}"
