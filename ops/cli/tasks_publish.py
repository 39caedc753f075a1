"""`ops tasks publish`: the calls of a JSON Lines file, sent in bulk."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import counting
from ops.cli.output import print_json, print_line, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.tasks.publish import Order
    from worker.publish import Report

#: So many refused lines are said one by one.
_SAID_AT_MOST = 10


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "file",
    type=click.File("rb"),
    required=True,
    help="The calls: JSON Lines, a call a line; - for standard input.",
)
@click.option("--queue", help="A queue of the manifest; else the one whose tasks match NAME.")
@click.option(
    "--countdown",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Run them no earlier than so many seconds from now.",
)
@click.option("--eta", metavar="TIME", help="Run them no earlier than this: 2026-11-21T18:00:00Z.")
@click.option(
    "--skip",
    type=click.IntRange(min=0),
    default=0,
    metavar="LINES",
    help="Leave out so many lines at the beginning, as after an interrupted run.",
)
@click.option("--check", is_flag=True, help="Read and check the lines, and send nothing.")
@json_option
@pass_ops
def publish(
    ops: Ops,
    *,
    name: str,
    file: IO[bytes],
    queue: str | None,
    countdown: float | None,
    eta: str | None,
    skip: int,
    check: bool,
    as_json: bool,
) -> int:
    """Publish a task once for each line of a file.

    A line is a JSON array of arguments, such as [1, "a"], or an object of keyword arguments, such
    as {"id": 1}; in an object, "*" may hold an array of arguments beside them. A file is checked
    whole before its first line is sent; a pipe, line by line.

    The task need not be importable here: it is sent by name, to the queue that the manifest gives
    it. Ctrl-C says what was sent and how to go on. Exits 1 if SQS refused a line.
    """
    from ops.tasks.lines import as_data  # noqa: PLC0415
    from ops.tasks.publish import Order, can_be_read_twice, queue_of, why  # noqa: PLC0415
    from ops.tasks.publish import check as check_lines  # noqa: PLC0415
    from ops.tasks.publish import send as send_lines  # noqa: PLC0415
    from worker.publish import Interrupted, Stopped  # noqa: PLC0415

    fleet = ops.fleet()
    order = Order(
        name,
        queue_of(fleet, name, queue),
        file,
        "standard input" if file is sys.stdin.buffer else str(file.name),
        skip,
        countdown,
        _moment(eta, countdown),
    )
    total = None
    if check or can_be_read_twice(file):
        with counting("checking", None) as told:
            total = check_lines(order, told)
    if check:
        return _end(as_json, order, {"would_send": total}, f"would send {total}")
    if total is not None:
        file.seek(0)
    try:
        with counting("publishing", total) as told:
            report = send_lines(fleet, order, told)
    except Interrupted as interrupted:
        _stopped(as_json, order, interrupted.report, "interrupted")
        return Exit.INTERRUPTED
    except Stopped as stopped:
        error = why(stopped, name)
        _stopped(as_json, order, stopped.report, str(error))
        return error.code
    data = as_data(report, skip)
    for refusal in data["refusals"][:_SAID_AT_MOST]:
        say(f"{order.place}:{refusal['line']}: refused: {refusal['reason']}")
    _end(as_json, order, data, f"{report.sent} sent, {report.refused} refused")
    return Exit.FAILED if report.refused else Exit.DONE


def _moment(eta: str | None, countdown: float | None) -> datetime | None:
    if eta is None:
        return None
    if countdown is not None:
        raise OpsError("--eta: expected without --countdown, got both: leave one out", Exit.USAGE)
    try:
        moment = datetime.fromisoformat(eta)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise OpsError(
            f"--eta: expected a time with its zone, such as 2026-11-21T18:00:00Z, got {eta}",
            Exit.USAGE,
        )
    return moment


def _end(as_json: bool, order: Order, data: dict[str, Any], text: str) -> int:
    if as_json:
        print_json({"task": order.task, "queue": order.queue, **data})
    else:
        print_line(f"{order.task}: {text}, to queue {order.queue}")
    return Exit.DONE


def _stopped(as_json: bool, order: Order, report: Report, why: str) -> None:
    """Say what was sent, and how to go on from there without sending anything twice."""
    from ops.tasks.lines import as_data, ranges, shown  # noqa: PLC0415

    data = as_data(report, order.skip)
    say(why)
    source, name = shlex.quote(order.place), shlex.quote(order.task)
    say(f"{report.sent} sent; go on with --skip {data['skip']}")
    if report.unconfirmed:
        lines = data["unconfirmed"]
        picked = ";".join(f"{a}p" if a == b else f"{a},{b}p" for a, b in ranges(lines))
        say(
            f"{len(lines)} of the lines before that may have been sent or not: {shown(lines)}; "
            "to send them too, perhaps a second time: "
            f"sed -n '{picked}' {source} | ops tasks publish {name} --from -"
        )
    for refusal in data["refusals"][:_SAID_AT_MOST]:
        say(f"{order.place}:{refusal['line']}: refused: {refusal['reason']}")
    if as_json:
        print_json({"task": order.task, "queue": order.queue, **data})
