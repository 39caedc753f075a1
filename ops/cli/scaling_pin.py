"""`ops scaling pin` and `unpin`: an operator's number of nodes instead of the policies'."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_line, say
from ops.cli.params import Duration
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.registry.registry import Registry
    from worker.fleet import Fleet, Queue

_WHERE = "the registry in DynamoDB"


@click.command()
@click.argument("queue_name", metavar="QUEUE")
@click.argument("nodes", metavar="N", type=click.IntRange(0))
@click.option(
    "--for",
    "lasts",
    metavar="DURATION",
    type=Duration("1m", "30d", "write the number into nodes.min and nodes.max to keep it"),
    help='How long it holds, such as "2h"; else until ops scaling unpin.',
)
@json_option
@pass_ops
def pin(ops: Ops, queue_name: str, nodes: int, lasts: timedelta | None, as_json: bool) -> int:
    """Hold QUEUE at N nodes, whatever its policies and windows say.

    N is within the queue's nodes.min and nodes.max. The engine follows at its next tick; on the
    way down it ends no busy node.
    """
    import time  # noqa: PLC0415

    from ops.scaling.listing import time_of  # noqa: PLC0415
    from ops.scaling.model import Pin  # noqa: PLC0415

    fleet = ops.fleet()
    _allowed(fleet, queue_of(fleet, queue_name), nodes)
    until = None if lasts is None else time.time() + lasts.total_seconds()
    registry, order = _registry(fleet), Pin(nodes, until, _who())
    with waiting("pin", lambda: _WHERE):
        registry.pin(queue_name, order)
    if as_json:
        print_json({"queue": queue_name, "pinned": nodes, "until": time_of(until)})
    else:
        end = "it is unpinned" if until is None else time_of(until)
        number = "1 node" if nodes == 1 else f"{nodes} nodes"
        print_line(f"{queue_name}: pinned at {number} until {end}")
    return Exit.DONE


@click.command()
@click.argument("queue_name", metavar="QUEUE")
@json_option
@pass_ops
def unpin(ops: Ops, queue_name: str, as_json: bool) -> int:
    """Let QUEUE be scaled by its policies again; nothing happens where it is not pinned."""
    fleet = ops.fleet()
    queue_of(fleet, queue_name)
    registry = _registry(fleet)
    with waiting("unpin", lambda: _WHERE):
        registry.unpin(queue_name)
    if as_json:
        print_json({"queue": queue_name, "pinned": None, "until": None})
    else:
        say(f"{queue_name}: its policies decide again")
    return Exit.DONE


def queue_of(fleet: Fleet, name: str) -> Queue:
    """Return a queue of the manifest; raise OpsError (exit 2) where there is none of that name."""
    from worker.fleet import UnknownQueueError  # noqa: PLC0415

    try:
        return fleet.queue(name)
    except UnknownQueueError as error:
        raise OpsError(f"{fleet.path}: {error}", Exit.USAGE) from error


def _allowed(fleet: Fleet, queue: Queue, nodes: int) -> None:
    low, high = queue.nodes.min, queue.nodes.max
    if not low <= nodes <= high:
        key, remedy = ("min", "lower") if nodes < low else ("max", "raise")
        raise OpsError(
            f"{fleet.path}: queues.{queue.name}: expected {low} to {high} nodes, got {nodes}: "
            f"{remedy} nodes.{key} (ops scaling policy set {queue.name} {key}={nodes})",
            Exit.USAGE,
        )


def _registry(fleet: Fleet) -> Registry:
    from ops.aws import dynamodb  # noqa: PLC0415
    from ops.registry.registry import Registry  # noqa: PLC0415

    return Registry(dynamodb(fleet), fleet.registry_table, fleet.name)


def _who() -> str:
    """Return who pins, as far as this machine knows; it is shown, and nothing depends on it."""
    import getpass  # noqa: PLC0415
    import socket  # noqa: PLC0415

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
