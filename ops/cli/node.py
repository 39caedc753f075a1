"""`ops node`: the workers on this machine, through their control sockets."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from ops.cli.node_agent import agent, ping
from ops.cli.node_boot import boot
from ops.cli.output import print_json, print_line, progress, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ops.node.local import Worker


class Within(click.ParamType["timedelta"]):
    """A duration as the manifest writes it."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read `90s` or `15m`."""
        from worker.manifest.problems import RefusedValueError  # noqa: PLC0415
        from worker.manifest.units import parse_duration  # noqa: PLC0415

        try:
            return parse_duration(value)
        except RefusedValueError as error:
            self.fail(str(error), param, ctx)


def _chosen(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose among several workers."""
    command = click.option("--queue", help="Only the workers of this queue.")(command)
    command = click.option("--pid", type=int, help="Only the worker with this process id.")(command)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


@click.group()
@click.pass_context
def node(context: click.Context) -> None:
    """Ask and steer the worker on this node.

    What the environment does not say is taken from /etc/fleet/node.env, where `ops node boot` has
    put it: on a node nothing is to be set by hand.
    """
    # A node whose file is broken is mended by another boot.
    if context.invoked_subcommand == boot.name:
        return
    from ops.node.defaults import check_sockets, defaults  # noqa: PLC0415

    os.environ.update(defaults())
    check_sockets()


node.add_command(agent)
node.add_command(boot)
node.add_command(ping)


@node.command()
@_chosen
def status(queue: str | None, pid: int | None, as_json: bool) -> int:
    """Show the workers here: health, slots, running tasks with ages, last poll, metrics address.

    Exits 3 if none is found, or one is unhealthy or does not answer.
    """
    from ops.cli.node_status import show  # noqa: PLC0415
    from ops.node.local import status as ask  # noqa: PLC0415

    answers = [ask(worker) for worker in _workers(queue, pid)]
    if as_json:
        print_json({"workers": answers})
    elif answers:
        show(answers)
    else:
        say(_nobody(queue, pid))
    healthy = answers and all(
        answer["ok"] and answer.get("healthy") is not False for answer in answers
    )
    return Exit.DONE if healthy else Exit.DRIFTED


@node.command()
@_chosen
def pause(queue: str | None, pid: int | None, as_json: bool) -> int:
    """Stop receiving; running tasks go on, what has not begun is handed back.

    The node is held until `ops node resume`: a worker that starts meanwhile is paused, and neither
    the agent nor the scaling engine resumes it. With --pid it is that worker alone, while it runs.
    """
    from ops.node.holding import hold  # noqa: PLC0415

    if pid is None:
        hold(_workers(queue, pid))
    return _order("pause", queue, pid, as_json)


@node.command()
@_chosen
def resume(queue: str | None, pid: int | None, as_json: bool) -> int:
    """Receive again after a pause.

    Where an agent looks after the node it is taken back from the scaling engine first. A node whose
    end is claimed stays paused, as does one whose agent or registry does not answer. Returns when
    the agent has seen it too: `ops node ping` says so from then on.
    """
    from ops.node.holding import await_resumed, let_go, take_back  # noqa: PLC0415

    workers = _workers(queue, pid)
    take_back(workers)
    if pid is None:
        let_go(workers)
    code = _order("resume", queue, pid, as_json)
    if code == Exit.DONE:
        for line in await_resumed(_workers(queue, pid), whole=pid is None):
            say(line)
    return code


@node.command()
@click.option(
    "--within",
    type=Within(),
    help="Hand back what still runs after this long; else after the queue's drain_budget.",
)
@click.option(
    "--spot",
    is_flag=True,
    help="The machine is being reclaimed: hand back also what is on its last receive.",
)
@click.option("--wait", is_flag=True, help="Return when the workers have left.")
@_chosen
def drain(  # noqa: PLR0917
    queue: str | None,
    pid: int | None,
    as_json: bool,
    within: timedelta | None,
    spot: bool,
    wait: bool,
) -> int:
    """Finish what runs, hand back the rest, and end the worker."""
    workers = _workers(queue, pid)
    options = {"within_seconds": None if within is None else within.total_seconds(), "spot": spot}
    code = _order("drain", queue, pid, as_json, **options)
    if wait and code == Exit.DONE:
        _wait(workers)
    return code


def _workers(queue: str | None, pid: int | None) -> list[Worker]:
    from ops.node.local import workers  # noqa: PLC0415

    return workers(queue=queue, pid=pid)


def _order(verb: str, queue: str | None, pid: int | None, as_json: bool, **options: Any) -> int:
    from ops.node.local import order  # noqa: PLC0415

    found = _workers(queue, pid)
    if not found:
        raise OpsError(_nobody(queue, pid), Exit.DRIFTED)
    answers = [order(worker, verb, **options) for worker in found]
    if as_json:
        print_json({"workers": answers})
    else:
        for answer in answers:
            said = f"{verb} accepted" if answer["ok"] else answer["error"]
            print_line(f"{answer['queue']} {answer['pid']}: {said}")
    return Exit.DONE if all(answer["ok"] for answer in answers) else Exit.FAILED


def _wait(workers: list[Worker]) -> None:
    with progress("draining", len(workers)) as step:
        for worker in workers:
            step(f"{worker.queue} {worker.pid}")
            while worker.alive():
                time.sleep(0.2)
    say(f"{len(workers)} left")


def _nobody(queue: str | None, pid: int | None) -> str:
    from worker.control import DIRECTORY_VARIABLE, directory  # noqa: PLC0415

    which = f" of queue {queue}" if queue else ""
    which += f" with process id {pid}" if pid else ""
    return (
        f"{directory()}: expected the socket of a worker{which}, found none: start one, or set "
        f"{DIRECTORY_VARIABLE} to the folder its worker was given"
    )
